//! Verifying an export without a database and without any secret: with the public key and a checkpoint
//! from outside.

use std::collections::HashSet;
use std::io::BufRead;

use serde_json::Value;
use uuid::Uuid;

use crate::audit::record::commitment;
use crate::ledger::bundle::{End, Line, Section};
use crate::ledger::note::{Checkpoint, Verifier, from_base64, hash_from_base64};
use crate::ledger::tree::{Frontier, Hash, cover, leaf_hash};
use crate::ledger::verify::facts::Facts;
use crate::ledger::verify::runs::Runs;
use crate::ledger::verify::{Anchor, In, LogReport, Report, What, about};
use crate::secret::{from_b64, same};

/// What to verify against.
pub struct Given {
    /// The key of the checkpoints, in any name. Without it the export's own word is taken, and said.
    pub key: Option<Verifier>,
    /// Checkpoints from outside, with where they are from.
    pub outside: Vec<(String, Checkpoint)>,
    /// Logs whose loss is known and accounted for.
    pub known_losses: Vec<String>,
}

/// Verifies an export.
///
/// # Errors
/// If it cannot be read; what is wrong with it stands in the report.
pub fn verify(export: &mut impl BufRead, given: &Given) -> std::io::Result<Report> {
    verify_looking_for(export, given, None).map(|(report, _)| report)
}

/// The same, and finds one record on the way.
///
/// # Errors
/// As [`verify`].
pub fn verify_looking_for(
    export: &mut impl BufRead,
    given: &Given,
    wanted: Option<Uuid>,
) -> std::io::Result<(Report, Vec<Value>)> {
    let mut walk = Walk {
        given,
        report: Report::default(),
        facts: Facts::default(),
        ids: HashSet::new(),
        missing: Runs::default(),
        missing_personal: Vec::new(),
        open: None,
        whole: true,
        part: false,
        wanted,
        found: Vec::new(),
    };
    for line in export.lines() {
        walk.line(&line?);
    }
    walk.settle();
    Ok((walk.report, walk.found))
}

struct Walk<'a> {
    given: &'a Given,
    report: Report,
    facts: Facts,
    ids: HashSet<Uuid>,
    /// Leaves that stand as their hash only.
    missing: Runs,
    missing_personal: Vec<(String, u64, Uuid)>,
    open: Option<Open>,
    /// Whether every log begins with its first leaf.
    whole: bool,
    /// Whether only a part was asked for, so that records, or tombstones that name them, are left out.
    part: bool,
    wanted: Option<Uuid>,
    found: Vec<Value>,
}

/// The section being read.
struct Open {
    section: Section,
    checkpoint: Checkpoint,
    tree: Frontier,
    summary: LogReport,
    /// Checkpoints from outside within it, smallest last.
    outside: Vec<(String, Checkpoint)>,
    bodies: u64,
}

impl Walk<'_> {
    fn line(&mut self, text: &str) {
        let malformed = |message: &str| about(What::Malformed, None, message);
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) => return self.report.find(malformed("a line is not JSON")),
        };
        match self.open.take() {
            None => match serde_json::from_value::<Section>(value) {
                Ok(section) => self.open = self.begin(section),
                // Said once: what follows a section that could not be read is not looked at.
                Err(_) if self.report.found > 0 => {}
                Err(_) => self
                    .report
                    .find(malformed("a line stands where a section should begin")),
            },
            Some(open) if value.get("end").is_some() => {
                match serde_json::from_value::<End>(value) {
                    Ok(end) => self.end(open, end),
                    Err(_) => self
                        .report
                        .find(malformed("the end of a section cannot be read")),
                }
            }
            Some(mut open) => {
                match serde_json::from_value::<Line>(value) {
                    Ok(line) => self.leaf(&mut open, line),
                    Err(_) => self
                        .report
                        .find(malformed("the line of a leaf cannot be read")),
                }
                self.open = Some(open);
            }
        }
    }

    fn begin(&mut self, section: Section) -> Option<Open> {
        let within = In(&section.origin);
        let key = match &self.given.key {
            Some(key) => key.clone(),
            None => match Verifier::parse(&section.key) {
                Ok(key) => {
                    self.report.notes.push(format!(
                        "no key was given: the export's own word is taken that {} is the right one",
                        section.key
                    ));
                    key
                }
                Err(error) => {
                    self.report
                        .find(within.whole(What::Malformed, format!("the export's key {error}")));
                    return None;
                }
            },
        };
        let opened = Checkpoint::open(&section.checkpoint, &key);
        let checkpoint = match opened {
            Ok(it) if it.origin == section.origin && it.size >= section.size => it,
            Ok(_) => {
                let message = "its checkpoint is another one than the section says";
                self.report
                    .find(within.whole(What::CheckpointDiffers, message));
                return None;
            }
            Err(error) => {
                let message = format!("its checkpoint {error}");
                self.report
                    .find(within.whole(What::CheckpointDiffers, message));
                return None;
            }
        };
        if checkpoint.size > section.size {
            let message = format!(
                "its checkpoint covers {} leaves, the database had {}: records were lost or cut off",
                checkpoint.size, section.size
            );
            self.report.find(within.whole(What::Shortened, message));
        }
        let mut tree = Frontier::default();
        if !push_cover(&mut tree, 0..section.from, &section.left) || section.until < section.from {
            let message = "what stands before its first leaf cannot be read";
            self.report.find(within.whole(What::Malformed, message));
            return None;
        }
        self.whole &= section.from == 0 && section.until == section.size;
        self.note_asked(&section);
        let mut outside: Vec<_> = self
            .given
            .outside
            .iter()
            .filter(|(_, one)| one.origin == section.origin)
            .cloned()
            .collect();
        outside.sort_by_key(|(_, one)| std::cmp::Reverse(one.size));
        let mut open = Open {
            summary: LogReport {
                origin: section.origin.clone(),
                from: section.from,
                until: section.until,
                ..LogReport::default()
            },
            section,
            checkpoint,
            tree,
            outside,
            bodies: 0,
        };
        self.compare_outside(&mut open);
        Some(open)
    }

    /// An export says itself what it leaves out, and whoever verifies it is told: nobody else vouches for it.
    fn note_asked(&mut self, section: &Section) {
        let Some(asked) = &section.asked else { return };
        self.part = true;
        let mut words = vec!["only a part of the log was asked for".to_owned()];
        words.extend(
            asked
                .since
                .map(|since| format!("since {}", since.to_rfc3339())),
        );
        words.extend(
            asked
                .until
                .map(|until| format!("until {}", until.to_rfc3339())),
        );
        words.extend(asked.client.as_ref().map(|id| format!("of client {id}")));
        let note = words.join(", ");
        if !self.report.notes.contains(&note) {
            self.report.notes.push(note);
        }
    }

    fn leaf(&mut self, open: &mut Open, line: Line) {
        let origin = open.section.origin.clone();
        let within = In(&origin);
        if line.leaf != open.tree.size() {
            let message = format!(
                "leaf {} stands where leaf {} should",
                line.leaf,
                open.tree.size()
            );
            self.report
                .find(within.at(What::Malformed, line.leaf, None, message));
        }
        let leaf = open.tree.size();
        let hash = match (&line.body, &line.hash) {
            (Some(body), None) => {
                open.bodies += 1;
                open.summary.records += 1;
                self.record(&within, leaf, body, line.personal.as_ref());
                leaf_hash(body.as_bytes())
            }
            (None, Some(hash)) => {
                open.summary.hashes += 1;
                self.missing.add(&origin, leaf, None);
                hash_from_base64(hash).unwrap_or_default()
            }
            _ => {
                let message = "a leaf has neither a record nor a hash, or both";
                self.report
                    .find(within.at(What::Malformed, leaf, None, message));
                Hash::default()
            }
        };
        open.tree.push(hash);
        self.compare_outside(open);
    }

    fn record(
        &mut self,
        within: &In<'_>,
        leaf: u64,
        body: &str,
        personal: Option<&crate::ledger::bundle::Opened>,
    ) {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let id = value["id"].as_str().and_then(|id| Uuid::parse_str(id).ok());
        let Some(id) = id else {
            let message = "the record has no id";
            return self
                .report
                .find(within.at(What::Altered, leaf, None, message));
        };
        if !self.ids.insert(id) {
            let message = "the record stands at another leaf, too";
            self.report
                .find(within.at(What::TreeAltered, leaf, Some(id), message));
        }
        let is_about = |id: &str| value["id"] == id || value["txn"] == id;
        if self
            .wanted
            .is_some_and(|wanted| is_about(&wanted.to_string()))
        {
            self.found.push(value.clone());
        }
        if let Some(committed) = value["personal"].as_str().and_then(from_b64) {
            match personal {
                None => self.missing_personal.push((within.0.to_owned(), leaf, id)),
                Some(opened) => {
                    let salt = from_base64(&opened.salt).unwrap_or_default();
                    if !same(&commitment(&salt, opened.plain.as_bytes()), &committed) {
                        let message = "the personal part is not the one that the record commits to";
                        let finding = within.at(What::PersonalAltered, leaf, Some(id), message);
                        self.report.find(finding);
                    }
                }
            }
        }
        self.facts
            .gather(id, &value, &self.given.known_losses, &mut self.report);
    }

    /// Compares what was brought from outside as soon as the tree is that large.
    fn compare_outside(&mut self, open: &mut Open) {
        while let Some((place, outside)) =
            open.outside.pop_if(|(_, one)| one.size <= open.tree.size())
        {
            let within = In(&open.section.origin);
            if outside.size < open.tree.size() {
                self.report.notes.push(format!(
                    "the checkpoint from {place} covers {} leaves and this export begins later: \
                     ask for a proof that it continues it (audit prove --checkpoint)",
                    outside.size
                ));
                continue;
            }
            self.compared(
                &within,
                &place,
                &outside,
                open.tree.root(),
                &mut open.summary,
            );
        }
    }

    fn compared(
        &mut self,
        within: &In<'_>,
        place: &str,
        one: &Checkpoint,
        root: Hash,
        summary: &mut LogReport,
    ) {
        if one.root == root {
            summary.checkpoints += 1;
            summary.covered = summary.covered.max(Some(one.size));
            self.report.anchors.push(Anchor {
                place: place.to_owned(),
                origin: one.origin.clone(),
                size: one.size,
                given: true,
            });
        } else {
            let message = format!(
                "the checkpoint from {place} does not agree with the records: something among the first \
                 {} leaves was changed, removed, added or moved",
                one.size
            );
            self.report
                .find(within.whole(What::CheckpointDiffers, message));
        }
    }

    fn end(&mut self, mut open: Open, end: End) {
        let origin = open.section.origin.clone();
        let within = In(&origin);
        let leaves = open.tree.size() - open.section.from;
        if open.tree.size() != open.section.until
            || end.leaves != leaves
            || end.bodies != open.bodies
        {
            let message = "it has other leaves than its first and last line say";
            self.report.find(within.whole(What::Malformed, message));
        }
        let rest = open.tree.size()..open.section.size;
        if !push_cover(&mut open.tree, rest, &open.section.right) {
            let message = "what stands behind its last leaf cannot be read";
            self.report.find(within.whole(What::Malformed, message));
        }
        let root = open.tree.root();
        for (place, outside) in std::mem::take(&mut open.outside) {
            if outside.size == open.tree.size() {
                self.compared(&within, &place, &outside, root, &mut open.summary);
            } else if outside.size > open.section.size {
                let message = format!(
                    "the checkpoint from {place} covers {} leaves, this export {}: it is older, or \
                     records were lost or cut off",
                    outside.size, open.section.size
                );
                self.report.find(within.whole(What::Shortened, message));
            } else {
                self.report.notes.push(format!(
                    "the checkpoint from {place} covers {} leaves and this export ends before: ask for \
                     one that goes further",
                    outside.size
                ));
            }
        }
        if open.checkpoint.size == open.section.size {
            if open.checkpoint.root == root {
                open.summary.checkpoints += 1;
                open.summary.covered = Some(open.checkpoint.size);
            } else {
                let message = "the records do not give the root that its checkpoint signs: something was \
                               changed, removed, added or moved";
                self.report
                    .find(within.whole(What::CheckpointDiffers, message));
            }
        }
        self.report.logs.push(open.summary);
    }

    fn settle(&mut self) {
        if self.open.is_some() {
            let message = "the last section has no end: the export was cut off";
            self.report.find(about(What::Malformed, None, message));
        }
        if self.report.logs.is_empty() && self.report.found == 0 {
            let message = "there is no section in it";
            self.report.find(about(What::Malformed, None, message));
        }
        for (_, outside) in &self.given.outside {
            if !self
                .report
                .logs
                .iter()
                .any(|log| log.origin == outside.origin)
            {
                let message = format!(
                    "the checkpoint given is of log {}, which is not in it",
                    outside.origin
                );
                self.report.find(about(What::Shortened, None, message));
            }
        }
        let gone = self.facts.settle_missing(&self.missing, &mut self.report);
        if self.part {
            let left_out: u64 = gone.iter().map(|(_, run)| run.leaves()).sum();
            self.report.notes.push(format!(
                "{left_out} records stand as their hashes only and no tombstone here names them: they were left out \
                 as asked, or are gone"
            ));
        } else {
            for (origin, run) in gone {
                self.report.find(run.gone(&origin));
            }
        }
        let mut without = 0_u64;
        for (origin, _, id) in std::mem::take(&mut self.missing_personal) {
            if self.facts.is_erased(id) {
                if let Some(log) = self.report.logs.iter_mut().find(|log| log.origin == origin) {
                    log.erased += 1;
                }
            } else {
                without += 1;
            }
        }
        if without > 0 {
            self.report.notes.push(format!(
                "{without} records commit to a personal part that is not in the export"
            ));
        }
        let named = self.facts.take_named();
        if self.whole && !self.part {
            let missing: Vec<_> = named
                .into_iter()
                .filter(|(id, _)| !self.ids.contains(id))
                .collect();
            self.facts.settle_named(&missing, &mut self.report);
        } else {
            self.report.notes.push(
                "of a part of a log it is not checked that every record named by a manifest is there"
                    .to_owned(),
            );
        }
        self.facts.settle(self.whole, &mut self.report);
        self.report.sort();
    }
}

/// Adds what covers a range; false if it is not what should.
fn push_cover(tree: &mut Frontier, range: std::ops::Range<u64>, hashes: &[String]) -> bool {
    if range.start > range.end {
        return hashes.is_empty();
    }
    let nodes = cover(range);
    nodes.len() == hashes.len()
        && nodes.iter().zip(hashes).all(|(node, hash)| {
            hash_from_base64(hash).is_some_and(|hash| tree.push_subtree(node.level, hash).is_ok())
        })
}
