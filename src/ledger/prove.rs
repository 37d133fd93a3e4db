//! Proofs out of the database: that a record is in the log, and that one checkpoint continues another.

use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::ledger::note::{Checkpoint, Verifier, base64};
use crate::ledger::tree::{self, leaf_hash};
use crate::ledger::{LedgerError, hashes_of};
use crate::store::checkpoints;
use crate::store::log;

/// That a record is a leaf of a log.
#[derive(Clone, Debug, Serialize)]
pub struct Inclusion {
    /// The log.
    pub origin: String,
    /// The key of its checkpoints.
    pub key: String,
    /// Which leaf.
    pub leaf: u64,
    /// The record's exact bytes.
    pub body: String,
    /// Their leaf hash.
    pub hash: String,
    /// RFC 6962's audit path.
    pub proof: Vec<String>,
    /// The checkpoint it leads to.
    pub checkpoint: String,
}

/// Why a record cannot be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotProved {
    /// No log holds it.
    #[error("no log holds this record")]
    NotSealed,
    /// The record itself is gone.
    #[error("the record was sealed and is gone")]
    Gone,
    /// No checkpoint covers it yet.
    #[error("no checkpoint covers this record yet; one is signed every minute")]
    NotCovered,
}

/// Proves a record against the last checkpoint of its log.
///
/// # Errors
/// The outer one if the database cannot be read, the inner one if there is nothing to prove.
pub async fn inclusion(
    db: &mut PgConnection,
    key: &Verifier,
    record: Uuid,
) -> Result<Result<Inclusion, NotProved>, LedgerError> {
    let Some((log, at)) = log::leaf_of(&mut *db, record).await? else {
        return Ok(Err(NotProved::NotSealed));
    };
    let rows = log::leaves(db, log, at, at + 1).await?;
    let Some(body) = rows.into_iter().find_map(|row| row.body) else {
        return Ok(Err(NotProved::Gone));
    };
    let leaf = u64::try_from(at).unwrap_or_default();
    let Some(latest) = checkpoints::latest(&mut *db, log).await? else {
        return Ok(Err(NotProved::NotCovered));
    };
    let checkpoint = Checkpoint::open(&latest.note, key)?;
    if checkpoint.size <= leaf {
        return Ok(Err(NotProved::NotCovered));
    }
    let path = tree::inclusion(leaf, checkpoint.size);
    let proof = hashes_of(&mut *db, log, &path).await?;
    Ok(Ok(Inclusion {
        key: key.named(&checkpoint.origin).text(),
        origin: checkpoint.origin,
        leaf,
        hash: base64(&leaf_hash(&body)),
        body: String::from_utf8_lossy(&body).into_owned(),
        proof: proof.iter().map(|hash| base64(hash)).collect(),
        checkpoint: latest.note,
    }))
}

/// That the last checkpoint of a log continues an older one.
#[derive(Clone, Debug, Serialize)]
pub struct Consistency {
    /// The log.
    pub origin: String,
    /// The key of its checkpoints.
    pub key: String,
    /// The size of the older one.
    pub old_size: u64,
    /// The size of the last one.
    pub size: u64,
    /// RFC 6962's consistency proof.
    pub proof: Vec<String>,
    /// The last one.
    pub checkpoint: String,
}

/// Proves that the last checkpoint of a log continues an older one. None if the log is unknown or
/// shorter than the older one says.
///
/// # Errors
/// If the database cannot be read.
pub async fn consistency(
    db: &mut PgConnection,
    key: &Verifier,
    old: &Checkpoint,
) -> Result<Option<Consistency>, LedgerError> {
    let logs = log::all(&mut *db).await?;
    let Some(row) = logs.iter().find(|log| log.origin == old.origin) else {
        return Ok(None);
    };
    let Some(latest) = checkpoints::latest(&mut *db, row.id).await? else {
        return Ok(None);
    };
    let checkpoint = Checkpoint::open(&latest.note, key)?;
    if checkpoint.size < old.size {
        return Ok(None);
    }
    let path = tree::consistency(old.size, checkpoint.size);
    let proof = hashes_of(&mut *db, row.id, &path).await?;
    Ok(Some(Consistency {
        key: key.named(&checkpoint.origin).text(),
        origin: checkpoint.origin,
        old_size: old.size,
        size: checkpoint.size,
        proof: proof.iter().map(|hash| base64(hash)).collect(),
        checkpoint: latest.note,
    }))
}
