//! `audit verify`: whether the log is whole, in the database or in a file taken home.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jsonwebtoken::jwk::JwkSet;
use serde_json::{Value, json};

use crate::cli::audit_log::{connection, outside, read, unreadable};
use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{note, print, print_json};
use crate::ledger::note::Verifier;
use crate::ledger::public_key;
use crate::ledger::verify::{NOT_PROVED, Report, database, exported, offline, receipt};
use crate::store::keys;
use crate::store::log;

/// `audit verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// A file from `audit bundle`, instead of the database, or one from `audit export` with its --manifest;
    /// needs no configuration.
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// The signed manifest beside a file from `audit export`.
    #[arg(
        long,
        value_name = "FILE",
        requires = "export",
        requires = "key",
        conflicts_with = "receipt"
    )]
    manifest: Option<PathBuf>,
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

/// Runs it.
pub(super) async fn run(globals: &Globals, verify: &Verify) -> Result<u8, Failure> {
    match (&verify.export, &verify.manifest) {
        (None, _) => verify_database(globals, verify).await,
        (Some(export), None) => verify_bundle(globals, export, verify),
        (Some(export), Some(manifest)) => verify_export(globals, export, manifest, verify),
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
        pause: Duration::ZERO,
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

fn verify_bundle(globals: &Globals, export: &Path, verify: &Verify) -> Result<u8, Failure> {
    let key = verify.key.as_deref().map(read_key).transpose()?;
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

fn verify_export(
    globals: &Globals,
    export: &Path,
    manifest: &Path,
    verify: &Verify,
) -> Result<u8, Failure> {
    let key = read_key(verify.key.as_deref().unwrap_or_default())?;
    let given = exported::Given {
        manifest: read(manifest)?,
        outside: outside(&verify.checkpoint, Some(&key))?,
        key,
    };
    let file = File::open(export).map_err(|error| unreadable(export, &error))?;
    let report = exported::verify(file, &given).map_err(|error| unreadable(export, &error))?;
    Ok(show(globals, &report))
}

fn read_key(text: &str) -> Result<Verifier, Failure> {
    Verifier::parse(text)
        .map_err(|error| Failure::usage(error.to_string(), "Copy it from `audit checkpoint`."))
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

fn not_a_receipt(what: String) -> Failure {
    Failure::new(
        FINDING,
        format!("the receipt {what}"),
        "Give an ID token as the app got it, and the key set of then.",
    )
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
        lines.push(format!("FIRST  {}", first));
    }
    for finding in report.findings.iter().skip(1) {
        lines.push(format!("FOUND  {}", finding));
    }
    for log in &report.logs {
        lines.push(format!(
            "log {}: leaves {} to {}, {} records, {} as hashes ({} retired), {} erased; {} checkpoints agree, covered to {}",
            log.origin,
            log.from,
            log.until,
            log.records,
            log.hashes,
            log.retired,
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
    for dropped in &report.dropped {
        lines.push(format!(
            "dropped: {} rows of {} from {} to {}, by {}, as tombstone {} says",
            dropped.rows,
            dropped.table,
            dropped.from.format("%Y-%m-%d"),
            dropped.until.format("%Y-%m-%d"),
            dropped.by.as_deref().unwrap_or("nobody named"),
            dropped.tombstone,
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
