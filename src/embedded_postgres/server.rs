//! The server process: making the cluster, starting, stopping.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::binaries::Binaries;
use super::folder::{Folder, last_lines};
use super::live::{Live, PidFile, is_server};
use super::{Durability, Error, Options, PORT, SUPERUSER};

pub(super) const POLL: Duration = Duration::from_millis(5);

/// Long, because a start after a crash first replays the log.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the cluster.
pub(super) fn init(
    folder: &Folder,
    binaries: &Binaries,
    durability: Durability,
) -> Result<(), Error> {
    let unfinished = folder.unfinished_cluster();
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)
            .map_err(Error::io(format!("deleting {}", unfinished.display())))?;
    }
    folder.create_private(&unfinished)?;
    let mut command = program(folder, binaries, "initdb");
    command
        .arg("-D")
        .arg(&unfinished)
        .args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8"])
        .args(["--no-locale", "--no-instructions"]);
    if durability == Durability::Fast {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(Error::io("running initdb"))?;
    if !output.status.success() {
        return Err(Error::Initdb(last_lines(&output.stderr, 8)));
    }
    fs::rename(&unfinished, folder.cluster()).map_err(Error::io("keeping the new cluster"))
}

/// Starts the server and waits until it is ready.
pub(super) fn run(
    folder: &Folder,
    binaries: &Binaries,
    options: &Options,
) -> Result<(Live, Child), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match run_once(folder, binaries, options, deadline) {
            // The last backends of a killed server still hold the data; they notice and go.
            Err(Error::Server { tail, .. })
                if tail.contains("pre-existing shared memory block")
                    && Instant::now() < deadline =>
            {
                sleep(20 * POLL);
            }
            outcome => return outcome,
        }
    }
}

fn run_once(
    folder: &Folder,
    binaries: &Binaries,
    options: &Options,
    deadline: Instant,
) -> Result<(Live, Child), Error> {
    let cluster = folder.cluster();
    let log = File::create(folder.log()).map_err(Error::io("writing PostgreSQL's log"))?;
    let errors = log
        .try_clone()
        .map_err(Error::io("writing PostgreSQL's log"))?;
    let mut command = program(folder, binaries, "postgres");
    command.arg("-D").arg(&cluster);
    for (key, value) in settings(&folder.socket_dir()?, options) {
        command.arg("-c").arg(format!("{key}={value}"));
    }
    let mut child = command
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(Error::io("running postgres"))?;
    loop {
        if let Some(live) = PidFile::read(&cluster)
            .filter(|file| file.pid == child.id())
            .and_then(PidFile::live)
        {
            return Ok((live, child));
        }
        let ended = child.try_wait().map_err(Error::io("running postgres"))?;
        if ended.is_some() {
            return Err(failure(folder, "PostgreSQL stopped during its start"));
        }
        if Instant::now() > deadline {
            child.kill().ok();
            child.wait().ok();
            return Err(failure(folder, "PostgreSQL did not get ready"));
        }
        sleep(POLL);
    }
}

/// Ours first, the caller's after them: the last one wins.
fn settings(socket_dir: &Path, options: &Options) -> Vec<(String, String)> {
    let socket_dir = socket_dir.display().to_string().replace('"', "\"\"");
    let mut settings = vec![
        ("listen_addresses", String::new()),
        ("port", PORT.to_string()),
        // A list, so that a comma in the path needs the quotes.
        ("unix_socket_directories", format!("\"{socket_dir}\"")),
        ("unix_socket_permissions", "0700".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
    ];
    if options.durability == Durability::Fast {
        for key in ["fsync", "synchronous_commit", "full_page_writes"] {
            settings.push((key, "off".to_owned()));
        }
    }
    settings
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .chain(options.settings.iter().cloned())
        .collect()
}

/// One of Postgres's programs, under the right account, apart from our terminal and our environment.
fn program(folder: &Folder, binaries: &Binaries, name: &str) -> Command {
    let mut command = Command::new(binaries.bin.join(name));
    command
        .current_dir(&folder.data)
        .stdin(Stdio::null())
        // Ctrl-C in the terminal is for us alone; we stop the server when we are done with it.
        .process_group(0)
        // The environment may carry our secrets, and PG* variables would change settings.
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("LC_ALL", "C");
    if let Some(account) = &folder.account {
        account.apply(&mut command);
    }
    command
}

/// Stops the server with a fast shutdown and waits until it is gone; if that takes too long, with an
/// immediate one, which loses nothing but makes the next start replay the log.
pub(super) fn stop(
    folder: &Folder,
    live: &Live,
    mut child: Option<&mut Child>,
) -> Result<(), Error> {
    for signal in ["INT", "QUIT"] {
        let deadline = Instant::now() + PATIENCE / 2;
        let mut sent = false;
        while Instant::now() < deadline {
            // Reaps our own child, which would otherwise look alive for ever.
            if let Some(child) = child.as_mut()
                && child
                    .try_wait()
                    .map_err(Error::io("waiting for postgres"))?
                    .is_some()
            {
                return Ok(());
            }
            // Asked each time: once it is gone, its number may become somebody else's.
            if !is_server(live.pid, &folder.cluster()) {
                return Ok(());
            }
            if !sent {
                send(signal, live.pid)?;
                sent = true;
            }
            sleep(POLL);
        }
    }
    Err(failure(folder, "PostgreSQL did not stop"))
}

/// std cannot signal, and `kill` as a program is missing in slim images; every shell has it built in.
fn send(signal: &str, pid: u32) -> Result<(), Error> {
    Command::new("sh")
        .args(["-c", "kill -s \"$1\" \"$2\"", "sh", signal])
        .arg(pid.to_string())
        .stderr(Stdio::null())
        .status()
        .map(drop)
        .map_err(Error::io("running sh"))
}

/// A shell that waits for its standard input to close, which happens when our process ends in any way,
/// and then stops the server and deletes the data folder. It is there before the server is, so that a
/// test killed early leaves nothing either.
pub(super) fn spawn_watchdog(data: &Path) -> Result<Child, Error> {
    const SCRIPT: &str = r#"
        trap '' HUP INT TERM
        read -r _
        read -r pid 2>/dev/null <"$1/cluster/postmaster.pid" && kill -s INT "$pid"
        tries=0
        while [ -n "$pid" ] && kill -0 "$pid" && [ "$tries" -lt 500 ]; do
            tries=$((tries + 1))
            sleep 0.02
        done
        # An initdb cut short may still be writing.
        until rm -rf -- "$1" || [ "$tries" -ge 1000 ]; do
            tries=$((tries + 1))
            sleep 0.02
        done
    "#;
    Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(data)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::io("running sh"))
}

pub(super) fn failure(folder: &Folder, what: &'static str) -> Error {
    Error::Server {
        what,
        log: folder.log(),
        tail: folder.log_tail(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_callers_settings_come_last() {
        let options = Options {
            data: PathBuf::new(),
            durability: Durability::Fast,
            settings: vec![("fsync".into(), "on".into())],
        };
        let all = settings(Path::new("/a,\"b"), &options);
        assert_eq!(all.last(), Some(&("fsync".into(), "on".into())));
        assert!(all.contains(&("fsync".into(), "off".into())));
        assert!(all.contains(&("unix_socket_directories".into(), "\"/a,\"\"b\"".into())));
    }
}
