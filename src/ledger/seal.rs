//! Sealing: what is pending becomes leaves of the current log, in batches, each one statement that
//! moves the head by compare-and-set. Any server may do it at any time; of two at once, one wins and the
//! other begins anew a second later.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use uuid::Uuid;

use crate::audit::event::{Event, LogBeginning, SealRefusal, Subject};
use crate::audit::record::{Personal, Record, Recorder};
use crate::clock::Time;
use crate::ledger::note::Checkpoint;
use crate::ledger::tiles::{Broken, Edge};
use crate::ledger::tree::{Hash, leaf_hash};
use crate::ledger::{Ledger, LedgerError, TreeError, head, read};
use crate::secret::first_id;
use crate::store::log::{self, Head, Pending, Tile};
use crate::store::log_append::{self, Batch};

/// Records in one batch.
const BATCH: i64 = 1000;
/// Batches in one go; what is left waits for the next second.
const BATCHES: usize = 20;
/// How long a record under a root key that this server does not have waits for a server that has it.
const KEY_PATIENCE: chrono::TimeDelta = chrono::TimeDelta::minutes(10);

/// What one go has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Records that became leaves.
    pub sealed: usize,
    /// Pending ids that were refused.
    pub refused: usize,
}

/// How a batch went.
enum Went {
    /// Sealed, and more may be pending.
    On(Sealed),
    /// Nothing is pending, or another server is at it.
    Done(Sealed),
}

impl Ledger {
    /// Seals what is pending.
    ///
    /// # Errors
    /// The database, or a root key that is missing.
    pub(super) async fn seal(&self) -> Result<Sealed, LedgerError> {
        let mut total = Sealed::default();
        for _ in 0..BATCHES {
            let (went, more) = match self.seal_batch().await? {
                Went::On(went) => (went, true),
                Went::Done(went) => (went, false),
            };
            total.sealed += went.sealed;
            total.refused += went.refused;
            if !more {
                break;
            }
        }
        metrics::counter!("numbercloak_log_sealed_total").increment(total.sealed as u64);
        metrics::counter!("numbercloak_log_refused_total").increment(total.refused as u64);
        Ok(total)
    }

    async fn seal_batch(&self) -> Result<Went, LedgerError> {
        let Some((row, head)) = self.trusted_head().await? else {
            return Ok(Went::Done(Sealed::default()));
        };
        let pending = log::pending(self.db.durable(), BATCH).await?;
        if pending.is_empty() {
            return Ok(Went::Done(Sealed::default()));
        }
        let full = pending.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
        let sorted = self.sort(pending);
        if sorted.leaves.is_empty() && sorted.refused.is_empty() {
            return Ok(Went::Done(Sealed::default()));
        }
        let Some(mut edge) = self.edge(&row, &head).await? else {
            return Ok(Went::Done(Sealed::default()));
        };
        let mut ids = Vec::with_capacity(sorted.leaves.len());
        for (id, leaf) in sorted.leaves {
            edge.push(leaf);
            ids.push(id);
        }
        let after = Checkpoint {
            origin: head.origin.clone(),
            size: edge.size(),
            root: edge.root(),
        };
        let done = self
            .write(&row, &after, &edge, &ids, &sorted.refused)
            .await?;
        if !done {
            return Ok(Went::Done(Sealed::default()));
        }
        self.see(after);
        if sorted.tells_of_loss {
            self.tells_of_loss.store(true, Ordering::Relaxed);
        }
        let sealed = Sealed {
            sealed: ids.len(),
            refused: sorted.refused.len(),
        };
        Ok(if full {
            Went::On(sealed)
        } else {
            Went::Done(sealed)
        })
    }

    async fn write(
        &self,
        row: &Head,
        after: &Checkpoint,
        edge: &Edge,
        ids: &[Uuid],
        refused: &[(Uuid, SealRefusal)],
    ) -> Result<bool, LedgerError> {
        let tiles: Vec<Tile> = edge
            .changed()
            .into_iter()
            .map(|(id, hashes)| Tile {
                level: i16::try_from(id.level).expect("a tree has few levels"),
                tile: i64::try_from(id.index).expect("leaves are counted in an i64"),
                hashes: hashes.concat(),
            })
            .collect();
        let now = self.clock.now();
        let batch = Batch {
            log: row.id,
            old_size: row.size,
            new_size: i64::try_from(after.size).expect("leaves are counted in an i64"),
            root: &after.root,
            mac: &head::mac(&self.vault, after),
            mac_key_id: self.vault.key_id(),
            now,
            ids,
            tiles: &tiles,
            refused: &refused.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        };
        let refusals = refused.iter().map(|refused| self.refusal(*refused, now));
        Ok(log_append::seal(self.db.durable(), &batch, refusals.collect()).await?)
    }

    fn refusal(&self, (record, reason): (Uuid, SealRefusal), now: Time) -> Record {
        tracing::error!(%record, ?reason, "an audit record was refused and not sealed");
        let recorder = Recorder {
            vault: &self.vault,
            now,
            browser: Personal::default(),
        };
        recorder.record(
            Subject::default(),
            &Event::AuditRecordRefused { record, reason },
        )
    }

    /// The current head, once it is certain that it is the one that was sealed: under our MAC, and not
    /// behind what this process saw. A log that is not is left as it is and another one begun, so that
    /// the records of now are sealed and the loss is told for good. None if there was something to begin.
    async fn trusted_head(&self) -> Result<Option<(Head, Checkpoint)>, LedgerError> {
        let Some(row) = log::current(self.db.durable()).await? else {
            self.begin_first().await?;
            return Ok(None);
        };
        if !self.vault.has_key(&row.mac_key_id) {
            return Err(LedgerError::UnknownRoot(row.mac_key_id));
        }
        let Some(head) = head::read(&row)
            .ok()
            .filter(|_| head::is_ours(&self.vault, &row))
        else {
            self.begin_after(&row, LogBeginning::TreeAltered, None)
                .await?;
            return Ok(None);
        };
        let Some(seen) = self.seen() else {
            // The first look of this process: what is outside remembers what it cannot.
            if let Some(lost) = self.lost_outside(&row).await? {
                self.begin_after(&row, lost.reason, Some(lost.checkpoint))
                    .await?;
                return Ok(None);
            }
            self.see(head.clone());
            return Ok(Some((row, head)));
        };
        let behind = seen.origin == head.origin
            && (head.size < seen.size || head.size == seen.size && head.root != seen.root);
        if behind {
            let note = self.signer.sign(&seen);
            let known = (note, format!("server {}", self.server));
            self.begin_after(&row, LogBeginning::RecordsLost, Some(known))
                .await?;
            return Ok(None);
        }
        if seen.origin != head.origin {
            self.see(head.clone());
        }
        Ok(Some((row, head)))
    }

    /// The right edge of the stored tree, if it is the one under the head. None if another server sealed
    /// meanwhile, or the tree was altered and another log begun.
    async fn edge(&self, row: &Head, head: &Checkpoint) -> Result<Option<Edge>, LedgerError> {
        let tiles = match read::tiles(self.db.durable(), row.id, &Edge::needed(head.size)).await {
            Ok(tiles) => Some(tiles),
            Err(TreeError::Broken(_)) => None,
            Err(error) => return Err(error.into()),
        };
        let opened = tiles
            .ok_or(())
            .and_then(|tiles| Edge::open(head.size, &tiles).map_err(|Broken(_)| ()));
        if let Ok(edge) = opened
            && edge.root() == head.root
        {
            return Ok(Some(edge));
        }
        // Tiles that another server had just written are longer than the head we read.
        let now = log::current(self.db.durable()).await?;
        if now.is_some_and(|now| now.id == row.id && now.size == row.size) {
            self.begin_after(row, LogBeginning::TreeAltered, None)
                .await?;
        }
        Ok(None)
    }

    fn sort(&self, pending: Vec<Pending>) -> Sorted {
        let mut sorted = Sorted::default();
        let patient = first_id(self.clock.now() - KEY_PATIENCE);
        for one in pending {
            let id = one.record_id;
            match self.judge(one) {
                Ok((leaf, tells_of_loss)) => {
                    sorted.leaves.push((id, leaf));
                    sorted.tells_of_loss |= tells_of_loss;
                }
                Err(SealRefusal::Key) if id > patient => {}
                Err(reason) => sorted.refused.push((id, reason)),
            }
        }
        sorted
    }

    /// A record's leaf, and whether it says that others are gone.
    fn judge(&self, one: Pending) -> Result<(Hash, bool), SealRefusal> {
        if one.leaf.is_some() {
            return Err(SealRefusal::SealedBefore);
        }
        let (Some(body), Some(mac), Some(key)) = (one.body, one.mac, one.mac_key_id) else {
            return Err(SealRefusal::Missing);
        };
        if !self.vault.has_key(&key) {
            return Err(SealRefusal::Key);
        }
        if !self.vault.audit_mac_is_valid(&key, &body, &mac) {
            return Err(SealRefusal::Mac);
        }
        let named: Result<Named<'_>, _> = serde_json::from_slice(&body);
        match named {
            Ok(named) if named.id == one.record_id => {
                Ok((leaf_hash(&body), named.kind == "PARTITION_DROPPED"))
            }
            _ => Err(SealRefusal::OtherId),
        }
    }
}

/// The id and the event in a body.
#[derive(Deserialize)]
struct Named<'a> {
    id: Uuid,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// What is pending, judged.
#[derive(Default)]
struct Sorted {
    leaves: Vec<(Uuid, Hash)>,
    refused: Vec<(Uuid, SealRefusal)>,
    tells_of_loss: bool,
}
