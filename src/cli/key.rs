//! `key`: the root key and the keys that sign tokens.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::admin::keys;
use crate::cli::failure::{FINDING, Failure, OK, USAGE};
use crate::cli::input::{duration, word};
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json, table};
use crate::clock::{Clock, Time};
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::RootKey;
use crate::store::keys::SigningKeyRow;
use crate::token::lifecycle::{Rotation, longest_token};

/// The root key and the keys that sign tokens.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Write a new root key to a file that only this user may read. Keep a copy in a safe place:
    /// without it nothing sealed can be opened again.
    #[command(after_help = "JSON fields: root_key_id, file.")]
    Init {
        /// Where to; an existing file is never overwritten.
        #[arg(long, value_name = "FILE", default_value = "root.key")]
        out: PathBuf,
    },
    /// List the keys that sign tokens, and the active root key.
    #[command(
        after_help = "JSON fields: root_key_id, rotate_every_s (0: only people rotate), signing_keys (kid, alg, \
        status, created_at, activated_at, retiring_at, retired_at, moves_at: when it moves on by itself)."
    )]
    List,
    /// Make and publish the next key of an algorithm, unless there is one.
    #[command(after_help = "JSON fields: alg, made (false: there was one).")]
    Stage {
        /// The algorithm, such as RS256.
        #[arg(long, value_parser = word::<SigningAlg>)]
        alg: SigningAlg,
    },
    /// Let the next key of an algorithm sign from now on.
    #[command(after_help = "JSON fields: alg, old, active, next.")]
    Rotate(Rotate),
    /// Take one key out of the published set at once and erase its private part: no token it signed verifies
    /// any more. If it is the one that signs, the next one signs from now on.
    #[command(after_help = "JSON fields: kid, alg, was, active, next.")]
    Revoke {
        /// Its id, as `key list` tells it.
        // base64url: one in 64 begins like a flag.
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// You know that everybody with a token of it must sign in again.
        #[arg(long)]
        yes: bool,
    },
    /// Seal everything anew under the active root key, while the servers run; then the retired root
    /// key can be taken out of the configuration.
    #[command(after_help = "JSON fields: root_key_id, moved, already, changed_meanwhile.")]
    Rewrap,
}

/// `key rotate`.
#[derive(Args, Debug)]
pub struct Rotate {
    /// The algorithm: RS256 or ES256.
    #[arg(long, value_parser = word::<SigningAlg>)]
    alg: SigningAlg,
    /// How long the next key must have been published, so that apps know it.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    published_for: Duration,
    /// The active key may be in other hands: unpublish it now. Everybody with a token of it must sign
    /// in again. Needs --yes.
    #[arg(long, requires = "yes")]
    compromised: bool,
    /// Confirms --compromised.
    #[arg(long)]
    yes: bool,
}

/// Runs it.
pub async fn run(globals: &Globals, command: KeyCommand) -> Result<u8, Failure> {
    match command {
        KeyCommand::Init { out } => init(globals, &out),
        KeyCommand::List => {
            let office = globals.office().await?;
            let rows = keys::list(&office.desk).await?;
            list(globals, &office, &rows);
            Ok(OK)
        }
        KeyCommand::Stage { alg } => {
            let office = globals.office().await?;
            let made = keys::stage(&office.desk, &office.db, alg).await?;
            if globals.json {
                print_json(&json!({ "alg": alg, "made": made }));
            } else if made {
                print("The next key is published.");
            } else {
                print("There is a next key already.");
            }
            Ok(OK)
        }
        KeyCommand::Rotate(rotate) => {
            let office = globals.office().await?;
            let why = if rotate.compromised {
                Rotation::Compromised
            } else {
                Rotation::Planned {
                    min_publish: rotate.published_for,
                }
            };
            let done = keys::rotate(&office.desk, &office.db, rotate.alg, why).await?;
            if globals.json {
                print_json(&json!({
                    "alg": rotate.alg,
                    "old": done.old,
                    "active": done.active,
                    "next": done.next,
                }));
            } else {
                print(&fields(&[
                    ("signed until now", done.old),
                    ("signs from now on", done.active),
                    ("next", done.next),
                ]));
            }
            Ok(OK)
        }
        KeyCommand::Revoke { kid, yes } => revoke(globals, &kid, yes).await,
        KeyCommand::Rewrap => {
            let office = globals.office().await?;
            let done = keys::rewrap(&office.desk, &office.db).await?;
            let root = office.desk.vault.key_id();
            if globals.json {
                print_json(&json!({
                    "root_key_id": root,
                    "moved": done.moved,
                    "already": done.already,
                    "changed_meanwhile": done.changed_meanwhile,
                }));
            } else {
                print(&format!(
                    "{} sealed anew under {root}, {} were already.",
                    done.moved, done.already
                ));
            }
            if done.changed_meanwhile > 0 {
                note("Some were replaced meanwhile: run it again to see that they are done.");
                return Ok(FINDING);
            }
            Ok(OK)
        }
    }
}

async fn revoke(globals: &Globals, kid: &str, yes: bool) -> Result<u8, Failure> {
    if !yes {
        let message = format!("no token that {kid} signed would verify any more");
        let fix = "If everybody with one may sign in again, repeat the command with --yes.";
        return Err(Failure::new(FINDING, message, fix));
    }
    let office = globals.office().await?;
    let done = keys::revoke(&office.desk, &office.db, kid).await?;
    if globals.json {
        print_json(&json!({
            "kid": done.kid,
            "alg": done.alg,
            "was": done.was.as_str(),
            "active": done.active,
            "next": done.next,
        }));
    } else {
        print(&fields(&[
            ("revoked", done.kid),
            ("was", done.was.as_str().to_owned()),
            ("signs from now on", done.active),
            ("next", done.next),
        ]));
    }
    Ok(OK)
}

fn init(globals: &Globals, out: &Path) -> Result<u8, Failure> {
    let key = RootKey::generate(Clock::system().now());
    write_new_private_file(out, &zeroize::Zeroizing::new(key.reveal() + "\n"))?;
    let file = out.display().to_string();
    if globals.json {
        print_json(&json!({ "root_key_id": key.id, "file": file }));
    } else {
        print(&fields(&[("root key", key.id.clone()), ("file", file)]));
        note(
            "Name it in keys.root_key_file, and keep a copy where the database's backups are not.",
        );
    }
    Ok(OK)
}

/// Never follows or replaces what is there: a root key overwritten is everything sealed lost.
fn write_new_private_file(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let shown = path.display();
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::new(
            USAGE,
            format!("{shown} exists already"),
            "Name another file with --out; a root key is never overwritten.",
        ),
        _ => Failure::new(
            USAGE,
            format!("{shown} cannot be written ({error})"),
            "Name a file in a folder that this user may write to.",
        ),
    })
}

fn list(globals: &Globals, office: &Office, rows: &[SigningKeyRow]) {
    let root = office.desk.vault.key_id();
    let every = office.tools.keys.rotate_every;
    let longest = longest_token(office.tools.login.id_token);
    let moves_at = |row| keys::moves_at(row, rows, every, longest);
    if globals.json {
        let keys: Vec<Value> = rows
            .iter()
            .map(|row| {
                json!({
                    "kid": row.kid,
                    "alg": row.alg,
                    "status": row.status.as_str(),
                    "created_at": row.created_at,
                    "activated_at": row.activated_at,
                    "retiring_at": row.retiring_at,
                    "retired_at": row.retired_at,
                    "moves_at": moves_at(row),
                })
            })
            .collect();
        return print_json(&json!({
            "root_key_id": root,
            "rotate_every_s": every.as_secs(),
            "signing_keys": keys,
        }));
    }
    let day = |time: Option<Time>| time.map(|at| at.to_rfc3339()).unwrap_or_default();
    let table_rows: Vec<_> = rows
        .iter()
        .map(|row| {
            [
                row.kid.clone(),
                row.alg.clone(),
                row.status.as_str().to_owned(),
                row.created_at.to_rfc3339(),
                day(row.activated_at),
                day(moves_at(row)),
            ]
        })
        .collect();
    print(&format!("root key {root}\n"));
    print(&table(
        [
            "kid",
            "alg",
            "status",
            "published",
            "signs since",
            "moves on",
        ],
        &table_rows,
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{b64, random};

    #[test]
    fn a_root_key_file_is_private_and_never_overwritten() {
        let path = std::env::temp_dir().join(format!("numbercloak-{}", b64(&random::<12>())));
        write_new_private_file(&path, "first\n").unwrap();
        let again = write_new_private_file(&path, "second\n").unwrap_err();
        assert_eq!(again.code, USAGE);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "first\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
