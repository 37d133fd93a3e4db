//! `audit bundle`, `audit checkpoint` and `audit prove`: what shows others that the log is whole.
//! [`super::audit_verify`] looks whether it is.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::failure::{DATABASE, FINDING, Failure, OK};
use crate::cli::input::{When, when};
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json};
use crate::ledger::bundle::{self, BundleError, Wanted};
use crate::ledger::note::{Checkpoint, Verifier};
use crate::ledger::{LedgerError, prove, public_key};
use crate::store::checkpoints;
use crate::store::db::StoreError;
use crate::store::log;

/// How often and how long a bundle waits for a checkpoint that covers the last dropped month: 15 s in all.
const LOOKS: u32 = 60;
const LOOK: Duration = Duration::from_millis(250);

/// Whether the log is whole, and what shows it to others.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Verify the log: every record, the tree over them, manifests and checkpoints. Exit code 1 if anything
    /// is wrong.
    #[command(
        after_help = "JSON fields: ok, logs (origin, from, until, records, hashes, retired, erased, checkpoints, covered), tail \
        (records, oldest_seconds), anchors (place, origin, size, given), manifests, dropped (tombstone, table, from, until, \
        rows, by), findings (what, log, leaf, record, message), found, notes, not_proved."
    )]
    Verify(super::audit_verify::Verify),
    /// Write the log to a file that an auditor verifies at home: records, tree and checkpoint.
    #[command(after_help = "JSON fields: file, sections, leaves, records.")]
    Bundle(Bundle),
    /// Show the last checkpoint of the current log, the key that checks it, and who outside has it.
    #[command(
        after_help = "JSON fields: origin, size, key, checkpoint, places (place, origin, size, kept_at, trouble)."
    )]
    Checkpoint,
    /// Prove that a record is in the log, or that its last checkpoint continues an older one. Prints JSON.
    #[command(
        after_help = "JSON fields: origin, key, checkpoint, proof, and of a record: leaf, body, hash; of a checkpoint: old_size, size."
    )]
    Prove(Prove),
}

/// `audit bundle`.
#[derive(Args, Debug)]
pub struct Bundle {
    /// The file to write; an existing one is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Records not older than this: 2026-07-01T08:00:00Z, or how long ago: 2h, 7d.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// Records older than this, as --since.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,
    /// Records of this client only; the others stand as hashes.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Numbers, addresses and user agents go along, opened. Needs --reason, which is recorded.
    #[arg(long, requires = "reason")]
    personal: bool,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// `audit prove`.
#[derive(Args, Debug)]
pub struct Prove {
    /// The record, by its id: the `txn` of an ID token.
    #[arg(long, value_name = "ID", conflicts_with = "checkpoint")]
    record: Option<Uuid>,
    /// An older checkpoint.
    #[arg(long, value_name = "FILE", required_unless_present = "record")]
    checkpoint: Option<PathBuf>,
}

/// Runs it.
pub async fn run(globals: &Globals, command: LogCommand) -> Result<u8, Failure> {
    match command {
        LogCommand::Verify(verify) => super::audit_verify::run(globals, &verify).await,
        LogCommand::Bundle(bundle) => write_bundle(globals, &bundle).await,
        LogCommand::Checkpoint => show_checkpoint(globals).await,
        LogCommand::Prove(prove) => show_proof(globals, &prove).await,
    }
}

async fn write_bundle(globals: &Globals, wanted: &Bundle) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let now = office.desk.now;
    let key = public_key(&office.db, &office.desk.vault, now).await?;
    if wanted.personal {
        let about = json!({ "action": "bundle", "personal": true, "reason": wanted.reason });
        crate::admin::audit::exported(&office.desk, about).await?;
    }
    let shown = wanted.out.display();
    let cannot = |error: &std::io::Error| {
        let fix = "Name a new file in a folder that this user may write to.";
        Failure::usage(format!("{shown} cannot be written ({error})"), fix)
    };
    let file = new_private_file(&wanted.out).map_err(|error| cannot(&error))?;
    let mut out = BufWriter::new(file);
    let what = Wanted {
        from: wanted.since.map(|when| when.resolve(now)),
        until: wanted.until.map(|when| when.resolve(now)),
        client_id: wanted.client.clone(),
        personal: wanted.personal,
    };
    let mut db = connection(&office).await?;
    wait_for_tombstones(&mut db).await?;
    let vault = &office.desk.vault;
    let done = bundle::write(&mut db, vault, &key, &what, now, &mut out).await;
    let written = match done {
        Ok(written) => written,
        Err(BundleError::Write(error)) => return Err(cannot(&error)),
        Err(BundleError::Ledger(error)) => return Err(error.into()),
        Err(nothing @ BundleError::Nothing) => {
            return Err(Failure::new(
                FINDING,
                nothing.to_string(),
                "Start a server, and try again.",
            ));
        }
    };
    out.flush().map_err(|error| cannot(&error))?;
    if globals.json {
        print_json(&json!({
            "file": shown.to_string(),
            "sections": written.sections,
            "leaves": written.leaves,
            "records": written.records,
        }));
    } else {
        print(&format!(
            "{} records of {} leaves in {shown}. Verify it with: numbercloak audit verify --export {shown} --key '{}'",
            written.records,
            written.leaves,
            key.text()
        ));
    }
    Ok(OK)
}

/// A bundle ends with the last checkpoint. A month that was dropped since would look as if somebody had taken
/// it away: servers sign at once then, and this waits for it.
async fn wait_for_tombstones(db: &mut sqlx::PgConnection) -> Result<(), Failure> {
    for _ in 0..LOOKS {
        if checkpoints::covers_what_was_dropped(&mut *db).await? {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    note(
        "A month was dropped and no server has signed a checkpoint since: a verification of this file will call its \
        records gone. Start a server, and write it again.",
    );
    Ok(())
}

async fn show_checkpoint(globals: &Globals) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let key = public_key(&office.db, &office.desk.vault, office.desk.now).await?;
    let mut db = connection(&office).await?;
    let latest = match log::current(&mut *db).await? {
        None => None,
        Some(log) => checkpoints::latest(&mut *db, log.id)
            .await?
            .map(|latest| (log.origin, latest)),
    };
    let Some((origin, latest)) = latest else {
        return Err(Failure::new(
            FINDING,
            "no checkpoint was signed yet",
            "Start a server: it signs one within seconds.",
        ));
    };
    let places = checkpoints::places(&mut *db).await?;
    let key = key.named(&origin).text();
    if globals.json {
        let places: Vec<Value> = places
            .iter()
            .map(|place| {
                json!({
                    "place": place.place,
                    "origin": place.origin,
                    "size": place.size,
                    "kept_at": place.kept_at,
                    "trouble": place.trouble,
                })
            })
            .collect();
        print_json(&json!({
            "origin": origin,
            "size": latest.size,
            "key": key,
            "checkpoint": latest.note,
            "places": places,
        }));
        return Ok(OK);
    }
    print(&latest.note);
    let mut lines = vec![("key", key)];
    for place in &places {
        let has = match (place.size, &place.trouble) {
            (Some(size), None) => format!("{} has {size} leaves", place.place),
            (Some(size), Some(trouble)) => {
                format!("{} has {size} leaves; since then: {trouble}", place.place)
            }
            (None, trouble) => format!(
                "{}: {}",
                place.place,
                trouble.as_deref().unwrap_or("nothing yet")
            ),
        };
        lines.push(("outside", has));
    }
    print(&fields(&lines));
    Ok(OK)
}

async fn show_proof(globals: &Globals, prove: &Prove) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let key = public_key(&office.db, &office.desk.vault, office.desk.now).await?;
    let mut db = connection(&office).await?;
    if let Some(record) = prove.record {
        return match prove::inclusion(&mut db, &key, record).await? {
            Ok(proof) => {
                print_json(&proof);
                Ok(OK)
            }
            Err(error) => Err(Failure::new(FINDING, error.to_string(), "")),
        };
    }
    for (place, old) in outside(prove.checkpoint.as_slice(), Some(&key))? {
        let Some(proof) = prove::consistency(&mut db, &key, &old).await? else {
            return Err(Failure::new(
                FINDING,
                format!(
                    "nothing here continues the checkpoint from {place}: its log is unknown, or shorter"
                ),
                "Look at `audit verify --checkpoint` with it: records may be lost.",
            ));
        };
        print_json(&proof);
    }
    Ok(OK)
}

pub(super) async fn connection(
    office: &Office,
) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, Failure> {
    Ok(office
        .db
        .durable()
        .acquire()
        .await
        .map_err(StoreError::from)?)
}

/// Checkpoints given, each signed by the key.
pub(super) fn outside(
    files: &[PathBuf],
    key: Option<&Verifier>,
) -> Result<Vec<(String, Checkpoint)>, Failure> {
    let mut outside = Vec::new();
    for file in files {
        let shown = file.display();
        let text = read(file)?;
        let Some(key) = key else {
            return Err(Failure::usage(
                "a checkpoint says nothing without the key that signed it",
                "Give it with --key.",
            ));
        };
        let checkpoint = Checkpoint::open(&text, key).map_err(|error| {
            let fix = "Give a checkpoint of this deployment, or look who wrote that one.";
            Failure::new(FINDING, format!("{shown} {error}"), fix)
        })?;
        outside.push((shown.to_string(), checkpoint));
    }
    Ok(outside)
}

pub(super) fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

pub(super) fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("{} cannot be read ({error})", file.display()),
        "Name a file that this user may read.",
    )
}

/// An export may hold numbers.
fn new_private_file(path: &Path) -> std::io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => error.into(),
            LedgerError::Key(error) => error.into(),
            other => Self::new(
                DATABASE,
                other.to_string(),
                "Run `numbercloak audit verify` to see what is wrong with the log.",
            ),
        }
    }
}
