//! Recognising the server that runs on a folder, after whoever started it may be gone.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Instant;

use super::folder::Folder;
use super::server::{PATIENCE, POLL, failure};
use super::{Error, PORT};

/// A server that accepts connections.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Live {
    pub(super) pid: u32,
    pub(super) socket_dir: PathBuf,
}

/// What `postmaster.pid` says; it grows line by line while the server starts.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct PidFile {
    pub(super) pid: u32,
    socket_dir: Option<PathBuf>,
    ready: bool,
}

impl PidFile {
    pub(super) fn read(cluster: &Path) -> Option<Self> {
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

    pub(super) fn live(self) -> Option<Live> {
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

/// Whether the process is the server of this cluster, and not one that got its number since.
pub(super) fn is_server(pid: u32, cluster: &Path) -> bool {
    command_line(pid).is_some_and(|command| mentions(&command, cluster))
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
}
