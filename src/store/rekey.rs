//! Number hashes under another root key: online, in pieces, as often as one likes. A hash cannot be made
//! anew from itself, so the number is taken from where it is sealed.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::db::StoreError;

/// A sealed personal part under another root key than the active one.
#[derive(Debug)]
pub struct Part {
    /// The record.
    pub id: Uuid,
    /// The sealed part.
    pub sealed: Vec<u8>,
    /// Whether it has a number.
    pub has_number: bool,
}

/// Parts after this one that are not under the active root key.
pub async fn parts(
    db: &mut PgConnection,
    active: &str,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Part>, StoreError> {
    let rows = sqlx::query_as!(
        Part,
        r#"
        select record_id as id, sealed, number_hash is not null as "has_number!"
        from audit_personal
        where key_id <> $1 and record_id > $2
        order by record_id
        limit $3
        "#,
        active,
        after,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Puts a part under the active root key. Whether it was still as it was read.
pub async fn move_part(
    db: &mut PgConnection,
    part: &Part,
    active: &str,
    number_hash: Option<&[u8]>,
    sealed: &[u8],
) -> Result<bool, StoreError> {
    let moved = sqlx::query_scalar!(
        "select rekey_personal($1, $2, $3, $4, $5)",
        part.id,
        part.sealed,
        active,
        number_hash,
        sealed,
    )
    .fetch_one(db)
    .await?;
    Ok(moved == Some(true))
}

/// A session whose number is sealed.
#[derive(Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: Uuid,
    /// The sealed number.
    pub sealed: Vec<u8>,
}

/// Live sessions after this one.
pub async fn sessions(
    db: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> Result<Vec<SessionRow>, StoreError> {
    let rows = sqlx::query_as!(
        SessionRow,
        r#"
        select id, sealed
        from sessions
        where id > $1 and ended_at is null
        order by id
        limit $2
        "#,
        after,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Puts a session's number under the active root key, if it is still as it was read.
pub async fn move_session(
    db: &mut PgConnection,
    row: &SessionRow,
    sealed: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "update sessions set sealed = $3 where id = $1 and sealed = $2",
        row.id,
        row.sealed,
        sealed,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A number that is known again: its hash under the active root key takes the place of the others
/// wherever they stand. Returns how many rows changed.
pub async fn move_number(
    db: &mut PgConnection,
    old: &[Vec<u8>],
    new: &[u8],
    active: &str,
) -> Result<i64, StoreError> {
    let moved = sqlx::query_scalar!(
        r#"
        with session as (
            update sessions set number_hash = $2 where number_hash = any($1) returning 1
        ),
        given as (
            update grants set number_hash = $2 where number_hash = any($1) returning 1
        ),
        go_ahead as (
            update go_aheads set number_hash = $2 where number_hash = any($1) returning 1
        ),
        epoch as (
            update subject_epochs
            set number_hash = $2, key_id = $3
            where number_hash = any($1)
                and not exists (select from subject_epochs where number_hash = $2)
            returning 1
        )
        select (select count(*) from session) + (select count(*) from given)
            + (select count(*) from go_ahead) + (select count(*) from epoch) as "moved!"
        "#,
        old,
        new,
        active,
    )
    .fetch_one(db)
    .await?;
    Ok(moved)
}

/// Rows that still need another root key than the active one, by kind: epochs whose number nobody has
/// shown since, and personal parts.
pub async fn remaining(db: &mut PgConnection, active: &str) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query!(
        r#"
        select (select count(*) from subject_epochs where key_id <> $1) as "epochs!",
            (select count(*) from audit_personal where key_id <> $1) as "parts!"
        "#,
        active,
    )
    .fetch_one(db)
    .await?;
    Ok((row.epochs, row.parts))
}
