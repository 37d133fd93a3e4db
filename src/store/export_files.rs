//! The files of exports that somebody fetches later, in pieces.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// What `target` of such an export says.
pub const FETCHED: &str = "download";

/// Keeps the next piece of a file.
pub async fn insert(
    db: &mut PgConnection,
    export: Uuid,
    part: i32,
    bytes: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into record_export_parts (export, part, bytes) values ($1, $2, $3)",
        export,
        part,
        bytes,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A piece of a file, from 0.
pub async fn part(
    db: &mut PgConnection,
    export: Uuid,
    part: i32,
) -> Result<Option<Vec<u8>>, StoreError> {
    let bytes = sqlx::query_scalar!(
        "select bytes from record_export_parts where export = $1 and part = $2",
        export,
        part,
    )
    .fetch_optional(db)
    .await?;
    Ok(bytes)
}

/// How many of them run and were heard of since.
pub async fn running(db: &mut PgConnection, since: Time) -> Result<i64, StoreError> {
    let running = sqlx::query_scalar!(
        r#"
        select count(*) as "running!"
        from record_exports
        where state = 'running' and target = $1 and changed_at > $2
        "#,
        FETCHED,
        since,
    )
    .fetch_one(db)
    .await?;
    Ok(running)
}

/// Says of exports that were silent for so long that their server went away; returns which.
pub async fn give_up(db: &mut PgConnection, silent_since: Time) -> Result<Vec<Uuid>, StoreError> {
    let gone = sqlx::query_scalar!(
        r#"
        update record_exports
        set state = 'failed', problem = 'the server that wrote it went away'
        where state = 'running' and target = $1 and changed_at < $2
        returning id
        "#,
        FETCHED,
        silent_since,
    )
    .fetch_all(db)
    .await?;
    Ok(gone)
}

/// Deletes pieces of what ended before then, and of what is not whole, at most so many.
pub async fn purge(
    db: &mut PgConnection,
    ended_before: Time,
    limit: i64,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"
        delete from record_export_parts
        where (export, part) in (
            select p.export, p.part
            from record_export_parts p
            join record_exports e on e.id = p.export
            where e.state <> 'running' and (e.state <> 'done' or e.changed_at < $1)
            limit $2
        )
        "#,
        ended_before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
