//! What sealed records say about other records: who is named by a manifest, erased, retired, refused.
//! Gathered while the log is walked, and settled at its end.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::audit::event::{LogBeginning, SealRefusal};
use crate::clock::Time;
use crate::ledger::verify::runs::{Run, Runs};
use crate::ledger::verify::{Dropped, Report, What, about};

/// The fields of docs/decisions/0005-the-log.md.
#[derive(Deserialize)]
struct Manifest {
    server: String,
    serial: u64,
    records: Vec<Uuid>,
    #[serde(default)]
    lost: Vec<Uuid>,
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
struct Tombstone {
    table: String,
    from: Time,
    until: Time,
    rows: i64,
    actor: Option<String>,
    erased_range: Option<IdRange>,
    retired: Option<Retired>,
}

#[derive(Deserialize)]
struct Retired {
    #[serde(flatten)]
    ids: IdRange,
    records: u64,
    leaves: HashMap<String, Vec<(u64, u64)>>,
}

/// A server's manifests: by serial, the manifest before, if it names one.
type Serials = BTreeMap<u64, Option<Uuid>>;

/// What was gathered.
#[derive(Default)]
pub(super) struct Facts {
    erased: HashSet<Uuid>,
    erased_ranges: Vec<IdRange>,
    retired: Vec<Retired>,
    dropped: Vec<Dropped>,
    refused: HashMap<Uuid, SealRefusal>,
    serials: BTreeMap<String, Serials>,
    /// Ids that manifests name and that are to be looked for, with the manifest.
    named: Vec<(Uuid, Uuid)>,
    manifests: u64,
    /// Records that the database lost when it crashed, and that nobody was answered on.
    lost: usize,
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
                    self.lost += manifest.lost.len();
                    let before = (manifest.serial > 1).then(|| manifest.records.first().copied());
                    let serials = self.serials.entry(manifest.server).or_default();
                    serials.entry(manifest.serial).or_insert(before.flatten());
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
                if let Ok(erased) = Vec::<Uuid>::deserialize(&body["erased"]) {
                    self.erased.extend(erased);
                }
            }
            Some("PARTITION_DROPPED") => {
                if let Ok(tombstone) = Tombstone::deserialize(body) {
                    self.entomb(id, tombstone, report);
                }
            }
            _ => {}
        }
    }

    /// Takes in a tombstone. One that names its own future would hide what comes.
    fn entomb(&mut self, id: Uuid, tombstone: Tombstone, report: &mut Report) {
        let past = |range: &IdRange| range.until <= id;
        let parts = tombstone.erased_range.filter(past);
        let records = tombstone.retired.filter(|retired| past(&retired.ids));
        if parts.is_none() && records.is_none() {
            return;
        }
        self.dropped.push(Dropped {
            tombstone: id,
            table: tombstone.table,
            from: tombstone.from,
            until: tombstone.until,
            rows: tombstone.rows,
            by: tombstone.actor,
        });
        self.erased_ranges.extend(parts);
        let Some(retired) = records else { return };
        let ranges = retired.leaves.values().flatten();
        let sealed: u64 = ranges.map(|(first, end)| end.saturating_sub(*first)).sum();
        if retired.records < sealed {
            let message = format!(
                "when the month from {} was dropped, {} of its {sealed} sealed records were gone already",
                tombstone.from.to_rfc3339(),
                sealed - retired.records
            );
            report.find(about(What::Gone, Some(id), message));
        }
        self.retired.push(retired);
    }

    /// Takes the ids that manifests named since the last time.
    pub(super) fn take_named(&mut self) -> Vec<(Uuid, Uuid)> {
        std::mem::take(&mut self.named)
    }

    pub(super) fn is_erased(&self, id: Uuid) -> bool {
        self.erased.contains(&id) || self.erased_ranges.iter().any(|range| range.has(id))
    }

    /// Of leaves without a record, those that no tombstone names.
    pub(super) fn settle_missing(&self, missing: &Runs, report: &mut Report) -> Vec<(String, Run)> {
        let mut ranges: HashMap<&str, Vec<(u64, u64)>> = HashMap::new();
        for (origin, leaves) in self.retired.iter().flat_map(|retired| &retired.leaves) {
            ranges.entry(origin).or_default().extend(leaves);
        }
        ranges
            .values_mut()
            .for_each(|ranges| ranges.sort_unstable());
        let mut gone = Vec::new();
        for (origin, run) in missing.iter() {
            let left = run.outside(ranges.get(origin).map_or(&[], Vec::as_slice));
            let unnamed: u64 = left.iter().map(|piece| piece.leaves()).sum();
            if let Some(log) = report.logs.iter_mut().find(|log| log.origin == origin) {
                log.retired += run.leaves() - unnamed;
            }
            gone.extend(left.into_iter().map(|piece| (origin.to_owned(), piece)));
        }
        gone
    }

    fn is_retired(&self, id: Uuid) -> bool {
        self.retired.iter().any(|retired| retired.ids.has(id))
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
        for (server, serials) in &self.serials {
            let first = serials.keys().next().copied().unwrap_or(1);
            let mut expected = if whole { 1 } else { first };
            for (serial, before) in serials {
                // What a retired month took with it is accounted for by its tombstone.
                let retired = before.is_some_and(|before| self.is_retired(before));
                if *serial != expected && !retired {
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
        if self.lost > 0 {
            report.notes.push(format!(
                "{} records that were not waited for were lost when the database crashed, as manifests say: \
                 beginnings of logins and refusals, never a verdict or a token",
                self.lost
            ));
        }
        report.dropped = std::mem::take(&mut self.dropped);
        report
            .dropped
            .sort_by_key(|dropped| (dropped.from, dropped.tombstone));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(n: u8) -> Uuid {
        Uuid::from_bytes([n; 16])
    }

    fn told(bodies: &[(u8, Value)]) -> Report {
        let (mut facts, mut report) = (Facts::default(), Report::default());
        for (n, body) in bodies {
            facts.gather(id(*n), body, &[], &mut report);
        }
        facts.settle(true, &mut report);
        report
    }

    fn manifest(serial: u64, before: Option<u8>) -> Value {
        let records: Vec<Uuid> = before.map(id).into_iter().collect();
        json!({ "type": "AUDIT_MANIFEST", "server": "a", "serial": serial, "records": records })
    }

    fn tombstone(from: u8, until: u8, records: u64, leaves: u64) -> Value {
        json!({
            "type": "PARTITION_DROPPED", "table": "audit_records", "rows": records, "actor": "system",
            "from": "2021-01-01T00:00:00Z", "until": "2021-02-01T00:00:00Z",
            "retired": {
                "from": id(from), "until": id(until), "records": records, "leaves": { "log": [[0, leaves]] }
            }
        })
    }

    fn kinds(report: &Report) -> Vec<What> {
        report.findings.iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn manifests_that_went_with_a_retired_month_are_not_missed_and_others_are() {
        // The month between: manifest 2 (id 20) is gone with it, 3 names it.
        let month = (90, tombstone(15, 25, 4, 4));
        let lawful = [
            (10, manifest(1, None)),
            (30, manifest(3, Some(20))),
            month.clone(),
        ];
        let report = told(&lawful);
        assert_eq!(kinds(&report), []);
        assert_eq!(report.dropped[0].tombstone, id(90));
        assert_eq!(report.dropped[0].rows, 4);
        // Another one, which no tombstone covers, is missed.
        let unlawful = [(10, manifest(1, None)), (40, manifest(4, Some(33))), month];
        assert_eq!(kinds(&told(&unlawful)), [What::ManifestMissing]);
        assert_eq!(
            kinds(&told(&[(30, manifest(3, Some(20)))])),
            [What::ManifestMissing]
        );
    }

    #[test]
    fn a_tombstone_that_names_its_own_future_is_none() {
        let report = told(&[(20, tombstone(15, 25, 4, 4)), (30, manifest(2, Some(18)))]);
        assert_eq!(kinds(&report), [What::ManifestMissing]);
        assert!(report.dropped.is_empty());
    }

    #[test]
    fn a_month_that_had_lost_records_before_it_was_dropped_is_told() {
        let report = told(&[(90, tombstone(15, 25, 3, 4))]);
        assert_eq!(kinds(&report), [What::Gone]);
        assert_eq!(report.findings[0].record, Some(id(90)));
    }
}
