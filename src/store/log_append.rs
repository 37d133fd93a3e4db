//! What is written of the log: sealed batches, beginnings, manifests. Only the functions of migration 0021 do it.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::audit::record::Record;
use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::log::Tile;

/// What a batch does.
#[derive(Debug)]
pub struct Batch<'a> {
    /// The log.
    pub log: i32,
    /// Its size before.
    pub old_size: i64,
    /// And after.
    pub new_size: i64,
    /// Its root after.
    pub root: &'a [u8],
    /// The MAC over them.
    pub mac: &'a [u8],
    /// Its root key.
    pub mac_key_id: &'a str,
    /// When.
    pub now: Time,
    /// The records sealed, in their order.
    pub ids: &'a [Uuid],
    /// The tiles that changed.
    pub tiles: &'a [Tile],
    /// Pending ids that are not sealed.
    pub refused: &'a [Uuid],
}

/// Seals a batch: head, leaves, tiles and what was pending, all or nothing. False if another server
/// moved the head first, or is at it.
pub async fn seal(
    db: impl PgExecutor<'_>,
    batch: &Batch<'_>,
    refusals: Vec<Record>,
) -> Result<bool, StoreError> {
    let levels: Vec<i16> = batch.tiles.iter().map(|tile| tile.level).collect();
    let indexes: Vec<i64> = batch.tiles.iter().map(|tile| tile.tile).collect();
    let hashes: Vec<&[u8]> = batch.tiles.iter().map(|tile| &tile.hashes[..]).collect();
    let sealed = sqlx::query_scalar!(
        r#"
        select seal_leaves($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) as "sealed!"
        "#,
        batch.log,
        batch.old_size,
        batch.new_size,
        batch.root,
        batch.mac,
        batch.mac_key_id,
        batch.now,
        batch.ids,
        &levels,
        &indexes,
        &hashes as _,
        batch.refused,
        Appended::new(refusals) as _,
    )
    .fetch_one(db)
    .await?;
    Ok(sealed)
}

/// A log to begin.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// The log that ends, 0 if there is none.
    pub old_log: i32,
    /// Its name.
    pub origin: &'a str,
    /// The hash of its first record.
    pub root: &'a [u8],
    /// The MAC over them.
    pub mac: &'a [u8],
    /// Its root key.
    pub mac_key_id: &'a str,
    /// When.
    pub now: Time,
}

/// Begins a log with its first record. False if another server began one meanwhile.
pub async fn start(
    db: impl PgExecutor<'_>,
    beginning: &Beginning<'_>,
    first: Record,
) -> Result<bool, StoreError> {
    let started = sqlx::query_scalar!(
        r#"
        select start_log($1, $2, $3, $4, $5, $6, ($7::audit_entry[])[1]) as "started!"
        "#,
        beginning.old_log,
        beginning.origin,
        beginning.root,
        beginning.mac,
        beginning.mac_key_id,
        beginning.now,
        Appended::new([first]) as _,
    )
    .fetch_one(db)
    .await?;
    Ok(started)
}

/// Since when the database runs: another time after it crashed, was restarted, or another server took over.
pub async fn database_since(db: impl PgExecutor<'_>) -> Result<Time, StoreError> {
    let since = sqlx::query_scalar!(r#"select pg_postmaster_start_time() as "since!""#)
        .fetch_one(db)
        .await?;
    Ok(since)
}

/// Which of these records are there.
pub async fn there(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"
        select given.id as "id!"
        from unnest($1::uuid[]) as given (id)
        where exists (select from audit_records r where r.id = given.id)
        "#,
        ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Appends a manifest: its commit waits for the disk and so, because the database's own log is one
/// sequence, for everything it names. False if the database runs since another time than that.
pub async fn append_manifest(
    db: impl PgExecutor<'_>,
    manifest: Record,
    since: Time,
) -> Result<bool, StoreError> {
    let appended = sqlx::query_scalar!(
        r#"
        select case when pg_postmaster_start_time() = $2 then append_audit($1) end as "manifest"
        "#,
        Appended::new([manifest]) as _,
        since,
    )
    .fetch_one(db)
    .await?;
    Ok(appended.is_some())
}
