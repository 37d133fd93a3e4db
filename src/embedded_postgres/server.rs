//! The server process: making the cluster, starting, finding one that runs, stopping.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::binaries::Binaries;
use super::folder::{Folder, last_lines};
use super::{Durability, Error, Options, PORT, SUPERUSER};

const POLL: Duration = Duration::from_millis(5);

/// Long, because a start after a crash first replays the log.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that accepts connections.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Live {
    pub(super) pid: u32,
    pub(super) socket_dir: PathBuf,
}

/// What `postmaster.pid` says; it grows line by line while the server starts.
#[derive(Debug, Eq, PartialEq)]
struct PidFile {
    pid: u32,
    socket_dir: Option<PathBuf>,
    ready: bool,
}

impl PidFile {
    fn read(cluster: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(cluster.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        Some(Self {
            // A standalone backend writes its id with a minus sign; that is not a server.
            pid: lines.first()?.trim().parse().ok()?,
            socket_dir: lines.get(4).filter(|it| !it.is_empty()).map(PathBuf::from),
            ready: lines.get(7).is_some_and(|status| status.trim() == "ready"),
        })
    }

    fn live(self) -> Option<Live> {
        let socket_dir = self.socket_dir.filter(|_| self.ready)?;
        Some(Live {
            pid: self.pid,
            socket_dir,
        })
    }
}

/// The server that runs on this folder, if any. One that is just starting or stopping is waited for.
pub(super) fn find_live(folder: &Folder) -> Result<Option<Live>, Error> {
    let cluster = folder.cluster();
    let deadline = Instant::now() + PATIENCE;
    while let Some(file) = PidFile::read(&cluster) {
        match command_line(file.pid) {
            // Left by a killed server; Postgres clears it away itself, after making sure that no
            // orphan of that server still uses the data.
            None => return Ok(None),
            Some(command) if !mentions(&command, &cluster) => {
                // The number went to another process since, and Postgres would take that for its
                // postmaster and refuse to start.
                let stale = cluster.join("postmaster.pid");
                fs::remove_file(&stale)
                    .map_err(Error::io(format!("deleting {}", stale.display())))?;
                return Ok(None);
            }
            Some(_) => {}
        }
        if let Some(live) = file.live()
            && UnixStream::connect(socket_path(&live.socket_dir)).is_ok()
        {
            return Ok(Some(live));
        }
        if Instant::now() > deadline {
            return Err(failure(folder, "a PostgreSQL server hangs in this folder"));
        }
        sleep(POLL);
    }
    Ok(None)
}

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
            if !command_line(live.pid).is_some_and(|it| mentions(&it, &folder.cluster())) {
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
/// and then stops the server and deletes the folder.
pub(super) fn spawn_watchdog(folder: &Folder, live: &Live) -> Result<Child, Error> {
    const SCRIPT: &str = r#"
        trap '' HUP INT TERM
        read -r _
        kill -s INT "$1" 2>/dev/null
        tries=0
        while kill -0 "$1" 2>/dev/null && [ "$tries" -lt 500 ]; do
            tries=$((tries + 1))
            sleep 0.02
        done
        case $3 in "$2"/*) ;; *) rm -rf -- "$3" ;; esac
        rm -rf -- "$2"
    "#;
    Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(live.pid.to_string())
        .arg(&folder.data)
        .arg(&live.socket_dir)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::io("running sh"))
}

/// The arguments of a process, joined by zero bytes (Linux) or spaces (elsewhere); `None` when there is
/// no such process.
fn command_line(pid: u32) -> Option<Vec<u8>> {
    if Path::new("/proc/self/cmdline").exists() {
        return fs::read(format!("/proc/{pid}/cmdline")).ok();
    }
    let output = Command::new("ps")
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}

fn mentions(command_line: &[u8], cluster: &Path) -> bool {
    let needle = cluster.as_os_str().as_encoded_bytes();
    command_line
        .windows(needle.len())
        .any(|window| window == needle)
}

fn socket_path(socket_dir: &Path) -> PathBuf {
    socket_dir.join(format!(".s.PGSQL.{PORT}"))
}

fn failure(folder: &Folder, what: &'static str) -> Error {
    Error::Server {
        what,
        log: folder.log(),
        tail: folder.log_tail(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_is_live_only_when_its_eighth_line_says_ready() {
        let starting = "4711\n/data/cluster\n1700000000\n5432\n/data/cluster\n\n 1 2\nstarting\n";
        let file = PidFile::parse(starting).unwrap();
        assert_eq!(file.pid, 4711);
        assert_eq!(file.live(), None);
        let ready = starting.replace("starting", "ready   ");
        let live = PidFile::parse(&ready).unwrap().live().unwrap();
        assert_eq!(live.socket_dir, Path::new("/data/cluster"));
    }

    #[test]
    fn a_half_written_pid_file_names_the_process_but_is_not_live() {
        let file = PidFile::parse("4711\n/data").unwrap();
        assert_eq!(file.pid, 4711);
        assert_eq!(file.live(), None);
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("-4711\n/data"), None);
    }

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
