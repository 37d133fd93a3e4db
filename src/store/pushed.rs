//! Pushed authorization requests (RFC 9126). Each opens one login, over all replicas: the first
//! browser that brings its `request_uri` names the login, and everybody after it finds that name.

use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::{Handle, Place};
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// Where a pushed request's parameters are sealed for.
#[must_use]
pub fn place(request: &Uuid) -> Place<'_> {
    Place::new("pushed_requests", "sealed", request)
}

/// Keeps a pushed request.
pub async fn insert(
    lane: &Lane,
    handle: &Handle,
    client_id: &str,
    sealed: &[u8],
    expires_at: Time,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    sqlx::query!(
        r#"
        insert into pushed_requests (id, hash, client_id, sealed, expires_at)
        values ($1, $2, $3, $4, $5)
        "#,
        handle.id,
        &handle.hash(),
        client_id,
        sealed,
        expires_at,
    )
    .execute(lent.connection())
    .await?;
    lent.give_back();
    Ok(())
}

/// What a `request_uri` stands for.
#[derive(Debug)]
pub struct Pushed {
    /// The parameters, sealed.
    pub sealed: Vec<u8>,
    /// The login it opens or has opened; absent if it was only looked at.
    pub login: Option<Uuid>,
}

/// Brings a pushed request to the login it opens: the named one, unless it has opened another before.
/// With no login it is only looked at. In time, and for its own client.
pub async fn bring(
    lane: &Lane,
    handle: &Handle,
    client_id: &str,
    login: Option<Uuid>,
    now: Time,
) -> Result<Option<Pushed>, StoreError> {
    let mut lent = lane.get().await?;
    let pushed = sqlx::query_as!(
        Pushed,
        r#"
        update pushed_requests
        set login_id = coalesce(login_id, $4)
        where id = $1 and hash = $2 and client_id = $3
            and (expires_at > $5 or login_id is not null)
        returning sealed, login_id as login
        "#,
        handle.id,
        &handle.hash(),
        client_id,
        login,
        now,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(pushed)
}

/// Deletes what expired before a time, in batches. Returns how many.
pub async fn purge(db: &PgPool, before: Time, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"
        delete from pushed_requests
        where id in (select id from pushed_requests where expires_at < $1 limit $2)
        "#,
        before,
        limit,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}
