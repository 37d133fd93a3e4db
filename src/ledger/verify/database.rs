//! Verifying the log in the database, in one snapshot of it, while servers go on.

mod expected;
mod leaf;
mod unsealed;

use std::collections::HashSet;
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use self::leaf::stored;
use crate::clock::Time;
use crate::ledger::note::{Checkpoint, Verifier};
use crate::ledger::tiles::{TileId, Tiles, WIDTH};
use crate::ledger::tree::Frontier;
use crate::ledger::verify::facts::Facts;
use crate::ledger::verify::runs::Runs;
use crate::ledger::verify::{In, LogReport, Report, What, about};
use crate::ledger::{LedgerError, head, read};
use crate::secret::Vault;
use crate::store::db::StoreError;
use crate::store::log::{self, Head, Leaf};

/// Leaves read at a time, some full tiles.
const PAGE: u64 = 8 * WIDTH;
/// Leaves checked before others in this process get their turn: a server answers logins meanwhile.
const SLICE: u64 = 64;

/// What to verify against.
pub struct Given<'a> {
    /// The root keys: MACs and personal parts.
    pub vault: &'a Vault,
    /// The key of the checkpoints, in any name.
    pub key: &'a Verifier,
    /// Checkpoints that the caller brought from outside, with where they are from.
    pub outside: Vec<(String, Checkpoint)>,
    /// Logs whose loss is known and accounted for.
    pub known_losses: Vec<String>,
    /// How long to leave the database alone after each page.
    pub pause: Duration,
    /// The time.
    pub now: Time,
}

/// Verifies all logs and what is not sealed yet.
///
/// # Errors
/// If the database cannot be read; what is wrong with the log stands in the report.
pub async fn verify(db: &mut PgConnection, given: &Given<'_>) -> Result<Report, LedgerError> {
    let mut tx = db.begin().await.map_err(StoreError::from)?;
    crate::store::log::one_snapshot(&mut tx).await?;
    let mut walk = Walk {
        db: &mut tx,
        given,
        facts: Facts::default(),
        report: Report::default(),
        missing_named: Vec::new(),
        missing: Runs::default(),
        missing_personal: Vec::new(),
    };
    let logs = log::all(&mut *walk.db).await?;
    for log in &logs {
        walk.log(log).await?;
    }
    for (place, outside) in &given.outside {
        if !logs.iter().any(|log| log.origin == outside.origin) {
            let message = format!(
                "the checkpoint from {place} is of log {}, which this database does not know: \
                 it was restored from before, or is another one",
                outside.origin
            );
            walk.report.find(about(What::Shortened, None, message));
        }
    }
    if logs.is_empty() {
        walk.report.notes.push("nothing was ever sealed".to_owned());
    }
    walk.unsealed().await?;
    walk.settle(&logs);
    let mut report = walk.report;
    tx.rollback().await.map_err(StoreError::from)?;
    report.sort();
    Ok(report)
}

struct Walk<'a, 'b> {
    db: &'a mut PgConnection,
    given: &'a Given<'b>,
    facts: Facts,
    report: Report,
    /// Ids that manifests name and no log holds.
    missing_named: Vec<(Uuid, Uuid)>,
    /// Leaves without a record.
    missing: Runs,
    /// Records without the personal part they commit to.
    missing_personal: Vec<(i32, u64, Uuid)>,
}

impl Walk<'_, '_> {
    async fn log(&mut self, row: &Head) -> Result<(), LedgerError> {
        let within = In(&row.origin);
        let mut summary = LogReport {
            origin: row.origin.clone(),
            ..LogReport::default()
        };
        let known = self.given.vault.has_key(&row.mac_key_id);
        if !known || !head::is_ours(self.given.vault, row) {
            let message = "its head (size and root) was not written by a server of ours";
            self.report.find(within.whole(What::HeadAltered, message));
        }
        let size = u64::try_from(row.size).unwrap_or_default();
        let mut expected = self.expected(row, size).await?.into_iter().peekable();
        let mut tree = Frontier::default();
        while tree.size() < size {
            let from = tree.size();
            let until = size.min(from + PAGE);
            let rows = self.page(row.id, from, until).await?;
            let tiles = self.level_0(row.id, from, until).await?;
            let mut rows = rows.into_iter().peekable();
            for leaf in from..until {
                let found = rows.next_if(|row| u64::try_from(row.leaf) == Ok(leaf));
                while rows
                    .next_if(|row| u64::try_from(row.leaf).is_ok_and(|at| at <= leaf))
                    .is_some()
                {
                    let message = "two records claim this leaf";
                    self.report
                        .find(within.at(What::TreeAltered, leaf, None, message));
                }
                if leaf.is_multiple_of(SLICE) {
                    tokio::task::yield_now().await;
                }
                let stored = stored(&tiles, leaf);
                let hash = self.leaf(row, leaf, found, stored, &mut summary);
                tree.push(hash);
                while let Some(one) = expected.next_if(|one| one.size <= tree.size()) {
                    self.compare(&within, &one, &tree, &mut summary);
                }
            }
            self.look_for_named().await?;
            tokio::time::sleep(self.given.pause).await;
        }
        summary.until = size;
        self.compare_head(&within, row, size, &tree).await?;
        self.report.logs.push(summary);
        Ok(())
    }

    async fn page(&mut self, log: i32, from: u64, until: u64) -> Result<Vec<Leaf>, LedgerError> {
        let at = |leaf| i64::try_from(leaf).unwrap_or(i64::MAX);
        Ok(log::leaves(self.db, log, at(from), at(until)).await?)
    }

    async fn level_0(&mut self, log: i32, from: u64, until: u64) -> Result<Tiles, LedgerError> {
        let ids: Vec<TileId> = (from / WIDTH..until.div_ceil(WIDTH))
            .map(|index| TileId { level: 0, index })
            .collect();
        match read::tiles(&mut *self.db, log, &ids).await {
            Ok(tiles) => Ok(tiles),
            Err(read::TreeError::Broken(_)) => Ok(Tiles::new()),
            Err(error) => Err(error.into()),
        }
    }

    async fn compare_head(
        &mut self,
        within: &In<'_>,
        row: &Head,
        size: u64,
        tree: &Frontier,
    ) -> Result<(), LedgerError> {
        if row.root != tree.root() {
            let message = "the root at its head is not the one over the records";
            self.report.find(within.whole(What::TreeAltered, message));
        }
        match read::root_at(&mut *self.db, row.id, size).await {
            Ok(root) if root == tree.root() => {}
            Ok(_) | Err(read::TreeError::Broken(_)) => {
                let message = "the stored tree does not give the root over the records";
                self.report.find(within.whole(What::TreeAltered, message));
            }
            Err(error) => return Err(error.into()),
        }
        let beyond = self.page(row.id, size, size + PAGE).await?;
        for leaf in beyond {
            let at = u64::try_from(leaf.leaf).unwrap_or(u64::MAX);
            let message = "a record claims a leaf beyond the log's end";
            let finding = within.at(What::Shortened, at, Some(leaf.record_id), message);
            self.report.find(finding);
        }
        Ok(())
    }

    async fn look_for_named(&mut self) -> Result<(), LedgerError> {
        let named = self.facts.take_named();
        let ids: Vec<Uuid> = named.iter().map(|(id, _)| *id).collect();
        let missing: HashSet<Uuid> = log::not_sealed(self.db, &ids).await?.into_iter().collect();
        let missing = named.into_iter().filter(|(id, _)| missing.contains(id));
        self.missing_named.extend(missing);
        Ok(())
    }

    fn settle(&mut self, logs: &[Head]) {
        let origin = |id: i32| {
            let log = logs.iter().find(|log| log.id == id);
            log.map_or("", |log| log.origin.as_str())
        };
        let gone = self.facts.settle_missing(&self.missing, &mut self.report);
        for (origin, run) in gone {
            self.report.find(run.gone(&origin));
        }
        for (log, leaf, id) in std::mem::take(&mut self.missing_personal) {
            if self.facts.is_erased(id) {
                if let Some(summary) = self
                    .report
                    .logs
                    .iter_mut()
                    .find(|s| s.origin == origin(log))
                {
                    summary.erased += 1;
                }
            } else {
                let message =
                    "the personal part is gone, and no sealed record says that it was erased";
                let finding = In(origin(log)).at(What::PersonalGone, leaf, Some(id), message);
                self.report.find(finding);
            }
        }
        let missing = std::mem::take(&mut self.missing_named);
        self.facts.settle_named(&missing, &mut self.report);
        self.facts.settle(true, &mut self.report);
    }
}
