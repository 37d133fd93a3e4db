//! The data folder: `cluster` (Postgres's own), `log`, `lock`. It belongs to us, `cluster` to whoever
//! runs Postgres.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::{Account, Error, PORT, account};

/// Longest path of a Unix socket, without the closing zero byte of `sockaddr_un`.
#[cfg(target_os = "linux")]
const LONGEST_SOCKET_PATH: usize = 107;
#[cfg(not(target_os = "linux"))]
const LONGEST_SOCKET_PATH: usize = 103;

#[derive(Debug)]
pub(super) struct Folder {
    /// Canonical, so that a later start recognises the server by the path in its command line.
    pub(super) data: PathBuf,
    /// Who runs Postgres; `None` is we ourselves.
    pub(super) account: Option<Account>,
    uid: u32,
}

impl Folder {
    /// Makes the folder if it is missing, after checking that Postgres's account can get there.
    pub(super) fn open(data: &Path) -> Result<Self, Error> {
        let data =
            std::path::absolute(data).map_err(Error::io(format!("using {}", data.display())))?;
        let uid = account::current_uid()?;
        let account = match uid {
            0 => Some(Account::for_root(&data.join("cluster"))?),
            _ => None,
        };
        if let Some(account) = &account
            && let Some(ancestor) = account.first_closed_folder(&data)
        {
            return Err(Error::Unreachable {
                data,
                ancestor,
                user: account.name.clone(),
            });
        }
        create_reachable(&data)?;
        let data = data
            .canonicalize()
            .map_err(Error::io(format!("using {}", data.display())))?;
        Ok(Self { data, account, uid })
    }

    /// Waits until no other process starts or resets the cluster in this folder.
    pub(super) fn lock(&self) -> Result<File, Error> {
        let path = self.data.join("lock");
        let what = format!("locking {}", path.display());
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io(what.clone()))?;
        file.lock().map_err(Error::io(what))?;
        Ok(file)
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.data.join("cluster")
    }

    pub(super) fn has_cluster(&self) -> bool {
        self.cluster().exists()
    }

    /// Where initdb works, so that one that was cut short is never taken for a cluster.
    pub(super) fn unfinished_cluster(&self) -> PathBuf {
        self.data.join("cluster.unfinished")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.data.join("log")
    }

    /// The log's last lines, for messages.
    pub(super) fn log_tail(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        last_lines(&log, 8)
    }

    /// Major version that made the cluster.
    pub(super) fn made_by(&self) -> Option<u32> {
        fs::read_to_string(self.cluster().join("PG_VERSION"))
            .ok()?
            .trim()
            .parse()
            .ok()
    }

    /// Makes an empty folder that only Postgres's account can enter.
    pub(super) fn create_private(&self, path: &Path) -> Result<(), Error> {
        let what = format!("creating {}", path.display());
        DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(Error::io(what.clone()))?;
        if let Some(account) = &self.account {
            chown(path, Some(account.uid), Some(account.gid)).map_err(Error::io(what))?;
        }
        Ok(())
    }

    /// The folder for the socket: the cluster itself, or when its path is too long for a socket a
    /// private folder in the temporary folder.
    pub(super) fn socket_dir(&self) -> Result<PathBuf, Error> {
        if socket_fits(&self.cluster()) {
            return Ok(self.cluster());
        }
        let mut hasher = DefaultHasher::new();
        self.data.hash(&mut hasher);
        let short = std::env::temp_dir().join(format!("numbercloak-{:016x}", hasher.finish()));
        let runs_as = self.account.as_ref().map_or(self.uid, |it| it.uid);
        // The name can be guessed: a folder that somebody else put there is not used.
        match fs::symlink_metadata(&short) {
            Err(_) => self.create_private(&short)?,
            Ok(found) if found.is_dir() && found.uid() == runs_as && found.mode() & 0o077 == 0 => {}
            Ok(_) => return Err(Error::ForeignFolder(short)),
        }
        Ok(short)
    }

    pub(super) fn delete_cluster(&self) -> Result<(), Error> {
        if !socket_fits(&self.cluster())
            && let Ok(short) = self.socket_dir()
        {
            fs::remove_dir_all(&short).ok();
        }
        for path in [self.cluster(), self.unfinished_cluster()] {
            if path.exists() {
                fs::remove_dir_all(&path)
                    .map_err(Error::io(format!("deleting {}", path.display())))?;
            }
        }
        fs::remove_file(self.log()).ok();
        Ok(())
    }
}

fn socket_fits(folder: &Path) -> bool {
    let path = folder.join(format!(".s.PGSQL.{PORT}"));
    path.as_os_str().len() <= LONGEST_SOCKET_PATH
}

pub(super) fn last_lines(text: &[u8], count: usize) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Makes the missing part of `path` so that every user can pass through, whatever the umask.
pub(super) fn create_reachable(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_reachable(parent)?;
    }
    let what = format!("creating {}", path.display());
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755)).map_err(Error::io(what)),
        // Another process was faster.
        Err(_) if path.is_dir() => Ok(()),
        Err(source) => Err(Error::Io { what, source }),
    }
}

/// Whether `path` is a real folder, not a link, that belongs to `uid`.
pub(super) fn belongs_to(path: &Path, uid: u32) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_path_of_the_longest_length_fits_and_one_more_does_not() {
        let name = "/.s.PGSQL.5432".len();
        let longest = format!("/{}", "d".repeat(LONGEST_SOCKET_PATH - name - 1));
        assert!(socket_fits(Path::new(&longest)));
        assert!(!socket_fits(Path::new(&format!("{longest}d"))));
    }

    #[test]
    fn the_last_lines_of_a_short_log_are_all_of_it() {
        assert_eq!(last_lines(b"a\nb\n", 8), "a\nb");
        assert_eq!(last_lines(b"a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines(b"", 2), "");
    }
}
