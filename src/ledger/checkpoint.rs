//! Checkpoints: signed when one is due and only after the last one kept outside was proved a prefix,
//! kept, published, and brought to the outside places.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::TimeDelta;

use crate::ledger::begin::Known;
use crate::ledger::note::Checkpoint;
use crate::ledger::tree::Hash;
use crate::ledger::{Ledger, LedgerError, TreeError, head, read};
use crate::store::{checkpoints, log};

/// How soon a place that failed is tried again.
const AGAIN: TimeDelta = TimeDelta::seconds(10);

impl Ledger {
    pub(super) async fn sign_if_due(&self) -> Result<(), LedgerError> {
        let Some(row) = log::current(self.db.durable()).await? else {
            return Ok(());
        };
        let latest = checkpoints::latest(self.db.durable(), row.id).await?;
        let now = self.clock.now();
        let hurries = self.tells_of_loss.load(Ordering::Relaxed);
        let due = latest.as_ref().is_none_or(|latest| {
            let is_time = hurries || latest.signed_at + self.checkpoint_every <= now;
            latest.size < row.size && is_time
        });
        if !due {
            self.published
                .store(latest.map(|latest| Arc::new(latest.note)));
            return Ok(());
        }
        if let Some(lost) = self.lost_outside(&row).await? {
            return self
                .begin_after(&row, lost.reason, Some(lost.checkpoint))
                .await;
        }
        let head = head::read(&row)?;
        // Never over what is not ours, and never backwards from what this process saw.
        let behind = self
            .seen()
            .is_some_and(|seen| seen.origin == head.origin && seen.size > head.size);
        if behind || !head::is_ours(&self.vault, &row) {
            return Ok(());
        }
        // What was signed last is a prefix, too: the tree as stored says so, not the row.
        if let Some(latest) = &latest {
            let signed = Checkpoint::open(&latest.note, &self.verifier(""))?;
            if self.root_at(row.id, signed.size).await? != Some(signed.root) {
                let known = (latest.note.clone(), "database".to_owned());
                let reason = crate::audit::event::LogBeginning::TreeAltered;
                return self.begin_after(&row, reason, Some(known)).await;
            }
        }
        let note = self.signer.sign(&head);
        checkpoints::insert(self.db.durable(), row.id, row.size, &note, now).await?;
        self.tells_of_loss.store(false, Ordering::Relaxed);
        self.published.store(Some(Arc::new(note)));
        Ok(())
    }

    /// The root at a size, or none if the stored tree does not give one.
    pub(super) async fn root_at(&self, log: i32, size: u64) -> Result<Option<Hash>, LedgerError> {
        match read::root_at(self.db.durable(), log, size).await {
            Ok(root) => Ok(Some(root)),
            Err(TreeError::Broken(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the outside places that can be read have, of our key. One that is unreachable or holds
    /// something else is noted at the place and stands in nobody's way.
    pub(super) async fn known_outside(&self) -> Result<Vec<Known>, LedgerError> {
        let mut known = Vec::new();
        for place in &self.places {
            let trouble = match place.read().await {
                Ok(Some(note)) => match Checkpoint::open(&note, &self.verifier("")) {
                    Ok(_) => {
                        known.push((note, place.name()));
                        continue;
                    }
                    Err(error) => format!("what is there {error}"),
                },
                Ok(None) => continue,
                Err(error) => error.to_string(),
            };
            tracing::warn!(
                place = place.name(),
                trouble,
                "an outside place cannot be read"
            );
            checkpoints::place_failed(self.db.durable(), &place.name(), &trouble).await?;
        }
        Ok(known)
    }

    /// Brings the last checkpoint to every place that has it not.
    pub(super) async fn push(&self) -> Result<(), LedgerError> {
        if self.places.is_empty() {
            return Ok(());
        }
        let Some(row) = log::current(self.db.durable()).await? else {
            return Ok(());
        };
        let Some(latest) = checkpoints::latest(self.db.durable(), row.id).await? else {
            return Ok(());
        };
        let checkpoint = Checkpoint::open(&latest.note, &self.verifier(""))?;
        for place in &self.places {
            let now = self.clock.now();
            let (name, origin) = (place.name(), &checkpoint.origin);
            let db = self.db.durable();
            let free =
                checkpoints::claim_place(db, &name, origin, latest.size, now, now - AGAIN).await?;
            if !free {
                continue;
            }
            let proofs = Proofs {
                ledger: self,
                log: row.id,
                size: checkpoint.size,
            };
            match place.keep(&checkpoint, &latest.note, &proofs).await {
                Ok(note) => {
                    let now = self.clock.now();
                    checkpoints::place_has(db, &name, origin, latest.size, &note, now).await?;
                    metrics::counter!("numbercloak_log_pushed_total", "place" => name).increment(1);
                }
                Err(trouble) => {
                    tracing::warn!(place = name, %trouble, "a checkpoint could not be kept outside");
                    let trouble = trouble.to_string();
                    checkpoints::place_failed(db, &name, &trouble).await?;
                    metrics::counter!("numbercloak_log_push_failures_total", "place" => name)
                        .increment(1);
                }
            }
        }
        Ok(())
    }
}

/// Proofs that a checkpoint continues an older one.
pub struct Proofs<'a> {
    ledger: &'a Ledger,
    log: i32,
    size: u64,
}

impl Proofs<'_> {
    /// From a smaller size.
    ///
    /// # Errors
    /// If the tree cannot be read.
    pub async fn since(&self, old: u64) -> Result<Vec<Hash>, TreeError> {
        let ranges = crate::ledger::tree::consistency(old, self.size);
        read::hashes_of(self.ledger.db.durable(), self.log, &ranges).await
    }
}
