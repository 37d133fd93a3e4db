//! The checkpoints of a log, from the database and from outside, and their comparison with its records.

use super::Walk;
use crate::ledger::LedgerError;
use crate::ledger::note::Checkpoint;
use crate::ledger::tree::{Frontier, Hash};
use crate::ledger::verify::{Anchor, In, LogReport, What};
use crate::store::checkpoints;
use crate::store::log::Head;

/// Checkpoints read at a time.
const ROWS: i64 = 1000;

/// Checkpoints of one log, by size.
pub(super) struct Expected {
    pub(super) size: u64,
    root: Hash,
    name: String,
}

impl Walk<'_, '_> {
    pub(super) async fn expected(
        &mut self,
        row: &Head,
        size: u64,
    ) -> Result<Vec<Expected>, LedgerError> {
        let within = In(&row.origin);
        let mut expected = Vec::new();
        let mut above = 0;
        loop {
            let rows = checkpoints::between(&mut *self.db, row.id, above, ROWS).await?;
            let Some(last) = rows.last() else { break };
            above = last.size;
            for one in rows {
                let name = format!("the checkpoint of {}", one.signed_at.to_rfc3339());
                match Checkpoint::open(&one.note, self.given.key) {
                    Ok(kept)
                        if kept.origin == row.origin
                            && i64::try_from(kept.size) == Ok(one.size) =>
                    {
                        expected.push(Expected {
                            size: kept.size,
                            root: kept.root,
                            name,
                        });
                    }
                    Ok(_) => {
                        let message = format!("{name} is another one");
                        self.report
                            .find(within.whole(What::CheckpointDiffers, message));
                    }
                    Err(error) => {
                        let message = format!("{name} {error}");
                        self.report
                            .find(within.whole(What::CheckpointDiffers, message));
                    }
                }
            }
        }
        for place in checkpoints::places(&mut *self.db).await? {
            let kept = place
                .note
                .and_then(|note| Checkpoint::open(&note, self.given.key).ok());
            let Some(kept) = kept.filter(|kept| kept.origin == row.origin) else {
                continue;
            };
            self.report.anchors.push(Anchor {
                place: place.place.clone(),
                origin: kept.origin,
                size: kept.size,
                given: false,
            });
            let name = format!("what {} has", place.place);
            expected.push(Expected {
                size: kept.size,
                root: kept.root,
                name,
            });
        }
        for (place, kept) in &self.given.outside {
            if kept.origin == row.origin {
                self.report.anchors.push(Anchor {
                    place: place.clone(),
                    origin: kept.origin.clone(),
                    size: kept.size,
                    given: true,
                });
                let name = format!("the checkpoint from {place}");
                expected.push(Expected {
                    size: kept.size,
                    root: kept.root,
                    name,
                });
            }
        }
        for one in &expected {
            if one.size > size {
                let message = format!(
                    "{} covers {} leaves, the database has {size}: records were lost or cut off",
                    one.name, one.size
                );
                self.report.find(within.whole(What::Shortened, message));
            }
        }
        expected.retain(|one| one.size <= size);
        expected.sort_by_key(|one| one.size);
        Ok(expected)
    }

    pub(super) fn compare(
        &mut self,
        within: &In<'_>,
        one: &Expected,
        tree: &Frontier,
        summary: &mut LogReport,
    ) {
        if one.size == tree.size() && one.root == tree.root() {
            summary.checkpoints += 1;
            summary.covered = Some(one.size);
        } else {
            let message = format!(
                "{} does not agree with the records: something among the first {} leaves was changed, \
                 removed, added or moved",
                one.name, one.size
            );
            self.report
                .find(within.whole(What::CheckpointDiffers, message));
        }
    }
}
