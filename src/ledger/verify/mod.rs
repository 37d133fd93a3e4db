//! Verifying the log: on the database ([`database`]) and, without it, on a bundle ([`offline`]); an export
//! against its manifest ([`exported`]); and an app's ID token as a receipt ([`receipt`]).

pub mod database;
pub mod exported;
mod facts;
pub mod offline;
pub mod receipt;
mod runs;

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Time;

/// Findings listed; further ones are only counted.
const LISTED: usize = 1000;

/// What a good verification does not prove, in the words of docs/audit.md.
pub const NOT_PROVED: [&str; 4] = [
    "that the operator told the truth, or that a person and not a device was there",
    "that nothing was left out before it was recorded: a server that is itself in other hands writes what it likes",
    "against whoever has the root key: what was sealed after the last checkpoint kept outside, and by whom",
    "against a database administrator: records of the last second before a server died, named by no manifest",
];

/// What is wrong, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A sealed record's bytes are not those that were sealed.
    Altered,
    /// A record's MAC is not ours.
    NoMac,
    /// A search copy says something else than the record.
    CopyDiffers,
    /// A sealed record is gone, and no sealed record says why.
    Gone,
    /// A record's personal part is gone, and no sealed record says why.
    PersonalGone,
    /// A personal part is not the one that the record commits to.
    PersonalAltered,
    /// The stored tree is not the tree over the records.
    TreeAltered,
    /// The log's head was not written by a server of ours.
    HeadAltered,
    /// A checkpoint says something else than the log, or is not signed by its key.
    CheckpointDiffers,
    /// A checkpoint covers more than there is: records were lost or cut off.
    Shortened,
    /// A manifest names a record that is not there.
    ManifestedGone,
    /// A manifest is missing between others.
    ManifestMissing,
    /// A record stands in no log and does not wait to be sealed.
    TakenOut,
    /// A record was refused when it was to be sealed.
    Refused,
    /// Records wait to be sealed for too long.
    Unsealed,
    /// A log was begun because the one before was not what was sealed.
    LogLost,
    /// The export is not complete, or not in its format.
    Malformed,
    /// An export is not the one that its manifest describes.
    ExportDiffers,
    /// A receipt is not what it should be.
    Receipt,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub what: What,
    /// In which log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// At which leaf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
    /// Which record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Uuid>,
    /// In a sentence.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(log) = &self.log {
            write!(f, "{log}: ")?;
        }
        if let Some(leaf) = self.leaf {
            write!(f, "leaf {leaf}: ")?;
        }
        f.write_str(&self.message)?;
        if let Some(record) = self.record {
            write!(f, " ({record})")?;
        }
        Ok(())
    }
}

/// One log as it was found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogReport {
    /// Its name.
    pub origin: String,
    /// Leaves looked at: from here
    pub from: u64,
    /// to here.
    pub until: u64,
    /// Records whose bytes were there.
    pub records: u64,
    /// Leaves known by their hash only, because they were retired or left out of an export.
    pub hashes: u64,
    /// Those of them that tombstones name.
    pub retired: u64,
    /// Records whose personal part was erased.
    pub erased: u64,
    /// Checkpoints that were compared and agree.
    pub checkpoints: u64,
    /// The size of the largest of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered: Option<u64>,
}

/// A checkpoint that somebody outside has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Anchor {
    /// Where.
    pub place: String,
    /// The log.
    pub origin: String,
    /// Its size then.
    pub size: u64,
    /// Whether this verification read it there itself; otherwise the database says so.
    pub given: bool,
}

/// A month that is older than it is kept, and the record that stays in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// The record that says so: the tombstone.
    pub tombstone: Uuid,
    /// What went: `audit_records`, or `audit_personal` for their personal parts.
    pub table: String,
    /// Of this time
    pub from: Time,
    /// and before this.
    pub until: Time,
    /// Rows that went.
    pub rows: i64,
    /// Who had them dropped: `system` for the server by itself.
    pub by: Option<String>,
}

/// Records that are not sealed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tail {
    /// How many.
    pub records: u64,
    /// How long the oldest one has waited.
    pub oldest_seconds: i64,
}

/// What a verification found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The logs, oldest first.
    pub logs: Vec<LogReport>,
    /// What waits to be sealed.
    pub tail: Tail,
    /// The checkpoints it is anchored to.
    pub anchors: Vec<Anchor>,
    /// Manifests that were compared.
    pub manifests: u64,
    /// Months that were dropped lawfully, as their tombstones say.
    pub dropped: Vec<Dropped>,
    /// What is wrong; the first one is the first bad record.
    pub findings: Vec<Finding>,
    /// How many things are wrong.
    pub found: u64,
    /// What is worth knowing and no fault.
    pub notes: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.found == 0
    }

    /// Adds what was found beside the log: about a receipt.
    pub fn add(&mut self, finding: Finding) {
        self.find(finding);
    }

    fn find(&mut self, finding: Finding) {
        self.found += 1;
        if self.findings.len() < LISTED {
            self.findings.push(finding);
        }
    }

    /// Puts findings in the order of logs and leaves, those without a place last.
    fn sort(&mut self) {
        let logs: Vec<String> = self.logs.iter().map(|log| log.origin.clone()).collect();
        self.findings.sort_by_key(|finding| {
            let log = finding.log.as_ref();
            let log = log.and_then(|log| logs.iter().position(|known| known == log));
            (log.unwrap_or(usize::MAX), finding.leaf.unwrap_or(u64::MAX))
        });
    }
}

/// Builds findings of one log.
struct In<'a>(&'a str);

impl In<'_> {
    fn at(
        &self,
        what: What,
        leaf: u64,
        record: Option<Uuid>,
        message: impl Into<String>,
    ) -> Finding {
        Finding {
            what,
            log: Some(self.0.to_owned()),
            leaf: Some(leaf),
            record,
            message: message.into(),
        }
    }

    fn whole(&self, what: What, message: impl Into<String>) -> Finding {
        Finding {
            what,
            log: Some(self.0.to_owned()),
            leaf: None,
            record: None,
            message: message.into(),
        }
    }
}

fn about(what: What, record: Option<Uuid>, message: impl Into<String>) -> Finding {
    Finding {
        what,
        log: None,
        leaf: None,
        record,
        message: message.into(),
    }
}
