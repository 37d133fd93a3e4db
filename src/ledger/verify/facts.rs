//! What sealed records say about other records: who is named by a manifest, erased, retired, refused.
//! Gathered while the log is walked, and settled at its end.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::audit::event::{LogBeginning, SealRefusal};
use crate::ledger::verify::{Report, What, about};

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

/// Ids from one on and before another.
#[derive(Clone, Copy, Deserialize)]
struct IdRange {
    from: Uuid,
    until: Uuid,
}

impl IdRange {
    fn has(self, id: Uuid) -> bool {
        self.from <= id && id < self.until
    }
}

#[derive(Deserialize)]
struct Retired {
    from: Uuid,
    until: Uuid,
    leaves: HashMap<String, Vec<(u64, u64)>>,
}

/// What was gathered.
#[derive(Default)]
pub(super) struct Facts {
    erased: HashSet<Uuid>,
    erased_ranges: Vec<IdRange>,
    retired: Vec<Retired>,
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
            _ => {}
        }
        if let Ok(erased) = Vec::<Uuid>::deserialize(&body["erased"]) {
            self.erased.extend(erased);
        }
        if let Ok(range) = IdRange::deserialize(&body["erased_range"])
            && range.until <= id
        {
            // A record that erases its own future would hide what comes.
            self.erased_ranges.push(range);
        }
        if let Ok(retired) = Retired::deserialize(&body["retired"])
            && retired.until <= id
        {
            self.retired.push(retired);
        }
    }

    /// Takes the ids that manifests named since the last time.
    pub(super) fn take_named(&mut self) -> Vec<(Uuid, Uuid)> {
        std::mem::take(&mut self.named)
    }

    pub(super) fn is_erased(&self, id: Uuid) -> bool {
        self.erased.contains(&id) || self.erased_ranges.iter().any(|range| range.has(id))
    }

    /// Whether a leaf without its record is one that was retired.
    pub(super) fn is_retired_leaf(&self, origin: &str, leaf: u64) -> bool {
        let within = |(first, end): &(u64, u64)| *first <= leaf && leaf < *end;
        let of_log = |retired: &Retired| {
            let leaves = retired.leaves.get(origin);
            leaves.is_some_and(|leaves| leaves.iter().any(within))
        };
        self.retired.iter().any(of_log)
    }

    fn is_retired(&self, id: Uuid) -> bool {
        let within = |retired: &Retired| retired.from <= id && id < retired.until;
        self.retired.iter().any(within)
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
