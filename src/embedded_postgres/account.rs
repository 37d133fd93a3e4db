//! Who runs Postgres: we ourselves, or as root somebody with fewer rights.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;

/// The account that Postgres is dropped to when we are root.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// The owner of an existing cluster, else `postgres`, else `nobody`.
    pub(super) fn for_root(cluster: &Path) -> Result<Self, Error> {
        let passwd = fs::read_to_string("/etc/passwd").map_err(Error::io("reading /etc/passwd"))?;
        if let Ok(owned) = fs::metadata(cluster)
            && owned.uid() != 0
        {
            let name = parse_passwd(&passwd)
                .find(|account| account.uid == owned.uid())
                .map_or_else(|| owned.uid().to_string(), |account| account.name);
            return Ok(Self {
                name,
                uid: owned.uid(),
                gid: owned.gid(),
            });
        }
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| parse_passwd(&passwd).find(|account| account.name == *name))
            .filter(|account| account.uid != 0)
            .ok_or(Error::NoAccount)
    }

    /// Makes `command` run under this account; std also drops root's supplementary groups.
    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// The topmost folder on the way to `path` that this account may not enter. Parts that do not
    /// exist yet are ours to make and do not count.
    pub(super) fn first_closed_folder(&self, path: &Path) -> Option<PathBuf> {
        let existing = path
            .ancestors()
            .find_map(|folder| folder.canonicalize().ok())?;
        let mut folders: Vec<&Path> = existing.ancestors().collect();
        folders.reverse();
        folders
            .into_iter()
            .find(|folder| !self.may_enter(folder))
            .map(Path::to_path_buf)
    }

    fn may_enter(&self, folder: &Path) -> bool {
        fs::metadata(folder).is_ok_and(|found| {
            let search_bit = if found.uid() == self.uid {
                0o100
            } else if found.gid() == self.gid {
                0o010
            } else {
                0o001
            };
            found.mode() & search_bit != 0
        })
    }
}

fn parse_passwd(passwd: &str) -> impl Iterator<Item = Account> + '_ {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let _password = fields.next()?;
        Some(Account {
            name,
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
        })
    })
}

/// Our effective user id. std cannot tell it, so the `id` program does.
pub(super) fn current_uid() -> Result<u32, Error> {
    let output = Command::new("id")
        .arg("-u")
        .output()
        .map_err(Error::io("running `id -u`"))?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| Error::io("running `id -u`")(std::io::ErrorKind::InvalidData.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_from_passwd_and_broken_lines_are_skipped() {
        let passwd =
            "root:x:0:0::/root:/bin/sh\n# note\nhalf:x:1\nnobody:x:65534:65533::/:/bin/false\n";
        let found: Vec<Account> = parse_passwd(passwd).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[1],
            Account {
                name: "nobody".into(),
                uid: 65534,
                gid: 65533
            }
        );
    }
}
