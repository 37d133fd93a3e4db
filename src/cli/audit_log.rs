//! `audit verify`, `audit bundle`, `audit checkpoint` and `audit prove`: whether the log is whole, and
//! what shows it to others.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::failure::{DATABASE, FINDING, Failure, OK};
use crate::cli::input::{When, when};
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json};
use crate::ledger::bundle::{self, BundleError, Wanted};
use crate::ledger::note::{Checkpoint, Verifier};
use crate::ledger::verify::{NOT_PROVED, Report, database, offline, receipt};
use crate::ledger::{LedgerError, prove, public_key};
use crate::store::checkpoints;
use crate::store::db::StoreError;
use crate::store::keys;
use crate::store::log;

/// Whether the log is whole, and what shows it to others.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Verify the log: every record, the tree over them, manifests and checkpoints. Exit code 1 if anything
    /// is wrong.
    #[command(
        after_help = "JSON fields: ok, logs (origin, from, until, records, hashes, erased, checkpoints, covered), tail (records, \
        oldest_seconds), anchors (place, origin, size, given), manifests, findings (what, log, leaf, record, message), found, \
        notes, not_proved."
    )]
    Verify(Verify),
    /// Write the log to a file that an auditor verifies at home: records, tree and checkpoint.
    #[command(after_help = "JSON fields: file, sections, leaves, records.")]
    Bundle(Bundle),
    /// Show the last checkpoint of the current log, the key that checks it, and who outside has it.
    #[command(
        after_help = "JSON fields: origin, size, key, checkpoint, places (place, origin, size, kept_at, trouble)."
    )]
    Checkpoint,
    /// Prove that a record is in the log, or that its last checkpoint continues an older one. Prints JSON.
    Prove(Prove),
}

/// `audit verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// An export from `audit bundle`, instead of the database; needs no configuration.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// The public key as `audit checkpoint` shows it, for an export.
    #[arg(long, value_name = "KEY", requires = "export")]
    key: Option<String>,
    /// A checkpoint that was kept outside the database. May be repeated.
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// An app's ID token: whether the record it names is in the log and says the same.
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// The key set that signed the ID token; by default the one in the database.
    #[arg(long, value_name = "FILE", requires = "receipt")]
    jwks: Option<PathBuf>,
    /// A log whose loss at a restore is known and accounted for. May be repeated.
    #[arg(long, value_name = "ORIGIN")]
    known_loss: Vec<String>,
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
        LogCommand::Verify(verify) => match &verify.export {
            Some(export) => verify_export(globals, export, &verify),
            None => verify_database(globals, &verify).await,
        },
        LogCommand::Bundle(bundle) => write_bundle(globals, &bundle).await,
        LogCommand::Checkpoint => show_checkpoint(globals).await,
        LogCommand::Prove(prove) => show_proof(globals, &prove).await,
    }
}

async fn verify_database(globals: &Globals, verify: &Verify) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let key = public_key(&office.db, &office.desk.vault, office.desk.now).await?;
    let mut db = connection(&office).await?;
    let given = database::Given {
        vault: &office.desk.vault,
        key: &key,
        outside: outside(&verify.checkpoint, Some(&key))?,
        known_losses: verify.known_loss.clone(),
        now: office.desk.now,
    };
    let mut report = database::verify(&mut db, &given).await?;
    if let Some(file) = &verify.receipt {
        let keys = match &verify.jwks {
            Some(file) => jwks(&read(file)?)?,
            None => jwks(&published(&mut db).await?.to_string())?,
        };
        let told = receipt::read(&read(file)?, &keys).map_err(not_a_receipt)?;
        let records = log::records_of(&mut db, told.txn).await?;
        let records: Vec<Value> = records
            .iter()
            .filter_map(|body| serde_json::from_slice(body).ok())
            .collect();
        for finding in receipt::compare(&told, &records) {
            report.add(finding);
        }
        said(&mut report, &told);
    }
    Ok(show(globals, &report))
}

fn verify_export(globals: &Globals, export: &Path, verify: &Verify) -> Result<u8, Failure> {
    let key = verify.key.as_deref().map(Verifier::parse).transpose();
    let key =
        key.map_err(|error| Failure::usage(error.to_string(), "Copy it from `audit checkpoint`."))?;
    let given = offline::Given {
        outside: outside(&verify.checkpoint, key.as_ref())?,
        key,
        known_losses: verify.known_loss.clone(),
    };
    let told = match &verify.receipt {
        None => None,
        Some(file) => {
            let keys = verify.jwks.as_ref().ok_or_else(|| {
                Failure::usage(
                    "an export has no token keys",
                    "Give the key set with --jwks.",
                )
            })?;
            Some(receipt::read(&read(file)?, &jwks(&read(keys)?)?).map_err(not_a_receipt)?)
        }
    };
    let file = File::open(export).map_err(|error| unreadable(export, &error))?;
    let wanted = told.as_ref().map(|told| told.txn);
    let (mut report, records) =
        offline::verify_looking_for(&mut BufReader::new(file), &given, wanted)
            .map_err(|error| unreadable(export, &error))?;
    if let Some(told) = told {
        for finding in receipt::compare(&told, &records) {
            report.add(finding);
        }
        said(&mut report, &told);
    }
    Ok(show(globals, &report))
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

async fn connection(
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
fn outside(
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

async fn published(db: &mut sqlx::PgConnection) -> Result<Value, Failure> {
    let rows = keys::signing_keys(db).await?;
    let keys: Vec<Value> = rows.into_iter().map(|row| row.public_jwk.0).collect();
    Ok(json!({ "keys": keys }))
}

fn jwks(text: &str) -> Result<JwkSet, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::usage(
            format!("the key set cannot be read ({error})"),
            "Give the JSON of our jwks_uri.",
        )
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(
        format!("{} cannot be read ({error})", file.display()),
        "Name a file that this user may read.",
    )
}

fn not_a_receipt(what: String) -> Failure {
    Failure::new(
        FINDING,
        format!("the receipt {what}"),
        "Give an ID token as the app got it, and the key set of then.",
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

fn said(report: &mut Report, told: &receipt::Receipt) {
    report.notes.push(format!(
        "the receipt: record {}, for {}, {}",
        told.txn,
        told.claims.get("aud").unwrap_or(&Value::Null),
        told.claims
            .get("number_verification")
            .unwrap_or(&Value::Null)
    ));
}

fn show(globals: &Globals, report: &Report) -> u8 {
    let ok = report.is_clean();
    if globals.json {
        let mut shown = json!(report);
        shown["ok"] = json!(ok);
        shown["not_proved"] = json!(NOT_PROVED);
        print_json(&shown);
    } else {
        print(&told(report));
    }
    if !ok {
        note(&format!("{} findings.", report.found));
    }
    if ok { OK } else { FINDING }
}

fn told(report: &Report) -> String {
    let mut lines = Vec::new();
    if let Some(first) = report.findings.first() {
        lines.push(format!("FIRST  {}", sentence(first)));
    }
    for finding in report.findings.iter().skip(1) {
        lines.push(format!("FOUND  {}", sentence(finding)));
    }
    for log in &report.logs {
        lines.push(format!(
            "log {}: leaves {} to {}, {} records, {} as hashes, {} erased; {} checkpoints agree, covered to {}",
            log.origin,
            log.from,
            log.until,
            log.records,
            log.hashes,
            log.erased,
            log.checkpoints,
            log.covered.map_or("nothing".to_owned(), |size| size.to_string()),
        ));
    }
    if report.tail.records > 0 {
        lines.push(format!(
            "not sealed yet: {} records, the oldest for {} s",
            report.tail.records, report.tail.oldest_seconds
        ));
    }
    lines.push(format!("{} manifests", report.manifests));
    for anchor in &report.anchors {
        let source = if anchor.given {
            "given"
        } else {
            "as the database says"
        };
        lines.push(format!(
            "anchored to {} ({source}): {} leaves of {}",
            anchor.place, anchor.size, anchor.origin
        ));
    }
    if !report.anchors.iter().any(|anchor| anchor.given) {
        lines.push(
            "anchored to nothing from outside: give a checkpoint with --checkpoint, or whoever has the keys could have \
             written all of it"
                .to_owned(),
        );
    }
    lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
    if report.is_clean() {
        lines.push("Nothing is wrong. That does not prove:".to_owned());
        lines.extend(NOT_PROVED.iter().map(|not| format!("  - {not}")));
    }
    lines.join("\n")
}

fn sentence(finding: &crate::ledger::verify::Finding) -> String {
    let mut text = String::new();
    if let Some(log) = &finding.log {
        text.push_str(log);
        text.push_str(": ");
    }
    if let Some(leaf) = finding.leaf {
        text.push_str(&format!("leaf {leaf}: "));
    }
    text.push_str(&finding.message);
    if let Some(record) = finding.record {
        text.push_str(&format!(" ({record})"));
    }
    text
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
