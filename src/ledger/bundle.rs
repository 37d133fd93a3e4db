//! Exports for verification: JSON lines of docs/decisions/0005-the-log.md, a section for each log, up to
//! its last checkpoint. Written leaf by leaf: a year's log takes no more memory than a page.

use std::io::Write;

use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::audit::record::personal_place;
use crate::clock::Time;
use crate::ledger::note::{Checkpoint, NoteError, Verifier, base64};
use crate::ledger::tiles::{self, TileId, WIDTH};
use crate::ledger::tree::{Hash, Node};
use crate::ledger::{LedgerError, TreeError, head, read};
use crate::secret::{Vault, first_id};
use crate::store::checkpoints;
use crate::store::db::StoreError;
use crate::store::log::{self, Head, Leaf};

/// Leaves read at a time.
const PAGE: u64 = 8 * WIDTH;

/// What an export could not be made of.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The log.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Where it was written to.
    #[error("it cannot be written ({0})")]
    Write(#[from] std::io::Error),
    /// No checkpoint covers anything yet.
    #[error("no checkpoint was signed yet; a server signs one within seconds of its first start")]
    Nothing,
}

impl From<StoreError> for BundleError {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<TreeError> for BundleError {
    fn from(error: TreeError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<NoteError> for BundleError {
    fn from(error: NoteError) -> Self {
        Self::Ledger(error.into())
    }
}

/// What to export.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Records not older than this, and what was sealed between them.
    pub from: Option<Time>,
    /// Records older than this.
    pub until: Option<Time>,
    /// Records of one client only; the others stand as their hashes.
    pub client_id: Option<String>,
    /// Whether numbers, addresses and user agents go along, so that their commitments can be checked.
    pub personal: bool,
}

impl Wanted {
    fn asked(&self) -> Option<Asked> {
        let asked = Asked {
            since: self.from,
            until: self.until,
            client: self.client_id.clone(),
        };
        let all = asked.since.is_none() && asked.until.is_none() && asked.client.is_none();
        (!all).then_some(asked)
    }
}

/// The first line of a section.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Section {
    /// The format's version.
    pub section: u32,
    /// The log.
    pub origin: String,
    /// The key of its checkpoints.
    pub key: String,
    /// The checkpoint that covers all.
    pub checkpoint: String,
    /// Its size.
    pub size: u64,
    /// The first leaf.
    pub from: u64,
    /// The leaf after the last.
    pub until: u64,
    /// What stands before `from`.
    pub left: Vec<String>,
    /// What stands from `until` to `size`.
    pub right: Vec<String>,
    /// When it was made.
    pub exported_at: Time,
    /// What was asked for; absent if everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
}

/// The part of the log that an export was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Records not older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Records older than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Records of one client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// A line for a leaf.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Its place.
    pub leaf: u64,
    /// The record's exact bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Or its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// What is personal in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub personal: Option<Opened>,
}

/// A personal part that was opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opened {
    /// The commitment's salt.
    pub salt: String,
    /// The exact bytes it is over.
    pub plain: String,
}

/// The last line of a section.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct End {
    /// The format's version.
    pub end: u32,
    /// Lines of leaves.
    pub leaves: u64,
    /// Those with a record.
    pub bodies: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    /// Logs.
    pub sections: u64,
    /// Leaves.
    pub leaves: u64,
    /// Leaves with their record.
    pub records: u64,
}

/// Writes an export.
///
/// # Errors
/// [`BundleError`].
pub async fn write(
    db: &mut PgConnection,
    vault: &Vault,
    key: &Verifier,
    wanted: &Wanted,
    now: Time,
    out: &mut (impl Write + Send),
) -> Result<Written, BundleError> {
    let mut tx = db.begin().await.map_err(StoreError::from)?;
    log::one_snapshot(&mut tx).await?;
    let mut written = Written::default();
    let mut writer = Writer {
        vault,
        key,
        wanted,
        now,
        out,
    };
    for row in log::all(&mut *tx).await? {
        let done = writer.section(&mut tx, &row).await?;
        if let Some(end) = done {
            written.sections += 1;
            written.leaves += end.leaves;
            written.records += end.bodies;
        }
    }
    tx.rollback().await.map_err(StoreError::from)?;
    if written.sections == 0 {
        return Err(BundleError::Nothing);
    }
    writer.out.flush()?;
    Ok(written)
}

struct Writer<'a, W> {
    vault: &'a Vault,
    key: &'a Verifier,
    wanted: &'a Wanted,
    now: Time,
    out: &'a mut W,
}

impl<W: Write + Send> Writer<'_, W> {
    async fn section(
        &mut self,
        db: &mut PgConnection,
        row: &Head,
    ) -> Result<Option<End>, BundleError> {
        let Some(latest) = checkpoints::latest(&mut *db, row.id).await? else {
            return Ok(None);
        };
        let checkpoint = Checkpoint::open(&latest.note, self.key)?;
        let size = checkpoint.size.min(head::read(row)?.size);
        let Some((from, until)) = self.leaves(db, row, size).await? else {
            return Ok(None);
        };
        let text = |hashes: Vec<Hash>| hashes.iter().map(|hash| base64(hash)).collect();
        self.line(&Section {
            section: 1,
            origin: row.origin.clone(),
            key: self.key.named(&row.origin).text(),
            checkpoint: latest.note,
            size,
            from,
            until,
            left: text(read::cover_of(&mut *db, row.id, 0..from).await?),
            right: text(read::cover_of(&mut *db, row.id, until..size).await?),
            exported_at: self.now,
            asked: self.wanted.asked(),
        })?;
        let mut bodies = 0;
        let mut at = from;
        while at < until {
            let end = until.min(at + PAGE);
            bodies += self.page(db, row, at, end).await?;
            at = end;
        }
        let end = End {
            end: 1,
            leaves: until - from,
            bodies,
        };
        self.line(&end)?;
        Ok(Some(end))
    }

    /// Which leaves are wanted of a log.
    async fn leaves(
        &self,
        db: &mut PgConnection,
        row: &Head,
        size: u64,
    ) -> Result<Option<(u64, u64)>, BundleError> {
        if self.wanted.from.is_none() && self.wanted.until.is_none() {
            return Ok(Some((0, size)));
        }
        let from = self.wanted.from.map_or(Uuid::nil(), first_id);
        let until = self.wanted.until.map_or(Uuid::max(), first_id);
        let span = log::span(&mut *db, row.id, from, until).await?;
        let at = |leaf: i64| u64::try_from(leaf).unwrap_or_default();
        Ok(span
            .map(|(first, last)| (at(first), size.min(at(last) + 1)))
            .filter(|(first, end)| first < end))
    }

    async fn page(
        &mut self,
        db: &mut PgConnection,
        row: &Head,
        from: u64,
        until: u64,
    ) -> Result<u64, BundleError> {
        let at = |leaf| i64::try_from(leaf).unwrap_or(i64::MAX);
        let leaves = log::leaves(db, row.id, at(from), at(until)).await?;
        let ids: Vec<TileId> = (from / WIDTH..until.div_ceil(WIDTH))
            .map(|index| TileId { level: 0, index })
            .collect();
        let stored = read::tiles(&mut *db, row.id, &ids).await?;
        let mut bodies = 0;
        let mut rows = leaves.into_iter().peekable();
        for leaf in from..until {
            let found = rows.next_if(|row| u64::try_from(row.leaf) == Ok(leaf));
            let line = match found.and_then(|found| self.told(leaf, found)) {
                Some(line) => {
                    bodies += 1;
                    line
                }
                None => {
                    let node = Node {
                        level: 0,
                        index: leaf,
                    };
                    let hash = tiles::node(&stored, node).map_err(TreeError::from)?;
                    Line {
                        leaf,
                        body: None,
                        hash: Some(base64(&hash)),
                        personal: None,
                    }
                }
            };
            self.line(&line)?;
        }
        Ok(bodies)
    }

    /// A record as it is told; none if it is not wanted, or gone.
    fn told(&self, leaf: u64, row: Leaf) -> Option<Line> {
        let wanted = self.wanted.client_id.as_deref();
        let tells = row.kind.as_deref().is_some_and(tells_of_others);
        if wanted.is_some() && row.client_id.as_deref() != wanted && !tells {
            return None;
        }
        let body = String::from_utf8(row.body?).ok()?;
        let personal = row.salt.zip(row.sealed).filter(|_| self.wanted.personal);
        let personal = personal.and_then(|(salt, sealed)| {
            let plain = self
                .vault
                .open(personal_place(&row.record_id), &sealed)
                .ok()?;
            Some(Opened {
                salt: base64(&salt),
                plain: String::from_utf8(plain.to_vec()).ok()?,
            })
        });
        Some(Line {
            leaf,
            body: Some(body),
            hash: None,
            personal,
        })
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), BundleError> {
        serde_json::to_writer(&mut *self.out, line).map_err(std::io::Error::from)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }
}

/// Records that say what became of others go along with every part of a log.
fn tells_of_others(kind: &str) -> bool {
    kind.starts_with("AUDIT_") || matches!(kind, "PARTITION_DROPPED" | "PERSONAL_DATA_ERASED")
}
