//! Exports of records: what was asked for and how far it is.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// An export.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its key.
    pub id: Uuid,
    /// `csv` or `jsonl`.
    pub format: String,
    /// What was asked for; a number only as the fact that there was one.
    pub filters: Value,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: Time,
    /// `running`, `done`, `cancelled` or `failed`.
    pub state: String,
    /// Where it goes: a file's name, or `stdout`.
    pub target: String,
    /// How far it is, of 100.
    pub percent: i32,
    /// Records written.
    pub written: i64,
    /// Bytes written.
    pub bytes: i64,
    /// SHA-256 of all bytes, once done.
    pub sha256: Option<Vec<u8>>,
    /// Whether somebody wants it to stop.
    pub cancel: bool,
    /// Why it failed.
    pub problem: Option<String>,
    /// When this row changed last: a running export that has been silent for minutes is dead.
    pub changed_at: Time,
}

/// A new export that runs.
pub async fn insert(db: &mut PgConnection, export: &Export) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into record_exports
            (id, format, filters, requested_by, requested_at, state, target, percent, written, bytes,
            changed_at)
        values ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, $5)
        "#,
        export.id,
        export.format,
        export.filters,
        export.requested_by,
        export.requested_at,
        export.state,
        export.target,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How far it is. Returns whether somebody wants it to stop.
///
/// # Errors
/// [`StoreError::Stale`] if it does not run any more.
pub async fn progress(
    db: &mut PgConnection,
    id: Uuid,
    percent: i32,
    written: i64,
    bytes: i64,
    now: Time,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"
        update record_exports
        set percent = $2, written = $3, bytes = $4, changed_at = $5
        where id = $1 and state = 'running'
        returning cancel
        "#,
        id,
        percent,
        written,
        bytes,
        now,
    )
    .fetch_optional(db)
    .await?
    .ok_or(StoreError::Stale)
}

/// It is over: `done`, `cancelled` or `failed`.
pub async fn finish(
    db: &mut PgConnection,
    id: Uuid,
    state: &str,
    sha256: Option<&[u8]>,
    problem: Option<&str>,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        update record_exports
        set state = $2, sha256 = $3, problem = $4, changed_at = $5,
            percent = case $2 when 'done' then 100 else percent end
        where id = $1 and state = 'running'
        "#,
        id,
        state,
        sha256,
        problem,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Asks a running export to stop.
///
/// # Errors
/// [`StoreError::Stale`] if none of this key runs.
pub async fn cancel(db: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "update record_exports set cancel = true where id = $1 and state = 'running'",
        id
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// Exports, newest first.
pub async fn list(db: &mut PgConnection, limit: i64) -> Result<Vec<Export>, StoreError> {
    let rows = sqlx::query_as!(
        Export,
        r#"
        select id, format, filters, requested_by, requested_at, state, target, percent, written, bytes,
            sha256, cancel, problem, changed_at
        from record_exports
        order by id desc
        limit $1
        "#,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// One export.
pub async fn find(db: &mut PgConnection, id: Uuid) -> Result<Option<Export>, StoreError> {
    let row = sqlx::query_as!(
        Export,
        r#"
        select id, format, filters, requested_by, requested_at, state, target, percent, written, bytes,
            sha256, cancel, problem, changed_at
        from record_exports
        where id = $1
        "#,
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}
