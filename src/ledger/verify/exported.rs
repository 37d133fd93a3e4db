//! Verifying an export of records against its signed manifest, without a database: whether the file is the
//! one that was written, whole, in order and what was asked for.

use std::io::{BufRead, BufReader, Read};

use aws_lc_rs::digest::{Context, SHA256};
use chrono::TimeDelta;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Time;
use crate::ledger::exported::{self, Manifest, Told};
use crate::ledger::note::{Checkpoint, Verifier};
use crate::ledger::verify::{Anchor, Report, What, about};

/// What to verify against.
pub struct Given {
    /// The key of the log.
    pub key: Verifier,
    /// The manifest, as a note.
    pub manifest: String,
    /// Checkpoints from outside, with where they are from.
    pub outside: Vec<(String, Checkpoint)>,
}

/// Verifies an export.
///
/// # Errors
/// If it cannot be read; what is wrong with it stands in the report.
pub fn verify(file: impl Read, given: &Given) -> std::io::Result<Report> {
    let mut report = Report::default();
    let manifest = match exported::open(&given.manifest, &given.key) {
        Ok(manifest) => manifest,
        Err(error) => {
            let message = format!("the manifest {error}");
            report.find(about(What::ExportDiffers, None, message));
            return Ok(report);
        }
    };
    let told = &manifest.told;
    report.notes.push(format!(
        "export {} of {} for {}: {} records, asked for {}",
        told.export,
        told.finished_at.to_rfc3339(),
        told.requested_by,
        told.records,
        told.filters
    ));
    checkpoints(&manifest, given, &mut report);
    let mut hashed = Hashed {
        inner: file,
        hash: Context::new(&SHA256),
        bytes: 0,
    };
    let mut seen = Seen::new(told, &mut report);
    match told.format.as_str() {
        "csv" => table(&mut hashed, &mut seen)?,
        "jsonl" => lines(&mut hashed, &mut seen)?,
        other => seen.wrong(None, format!("a file of format {other} cannot be read")),
    }
    std::io::copy(&mut hashed, &mut std::io::sink())?;
    seen.end();
    let hash: String = hashed.hash.finish().as_ref().iter().map(hex).collect();
    if hash != told.sha256 || hashed.bytes != told.bytes {
        let message = format!(
            "the file is not the one that was written: it has {} bytes and SHA-256 {hash}, the manifest says {} \
             and {}",
            hashed.bytes, told.bytes, told.sha256
        );
        report.find(about(What::ExportDiffers, None, message));
    }
    Ok(report)
}

fn hex(byte: &u8) -> String {
    format!("{byte:02x}")
}

/// The checkpoints that the manifest names: signed, and not in contradiction to those from outside.
fn checkpoints(manifest: &Manifest, given: &Given, report: &mut Report) {
    let mut logs = Vec::new();
    for note in &manifest.checkpoints {
        match Checkpoint::open(note, &given.key) {
            Ok(checkpoint) => logs.push(checkpoint),
            Err(error) => {
                let message = format!("a checkpoint in the manifest {error}");
                report.find(about(What::CheckpointDiffers, None, message));
            }
        }
    }
    for (place, outside) in &given.outside {
        let named = logs.iter().find(|log| log.origin == outside.origin);
        match named {
            Some(log) if log.size == outside.size && log.root == outside.root => {
                report.anchors.push(Anchor {
                    place: place.clone(),
                    origin: outside.origin.clone(),
                    size: outside.size,
                    given: true,
                });
            }
            Some(log) if log.size == outside.size => {
                let message = format!(
                    "the checkpoint from {place} and the manifest's are of the same size and differ: two \
                     auditors were shown different logs"
                );
                report.find(about(What::CheckpointDiffers, None, message));
            }
            Some(log) => report.notes.push(format!(
                "the checkpoint from {place} covers {} leaves, the manifest's {}: ask for a proof that one \
                 continues the other (audit prove --checkpoint)",
                outside.size, log.size
            )),
            None => {
                let message = format!(
                    "the checkpoint from {place} is of log {}, which the manifest does not know",
                    outside.origin
                );
                report.find(about(What::Shortened, None, message));
            }
        }
    }
    let covered = match manifest.uncovered_from {
        None => "all its records are under a checkpoint that the manifest names".to_owned(),
        Some(from) => format!(
            "its records from {from} on may not be under a checkpoint of the manifest: ask for it again (audit \
             exports --manifest)"
        ),
    };
    report.notes.push(covered);
}

/// Reads through, and hashes on the way.
struct Hashed<R> {
    inner: R,
    hash: Context,
    bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hash.update(&into[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// The records of a file, one after the other.
struct Seen<'a> {
    told: &'a Told,
    report: &'a mut Report,
    records: u64,
    first: Option<Uuid>,
    last: Option<Uuid>,
}

impl<'a> Seen<'a> {
    fn new(told: &'a Told, report: &'a mut Report) -> Self {
        Self {
            told,
            report,
            records: 0,
            first: None,
            last: None,
        }
    }

    fn wrong(&mut self, record: Option<Uuid>, message: impl Into<String>) {
        self.report
            .find(about(What::ExportDiffers, record, message));
    }

    fn record(&mut self, id: Uuid, authentic: bool) {
        self.records += 1;
        if self.last.is_some_and(|last| last <= id) {
            self.wrong(Some(id), "the record is not older than the one before it");
        }
        self.first = self.first.or(Some(id));
        self.last = Some(id);
        if !authentic {
            let message = "the record did not carry our MAC when it was exported";
            self.report.find(about(What::NoMac, Some(id), message));
        }
    }

    fn end(mut self) {
        let told = self.told;
        if self.records != told.records {
            let message = format!(
                "the file has {} records, the manifest says {}",
                self.records, told.records
            );
            self.wrong(None, message);
        } else if self.first != told.first || self.last != told.last {
            self.wrong(
                None,
                "its first and last record are not those of the manifest",
            );
        }
    }
}

#[derive(Deserialize)]
struct Line {
    id: Uuid,
    body: String,
    authentic: bool,
}

fn lines(file: &mut impl Read, seen: &mut Seen<'_>) -> std::io::Result<()> {
    for line in BufReader::new(file).lines() {
        let Ok(line) = serde_json::from_str::<Line>(&line?) else {
            seen.records += 1;
            seen.wrong(None, "a line is not one of an export");
            continue;
        };
        seen.record(line.id, line.authentic);
        let body: Value = serde_json::from_str(&line.body).unwrap_or_default();
        if body["id"].as_str() != Some(line.id.to_string().as_str()) {
            seen.wrong(Some(line.id), "the line's id is not that of its record");
        } else if let Some(name) = outside_filter(&seen.told.filters, &body) {
            let message = format!("the record is not one that was asked for: {name}");
            seen.wrong(Some(line.id), message);
        }
    }
    Ok(())
}

fn table(file: &mut impl Read, seen: &mut Seen<'_>) -> std::io::Result<()> {
    let mut reader = csv::Reader::from_reader(file);
    let headings = reader.headers().cloned().unwrap_or_default();
    let column = |name: &str| headings.iter().position(|heading| heading == name);
    let (Some(id), Some(authentic)) = (column("id"), column("authentic")) else {
        seen.wrong(None, "its first line is not that of an export");
        return Ok(());
    };
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) if error.is_io_error() => return Err(std::io::Error::other(error)),
            Err(_) => csv::StringRecord::new(),
        };
        match row.get(id).and_then(|id| Uuid::parse_str(id).ok()) {
            Some(id) => seen.record(id, row.get(authentic) == Some("true")),
            None => {
                seen.records += 1;
                seen.wrong(None, "a line is not one of an export");
            }
        }
    }
    Ok(())
}

/// The first filter that a record does not pass, of those that can be told from the record alone.
fn outside_filter(filters: &Value, body: &Value) -> Option<&'static str> {
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Time>().ok());
    let at = time(&body["at"]);
    // Records are found by their ids, which tell milliseconds.
    let slack = TimeDelta::milliseconds(1);
    if time(&filters["since"]).is_some_and(|since| at.is_none_or(|at| at < since - slack)) {
        return Some("since");
    }
    if time(&filters["until"]).is_some_and(|until| at.is_none_or(|at| at > until + slack)) {
        return Some("until");
    }
    const SAME: [(&str, &str); 6] = [
        ("type", "type"),
        ("login", "login_id"),
        ("client", "client_id"),
        ("operator", "operator"),
        ("outcome", "outcome"),
        ("actor", "actor"),
    ];
    let differs = |(asked, told): &&(&str, &str)| {
        filters[asked].as_str().is_some() && filters[asked] != body[told]
    };
    SAME.iter().find(differs).map(|(asked, _)| *asked)
}
