//! Checkpoints signed, and what each place outside the database has.

use sqlx::PgExecutor;

use crate::clock::Time;
use crate::store::db::StoreError;

/// A signed checkpoint.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The log's row.
    pub log: i32,
    /// The tree's size.
    pub size: i64,
    /// The note.
    pub note: String,
    /// When it was signed.
    pub signed_at: Time,
}

/// Keeps a checkpoint; one of the same size is there already if another server was first.
pub async fn insert(
    db: impl PgExecutor<'_>,
    log: i32,
    size: i64,
    note: &str,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into log_checkpoints (log, size, note, signed_at)
        values ($1, $2, $3, $4)
        on conflict do nothing
        "#,
        log,
        size,
        note,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The last one signed for a log.
pub async fn latest(db: impl PgExecutor<'_>, log: i32) -> Result<Option<Checkpoint>, StoreError> {
    let row = sqlx::query_as!(
        Checkpoint,
        r#"
        select log, size, note, signed_at
        from log_checkpoints
        where log = $1
        order by size desc
        limit 1
        "#,
        log
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// Whether the newest record of a dropped month is sealed and under a checkpoint, or there is none.
pub async fn covers_what_was_dropped(db: impl PgExecutor<'_>) -> Result<bool, StoreError> {
    let covered = sqlx::query_scalar!(
        r#"
        select coalesce((
            select exists (
                select
                from log_leaves l
                join log_checkpoints c on c.log = l.log and c.size > l.leaf
                where l.record_id = r.id
            )
            from audit_records r
            where r.type = 'PARTITION_DROPPED'
            order by r.id desc
            limit 1
        ), true) as "covered!"
        "#
    )
    .fetch_one(db)
    .await?;
    Ok(covered)
}

/// The last note signed for the log of this name.
pub async fn latest_of(
    db: impl PgExecutor<'_>,
    origin: &str,
) -> Result<Option<String>, StoreError> {
    let note = sqlx::query_scalar!(
        r#"
        select c.note
        from logs l
        join log_checkpoints c on c.log = l.id
        where l.origin = $1
        order by c.size desc
        limit 1
        "#,
        origin
    )
    .fetch_optional(db)
    .await?;
    Ok(note)
}

/// Those of a log with sizes in a range, smallest first.
pub async fn between(
    db: impl PgExecutor<'_>,
    log: i32,
    above: i64,
    limit: i64,
) -> Result<Vec<Checkpoint>, StoreError> {
    let rows = sqlx::query_as!(
        Checkpoint,
        r#"
        select log, size, note, signed_at
        from log_checkpoints
        where log = $1 and size > $2
        order by size
        limit $3
        "#,
        log,
        above,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// An outside place.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its name.
    pub place: String,
    /// The origin of what it has.
    pub origin: Option<String>,
    /// The size of what it has.
    pub size: Option<i64>,
    /// What it has.
    pub note: Option<String>,
    /// Since when.
    pub kept_at: Option<Time>,
    /// What went wrong since.
    pub trouble: Option<String>,
}

/// All places that ever had one.
pub async fn places(db: impl PgExecutor<'_>) -> Result<Vec<Place>, StoreError> {
    let rows = sqlx::query_as!(
        Place,
        r#"
        select place, origin, size, note, kept_at, trouble
        from log_places
        order by place
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Claims a place for one server: true if it has not this checkpoint yet and nobody tried since.
pub async fn claim_place(
    db: impl PgExecutor<'_>,
    place: &str,
    origin: &str,
    size: i64,
    now: Time,
    not_since: Time,
) -> Result<bool, StoreError> {
    let claimed = sqlx::query_scalar!(
        r#"
        insert into log_places (place, tried_at)
        values ($1, $4)
        on conflict (place) do update
        set tried_at = excluded.tried_at
        where log_places.tried_at < $5
            and (log_places.origin is distinct from $2 or log_places.size < $3)
        returning true as "claimed!"
        "#,
        place,
        origin,
        size,
        now,
        not_since,
    )
    .fetch_optional(db)
    .await?;
    Ok(claimed.is_some())
}

/// A place has a checkpoint.
pub async fn place_has(
    db: impl PgExecutor<'_>,
    place: &str,
    origin: &str,
    size: i64,
    note: &str,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update log_places
        set origin = $2, size = $3, note = $4, kept_at = $5, trouble = null
        where place = $1
        "#,
        place,
        origin,
        size,
        note,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A place could not take one.
pub async fn place_failed(
    db: impl PgExecutor<'_>,
    place: &str,
    trouble: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update log_places set trouble = $2 where place = $1",
        place,
        trouble
    )
    .execute(db)
    .await?;
    Ok(())
}
