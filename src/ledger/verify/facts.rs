//! What sealed records say about other records: who is named by a manifest, erased, retired, refused.
//! Gathered while the log is walked, and settled at its end.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::audit::event::{LogBeginning, SealRefusal};
use crate::clock::Time;
use crate::ledger::verify::{Report, What, about};
use crate::secret::first_id;

/// The fields of docs/decisions/0005-the-log.md.
#[derive(Deserialize)]
struct Manifest {
    server: String,
    serial: u64,
    records: Vec<Uuid>,
}

#[derive(Deserialize)]
struct Refused {
    record: Uuid,
    reason: SealRefusal,
}

#[derive(Deserialize)]
struct Started {
    origin: String,
    reason: LogBeginning,
    previous: Option<Previous>,
}

#[derive(Deserialize)]
struct Previous {
    origin: String,
}

#[derive(Deserialize)]
struct Erased {
    records: Vec<Uuid>,
}

#[derive(Deserialize)]
struct Dropped {
    table: String,
    from: Time,
    until: Time,
    rows: u64,
}

/// Ids from one on and before another.
#[derive(Clone, Copy)]
struct IdRange {
    from: Uuid,
    until: Uuid,
}

impl IdRange {
    fn has(self, id: Uuid) -> bool {
        self.from <= id && id < self.until
    }
}

/// What was gathered.
#[derive(Default)]
pub(super) struct Facts {
    erased: HashSet<Uuid>,
    erased_ranges: Vec<IdRange>,
    retired: Vec<IdRange>,
    /// Records that were retired, in all.
    retired_rows: u64,
    refused: HashMap<Uuid, SealRefusal>,
    serials: BTreeMap<String, Vec<u64>>,
    /// Ids that manifests name and that are to be looked for, with the manifest.
    named: Vec<(Uuid, Uuid)>,
    pub(super) manifests: u64,
}

impl Facts {
    /// Takes in what a sealed, intact record says. A loss that is known to be one is no finding.
    pub(super) fn gather(
        &mut self,
        id: Uuid,
        body: &Value,
        known_losses: &[String],
        report: &mut Report,
    ) {
        match body["type"].as_str() {
            Some("AUDIT_MANIFEST") => {
                if let Ok(manifest) = Manifest::deserialize(body) {
                    self.manifests += 1;
                    let serials = self.serials.entry(manifest.server).or_default();
                    serials.push(manifest.serial);
                    let named = manifest.records.into_iter().map(|named| (named, id));
                    self.named.extend(named);
                }
            }
            Some("AUDIT_RECORD_REFUSED") => {
                if let Ok(refused) = Refused::deserialize(body) {
                    self.refused.insert(refused.record, refused.reason);
                }
            }
            Some("AUDIT_LOG_STARTED") => {
                if let Ok(started) = Started::deserialize(body) {
                    begun(&started, known_losses, report);
                }
            }
            Some("PERSONAL_DATA_ERASED") => {
                if let Ok(erased) = Erased::deserialize(body) {
                    self.erased.extend(erased.records);
                }
            }
            Some("PARTITION_DROPPED") => {
                if let Ok(dropped) = Dropped::deserialize(body) {
                    self.drop_range(id, &dropped);
                }
            }
            _ => {}
        }
    }

    fn drop_range(&mut self, id: Uuid, dropped: &Dropped) {
        let range = IdRange {
            from: first_id(dropped.from),
            until: first_id(dropped.until),
        };
        // A record that drops its own future would hide what comes.
        if range.until > id {
            return;
        }
        match dropped.table.as_str() {
            "audit_personal" => self.erased_ranges.push(range),
            "audit_records" => {
                self.retired.push(range);
                self.retired_rows += dropped.rows;
            }
            _ => {}
        }
    }

    /// Takes the ids that manifests named since the last time.
    pub(super) fn take_named(&mut self) -> Vec<(Uuid, Uuid)> {
        std::mem::take(&mut self.named)
    }

    pub(super) fn is_erased(&self, id: Uuid) -> bool {
        self.erased.contains(&id) || self.erased_ranges.iter().any(|range| range.has(id))
    }

    /// How many records were retired, in all.
    pub(super) fn retired_rows(&self) -> u64 {
        self.retired_rows
    }

    pub(super) fn is_retired(&self, id: Uuid) -> bool {
        self.retired.iter().any(|range| range.has(id))
    }

    pub(super) fn refusal(&self, id: Uuid) -> Option<SealRefusal> {
        self.refused.get(&id).copied()
    }

    /// Settles what manifests named and was found nowhere.
    pub(super) fn settle_named(&self, missing: &[(Uuid, Uuid)], report: &mut Report) {
        for (named, manifest) in missing {
            if self.refused.contains_key(named) || self.is_retired(*named) {
                continue;
            }
            report.find(about(
                What::ManifestedGone,
                Some(*named),
                format!("record {named}, which manifest {manifest} names as committed, is gone"),
            ));
        }
    }

    /// Settles the manifests' own order and what was refused. Of a part of a log nothing is said about
    /// manifests before and after it.
    pub(super) fn settle(&mut self, whole: bool, report: &mut Report) {
        report.manifests += self.manifests;
        let start_known = whole && self.retired.is_empty();
        for (server, serials) in &mut self.serials {
            serials.sort_unstable();
            serials.dedup();
            let mut expected = if start_known { 1 } else { serials[0] };
            for serial in serials {
                if *serial != expected {
                    report.find(about(
                        What::ManifestMissing,
                        None,
                        format!(
                            "manifests {expected} to {} of server {server} are missing",
                            *serial - 1
                        ),
                    ));
                }
                expected = *serial + 1;
            }
        }
        let mut refused: Vec<_> = self.refused.iter().collect();
        refused.sort_unstable_by_key(|(id, _)| **id);
        for (id, reason) in refused {
            report.find(about(
                What::Refused,
                Some(*id),
                format!("record {id} was refused when it was to be sealed: {reason:?}"),
            ));
        }
    }
}

fn begun(started: &Started, known_losses: &[String], report: &mut Report) {
    let Some(previous) = &started.previous else {
        return;
    };
    let message = format!(
        "log {} was begun because {} was not what had been sealed ({:?}); its first record names what was known of it",
        started.origin, previous.origin, started.reason
    );
    if known_losses.contains(&previous.origin) {
        report.notes.push(format!("known: {message}"));
    } else {
        report.find(about(What::LogLost, None, message));
    }
}
