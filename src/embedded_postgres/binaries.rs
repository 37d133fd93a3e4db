//! Finding the programs `initdb` and `postgres`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder::{Folder, belongs_to};
use super::{Error, OLDEST_SUPPORTED, account, default_data_dir, environment, wheel};

/// One installation of Postgres.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Binaries {
    pub(super) bin: PathBuf,
    /// Major and minor version.
    pub(super) version: (u32, u32),
}

impl Binaries {
    fn in_folder(bin: &Path) -> Option<Self> {
        // Links are followed: Postgres finds its libraries relative to where it really lies.
        let postgres = bin.join("postgres").canonicalize().ok()?;
        let bin = postgres.parent()?;
        if !bin.join("initdb").exists() {
            return None;
        }
        let output = Command::new(&postgres).arg("--version").output().ok()?;
        Some(Self {
            bin: bin.to_path_buf(),
            version: parse_version(&String::from_utf8_lossy(&output.stdout))?,
        })
    }

    fn major(&self) -> u32 {
        self.version.0
    }
}

/// The newest installation for a new cluster, the one of the same major version for an existing one;
/// the wheel only when nothing installed will do, and from the network only then.
pub(super) fn choose(folder: &Folder) -> Result<Binaries, Error> {
    let made_by = folder.made_by();
    let mut found = installed();
    if let Some(account) = &folder.account {
        found.retain(|it| account.first_closed_folder(&it.bin).is_none());
    }
    if let Some(best) = pick(&found, made_by) {
        return Ok(best.clone());
    }
    if let Some(made_by) = made_by.filter(|major| *major != wheel::MAJOR) {
        return Err(Error::VersionGone {
            data: folder.data.clone(),
            made_by,
        });
    }
    from_wheel(folder).map_err(|wheel| Error::NoBinaries {
        found: found
            .iter()
            .map(|it| format!("{}.{} in {}", it.version.0, it.version.1, it.bin.display()))
            .collect(),
        wheel,
    })
}

/// A program that comes with Postgres (`pg_dump`), of the newest installation that has it.
#[must_use]
pub fn installed_program(name: &str) -> Option<PathBuf> {
    installed()
        .into_iter()
        .filter(|it| it.bin.join(name).exists())
        .max_by_key(|it| it.version)
        .map(|it| it.bin.join(name))
}

fn pick(found: &[Binaries], made_by: Option<u32>) -> Option<&Binaries> {
    found
        .iter()
        .filter(|it| it.major() >= OLDEST_SUPPORTED)
        .filter(|it| made_by.is_none_or(|major| it.major() == major))
        .max_by_key(|it| it.version)
}

fn from_wheel(folder: &Folder) -> Result<Binaries, String> {
    let beside = folder.data.parent().unwrap_or(&folder.data);
    let default = default_data_dir();
    let uid = account::current_uid().map_err(|error| error.to_string())?;
    let unpacked = [Some(beside), default.parent()]
        .into_iter()
        .flatten()
        .map(wheel::unpacked_folder)
        // What anybody else put there is not run.
        .find(|unpacked| belongs_to(unpacked, uid) || belongs_to(unpacked, 0));
    let unpacked = match unpacked {
        Some(unpacked) => unpacked,
        None => wheel::fetch(beside)?,
    };
    Binaries::in_folder(&wheel::bin(&unpacked))
        .ok_or_else(|| format!("the programs in {} do not run here", unpacked.display()))
}

fn installed() -> Vec<Binaries> {
    let mut folders: Vec<PathBuf> = environment("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    // Debian and Ubuntu; SUSE; PGDG on Fedora and RHEL; Alpine; source; Homebrew on both chips;
    // Postgres.app.
    for (parent, prefix, below) in [
        ("/usr/lib/postgresql", "", "bin"),
        ("/usr/lib", "postgresql", "bin"),
        ("/usr", "pgsql-", "bin"),
        ("/usr/libexec", "postgresql", ""),
        ("/usr/local", "pgsql", "bin"),
        ("/opt/homebrew/opt", "postgresql", "bin"),
        ("/usr/local/opt", "postgresql", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ] {
        for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                folders.push(entry.path().join(below));
            }
        }
    }
    let mut found: Vec<Binaries> = Vec::new();
    for folder in folders {
        if let Some(binaries) = Binaries::in_folder(&folder)
            && !found.contains(&binaries)
        {
            found.push(binaries);
        }
    }
    found
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `… 18beta1`, `… 19devel`.
fn parse_version(line: &str) -> Option<(u32, u32)> {
    let (_, version) = line.split_once("(PostgreSQL) ")?;
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit() && c != '.')
        .next()?
        .split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|it| it.parse().ok()).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32, minor: u32) -> Binaries {
        Binaries {
            bin: PathBuf::from(format!("/opt/{major}.{minor}/bin")),
            version: (major, minor),
        }
    }

    #[test]
    fn versions_of_packages_and_of_betas_are_read() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 18.6\n"), Some((18, 6)));
        assert_eq!(
            parse_version("postgres (PostgreSQL) 19beta2\n"),
            Some((19, 0))
        );
        assert_eq!(parse_version("postgres (Something) 15.1"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn a_new_cluster_gets_the_newest_version_and_none_that_is_too_old() {
        let found = [version(15, 18), version(17, 2), version(16, 9)];
        assert_eq!(pick(&found, None), Some(&version(17, 2)));
        assert_eq!(pick(&[version(14, 30)], None), None);
        assert_eq!(pick(&[], None), None);
    }

    #[test]
    fn an_existing_cluster_gets_the_newest_of_its_own_major_version() {
        let found = [version(15, 1), version(15, 18), version(17, 2)];
        assert_eq!(pick(&found, Some(15)), Some(&version(15, 18)));
        assert_eq!(pick(&found, Some(16)), None);
    }
}
