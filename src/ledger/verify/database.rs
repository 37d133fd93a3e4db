//! Verifying the log in the database, in one snapshot of it, while servers go on.

use std::collections::HashSet;

use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::audit::record::{Personal, commitment, personal_place};
use crate::clock::Time;
use crate::ledger::note::{Checkpoint, Verifier};
use crate::ledger::tiles::{TileId, Tiles, WIDTH};
use crate::ledger::tree::{Frontier, Hash, leaf_hash};
use crate::ledger::verify::facts::Facts;
use crate::ledger::verify::{Anchor, In, LogReport, Report, What, about};
use crate::ledger::{LedgerError, head, read};
use crate::secret::{Vault, from_b64, same};
use crate::store::checkpoints;
use crate::store::db::StoreError;
use crate::store::log::{self, Head, Leaf};

/// Leaves read at a time, some full tiles.
const PAGE: u64 = 8 * WIDTH;
/// Checkpoints, and unsealed records, read at a time.
const ROWS: i64 = 1000;
/// How long a record may wait to be sealed before that is a finding.
const PATIENCE: i64 = 60;

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
        missing_leaves: Vec::new(),
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
    /// Leaves without a record, each with the log it is of, and the record's id if that is still known.
    missing_leaves: Vec<(i32, u64, Option<Uuid>)>,
    /// Records without the personal part they commit to.
    missing_personal: Vec<(i32, u64, Uuid)>,
}

/// Checkpoints of one log, by size.
struct Expected {
    size: u64,
    root: Hash,
    name: String,
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
                let stored = stored(&tiles, leaf);
                let hash = self.leaf(row, leaf, found, stored, &mut summary);
                tree.push(hash);
                while let Some(one) = expected.next_if(|one| one.size <= tree.size()) {
                    self.compare(&within, &one, &tree, &mut summary);
                }
            }
            self.look_for_named().await?;
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

    /// Checks one leaf and says its hash: that of the record if it is ours, else the stored one, so that
    /// one altered record does not make every later one doubtful.
    fn leaf(
        &mut self,
        log: &Head,
        leaf: u64,
        found: Option<Leaf>,
        stored: Option<Hash>,
        summary: &mut LogReport,
    ) -> Hash {
        let within = In(&log.origin);
        let known = found.as_ref().map(|row| row.record_id);
        let Some(row) = found.filter(|row| row.body.is_some()) else {
            self.missing_leaves.push((log.id, leaf, known));
            summary.hashes += 1;
            return stored.unwrap_or_default();
        };
        let body = row.body.as_deref().unwrap_or_default();
        let hash = leaf_hash(body);
        let id = Some(row.record_id);
        summary.records += 1;
        let vault = self.given.vault;
        let key = row.mac_key_id.as_deref().unwrap_or_default();
        let is_ours = vault.audit_mac_is_valid(key, body, row.mac.as_deref().unwrap_or_default());
        let is_sealed = stored == Some(hash);
        if stored.is_none() {
            let message = "the stored tree has no hash for this leaf";
            self.report
                .find(within.at(What::TreeAltered, leaf, id, message));
        }
        match (is_ours, is_sealed || stored.is_none()) {
            (true, true) => {}
            (_, false) => {
                let message = if is_ours {
                    "the record is one of ours, but not the one that stands at this leaf of the tree"
                } else {
                    "the record's bytes are not those that were sealed"
                };
                self.report
                    .find(within.at(What::Altered, leaf, id, message));
            }
            (false, true) => {
                let message = if vault.has_key(key) {
                    "the record does not carry our MAC"
                } else {
                    "the record's MAC is under a root key that is not given"
                };
                self.report.find(within.at(What::NoMac, leaf, id, message));
            }
        }
        let value: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(name) = differing_copy(&row, &value) {
            let message = format!("the search copy {name} is not what the record says");
            self.report
                .find(within.at(What::CopyDiffers, leaf, id, message));
        }
        self.personal(log, leaf, &row, &value);
        if is_ours {
            let losses = &self.given.known_losses;
            self.facts
                .gather(row.record_id, &value, losses, &mut self.report);
        }
        if is_ours || stored.is_none() {
            hash
        } else {
            stored.unwrap_or(hash)
        }
    }

    fn personal(&mut self, log: &Head, leaf: u64, row: &Leaf, body: &serde_json::Value) {
        let within = In(&log.origin);
        let committed = body["personal"].as_str().and_then(from_b64);
        let trouble = match (committed, row.salt.as_deref().zip(row.sealed.as_deref())) {
            (None, None) => None,
            (None, Some(_)) => Some("there is a personal part that the record knows nothing of"),
            (Some(_), None) => {
                self.missing_personal.push((log.id, leaf, row.record_id));
                None
            }
            (Some(committed), Some((salt, sealed))) => {
                let place = personal_place(&row.record_id);
                match self.given.vault.open(place, sealed) {
                    Err(_) => Some("the personal part does not open with the root keys given"),
                    Ok(plain) if !same(&commitment(salt, &plain), &committed) => {
                        Some("the personal part is not the one that the record commits to")
                    }
                    Ok(plain) if !self.is_hash_of(row.number_hash.as_deref(), &plain) => {
                        Some("the number's search hash is not that of the number")
                    }
                    Ok(_) => None,
                }
            }
        };
        if let Some(message) = trouble {
            let id = Some(row.record_id);
            self.report
                .find(within.at(What::PersonalAltered, leaf, id, message));
        }
    }

    fn is_hash_of(&self, hash: Option<&[u8]>, plain: &[u8]) -> bool {
        let personal: Personal = serde_json::from_slice(plain).unwrap_or_default();
        match (hash, personal.number) {
            (None, None) => true,
            (Some(hash), Some(number)) => {
                let mut known = self.given.vault.search_hashes(&number).into_iter();
                known.any(|(_, known)| same(&known, hash))
            }
            _ => false,
        }
    }

    async fn expected(&mut self, row: &Head, size: u64) -> Result<Vec<Expected>, LedgerError> {
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

    fn compare(
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

    async fn unsealed(&mut self) -> Result<(), LedgerError> {
        let vault = self.given.vault;
        let mut found: HashSet<Uuid> = HashSet::new();
        let mut after = Uuid::nil();
        let mut oldest: Option<Uuid> = None;
        loop {
            let rows = log::unsealed(self.db, after, ROWS).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in rows {
                let is_ours = vault.audit_mac_is_valid(&row.mac_key_id, &row.body, &row.mac);
                if !is_ours {
                    let message =
                        format!("record {} is not sealed and does not carry our MAC", row.id);
                    self.report.find(about(What::NoMac, Some(row.id), message));
                    continue;
                }
                if row.pending {
                    found.insert(row.id);
                    self.report.tail.records += 1;
                    oldest = Some(oldest.map_or(row.id, |oldest| oldest.min(row.id)));
                    let value = serde_json::from_slice(&row.body).unwrap_or_default();
                    let losses = &self.given.known_losses;
                    self.facts.gather(row.id, &value, losses, &mut self.report);
                } else if self.facts.refusal(row.id).is_none() {
                    let message = format!(
                        "record {} is in no log and does not wait to be sealed",
                        row.id
                    );
                    self.report
                        .find(about(What::TakenOut, Some(row.id), message));
                }
            }
        }
        self.look_for_named().await?;
        self.missing_named.retain(|(id, _)| !found.contains(id));
        for id in log::pending_without_record(self.db).await? {
            let message = format!("record {id} waits to be sealed and is gone");
            self.report.find(about(What::Gone, Some(id), message));
        }
        if let Some(oldest) = oldest.and_then(|id| id.get_timestamp()) {
            let since = i64::try_from(oldest.to_unix().0).unwrap_or_default();
            let waited = self.given.now.timestamp() - since;
            self.report.tail.oldest_seconds = waited;
            if waited > PATIENCE {
                let message = format!(
                    "{} records wait to be sealed, the oldest for {waited} s: no server seals",
                    self.report.tail.records
                );
                self.report.find(about(What::Unsealed, None, message));
            }
        }
        Ok(())
    }

    fn settle(&mut self, logs: &[Head]) {
        let origin = |id: i32| {
            let log = logs.iter().find(|log| log.id == id);
            log.map_or("", |log| log.origin.as_str())
        };
        for (log, leaf, id) in std::mem::take(&mut self.missing_leaves) {
            if self.facts.is_retired_leaf(origin(log), leaf) {
                continue;
            }
            let message =
                "the record sealed here is gone, and no sealed record says that it was retired";
            let finding = In(origin(log)).at(What::Gone, leaf, id, message);
            self.report.find(finding);
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

fn stored(tiles: &Tiles, leaf: u64) -> Option<Hash> {
    let id = TileId {
        level: 0,
        index: leaf / WIDTH,
    };
    let within = usize::try_from(leaf % WIDTH).ok()?;
    tiles.get(&id)?.get(within).copied()
}

/// The first search copy that is not what the body says.
fn differing_copy(row: &Leaf, body: &serde_json::Value) -> Option<&'static str> {
    let at = body["at"].as_str().and_then(|at| at.parse::<Time>().ok());
    if row.at != at {
        return Some("at");
    }
    if body["id"].as_str() != Some(row.record_id.to_string().as_str()) {
        return Some("id");
    }
    let login = row.login_id.map(|id| id.to_string());
    let copies = [
        ("type", row.kind.as_deref()),
        ("login_id", login.as_deref()),
        ("client_id", row.client_id.as_deref()),
        ("operator", row.operator.as_deref()),
        ("outcome", row.outcome.as_deref()),
        ("actor", row.actor.as_deref()),
    ];
    copies
        .into_iter()
        .find(|(name, copy)| body[*name].as_str() != *copy)
        .map(|(name, _)| name)
}
