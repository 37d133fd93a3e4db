//! Reading the stored tree: roots at any size, and the hashes that proofs are made of.

use std::ops::Range;

use sqlx::PgExecutor;

use crate::ledger::tiles::{self, Broken, TileId, Tiles};
use crate::ledger::tree::{self, Hash};
use crate::store::db::StoreError;
use crate::store::log::{self, Tile};

/// The stored tree could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is not one.
    #[error("the stored tree is broken: {0}")]
    Broken(#[from] Broken),
}

/// Reads tiles; those that are not there are left out.
pub(super) async fn tiles(
    db: impl PgExecutor<'_>,
    log: i32,
    ids: &[TileId],
) -> Result<Tiles, TreeError> {
    let levels: Option<Vec<i16>> = ids.iter().map(|id| i16::try_from(id.level).ok()).collect();
    let indexes: Option<Vec<i64>> = ids.iter().map(|id| i64::try_from(id.index).ok()).collect();
    let (Some(levels), Some(indexes)) = (levels, indexes) else {
        return Ok(Tiles::new());
    };
    let rows = log::tiles(db, log, &levels, &indexes).await?;
    rows.into_iter().map(opened).collect()
}

fn opened(row: Tile) -> Result<(TileId, Vec<Hash>), TreeError> {
    let id = TileId {
        level: u32::try_from(row.level).unwrap_or(u32::MAX),
        index: u64::try_from(row.tile).unwrap_or(u64::MAX),
    };
    let (hashes, rest) = row.hashes.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(Broken(id).into());
    }
    Ok((id, hashes.to_vec()))
}

/// The hashes over ranges of leaves, each a range that a tree's shape allows: [`tree::inclusion`],
/// [`tree::consistency`], or from 0.
///
/// # Errors
/// [`TreeError`] if the database cannot be read, or the tree there is not that large.
pub async fn hashes_of(
    db: impl PgExecutor<'_>,
    log: i32,
    ranges: &[Range<u64>],
) -> Result<Vec<Hash>, TreeError> {
    let tiles = tiles(db, log, &tiles::needed_for(ranges)).await?;
    let mut read = |node| tiles::node(&tiles, node);
    ranges
        .iter()
        .map(|range| Ok(tree::range_hash(range.clone(), &mut read)?))
        .collect()
}

/// The hash of each complete subtree that covers a range.
pub(super) async fn cover_of(
    db: impl PgExecutor<'_>,
    log: i32,
    range: Range<u64>,
) -> Result<Vec<Hash>, TreeError> {
    let tiles = tiles(db, log, &tiles::needed_for([&range])).await?;
    let nodes = tree::cover(range).into_iter();
    nodes.map(|node| Ok(tiles::node(&tiles, node)?)).collect()
}

/// The root over the first `size` leaves.
///
/// # Errors
/// As [`hashes_of`].
pub async fn root_at(db: impl PgExecutor<'_>, log: i32, size: u64) -> Result<Hash, TreeError> {
    let hashes = hashes_of(db, log, std::slice::from_ref(&(0..size))).await?;
    Ok(hashes.first().copied().unwrap_or_else(tree::empty_root))
}
