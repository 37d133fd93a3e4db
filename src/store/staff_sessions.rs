//! Who is signed in to the console.

use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::staff::Role;

/// A live session with its account.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The session.
    pub session: Uuid,
    /// The account.
    pub staff: Uuid,
    /// The address it signs in with.
    pub email: String,
    /// What it may do.
    pub role: Role,
    /// When password and code were last given.
    pub proved_at: Time,
}

/// A session, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its key.
    pub id: Uuid,
    /// What it runs in.
    pub browser: String,
    /// When it was opened.
    pub opened_at: Time,
    /// When it was last used.
    pub seen_at: Time,
}

/// Opens a session.
pub async fn insert(
    db: &mut PgConnection,
    id: Uuid,
    hash: &[u8],
    staff: Uuid,
    browser: &str,
    now: Time,
    expires_at: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into staff_sessions (id, hash, staff, browser, opened_at, seen_at, proved_at, expires_at)
        values ($1, $2, $3, $4, $5, $5, $5, $6)
        "#,
        id,
        hash,
        staff,
        browser,
        now,
        expires_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The live session behind a cookie, seen now; `idle_since` is the oldest last use that still counts.
pub async fn see(
    db: &PgPool,
    hash: &[u8],
    idle_since: Time,
    now: Time,
) -> Result<Option<Signed>, StoreError> {
    let found = sqlx::query_as!(
        Signed,
        r#"
        update staff_sessions s
        set seen_at = $3
        from staff a
        where s.hash = $1 and s.ended_at is null and s.expires_at > $3 and s.seen_at > $2
            and a.id = s.staff and a.disabled_at is null
        returning s.id as session, a.id as staff, a.email, a.role as "role: Role", s.proved_at
        "#,
        hash,
        idle_since,
        now,
    )
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Notes that password and code were given again, under a new cookie.
///
/// # Errors
/// [`StoreError::Stale`] if the session is over.
pub async fn prove(
    db: &mut PgConnection,
    session: Uuid,
    hash: &[u8],
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        update staff_sessions
        set proved_at = $3, hash = $2
        where id = $1 and ended_at is null
        "#,
        session,
        hash,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}

/// The live sessions of an account, the one used last first.
pub async fn list(
    db: &mut PgConnection,
    staff: Uuid,
    idle_since: Time,
    now: Time,
) -> Result<Vec<Seen>, StoreError> {
    let rows = sqlx::query_as!(
        Seen,
        r#"
        select id, browser, opened_at, seen_at
        from staff_sessions
        where staff = $1 and ended_at is null and expires_at > $3 and seen_at > $2
        order by seen_at desc, id
        "#,
        staff,
        idle_since,
        now,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Ends one session of an account; another account's stays. Returns whether there was one.
pub async fn end(
    db: &mut PgConnection,
    staff: Uuid,
    session: Uuid,
    now: Time,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        update staff_sessions
        set ended_at = $3
        where id = $2 and staff = $1 and ended_at is null
        "#,
        staff,
        session,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of an account but one, or all. Returns how many.
pub async fn end_all(
    db: &mut PgConnection,
    staff: Uuid,
    but: Option<Uuid>,
    now: Time,
) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"
        update staff_sessions
        set ended_at = $3
        where staff = $1 and ended_at is null and id is distinct from $2
        "#,
        staff,
        but,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

/// Ends the session behind a cookie, whoever's it is.
pub async fn end_behind(db: &mut PgConnection, hash: &[u8], now: Time) -> Result<(), StoreError> {
    sqlx::query!(
        "update staff_sessions set ended_at = $2 where hash = $1 and ended_at is null",
        hash,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes what has been over for long, at most `limit` of each.
pub async fn purge(db: &PgPool, before: Time, limit: i64) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with tries as (
            delete from staff_attempts
            where subject in (select subject from staff_attempts where since < $1 limit $2)
        ),
        links as (
            delete from staff_setup_links
            where hash in (select hash from staff_setup_links where expires_at < $1 limit $2)
        )
        delete from staff_sessions
        where id in (select id from staff_sessions where expires_at < $1 limit $2)
        "#,
        before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(())
}
