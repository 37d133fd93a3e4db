//! Pushed authorization requests (RFC 9126). Each opens one login, over all replicas: the first
//! browser that brings its `request_uri` names the login, and everybody after it finds that name.

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::{Handle, Place};
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// Where a pushed request's parameters are sealed for.
#[must_use]
pub fn place(request: &Uuid) -> Place<'_> {
    Place::new("pushed_requests", "sealed", request)
}

/// Keeps a pushed request. `number_hashes` are those of the number it names, under every live root key.
pub async fn insert(
    lane: &Lane,
    handle: &Handle,
    client_id: &str,
    sealed: &[u8],
    number_hashes: &[Vec<u8>],
    expires_at: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    sqlx::query_scalar!(
        r#"
        with kept as (
            insert into pushed_requests (id, hash, client_id, sealed, number_hashes, expires_at)
            values ($1, $2, $3, $4, $5, $6)
            returning id
        )
        select append_audit($7)
        from kept
        "#,
        handle.id,
        &handle.hash(),
        client_id,
        sealed,
        number_hashes,
        expires_at,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, true);
    Ok(())
}

/// A browser brings a `request_uri`. That happens in the statement that looks up what is known of the
/// browser ([`super::sessions::look_up`]), so that a pushed request costs one statement more and not
/// two.
#[derive(Debug)]
pub struct Bringing<'a> {
    /// The reference.
    pub handle: &'a Handle,
    /// The login that the request opens, unless it has opened one before; absent: it is only looked
    /// at.
    pub login: Option<Uuid>,
}

/// What a `request_uri` stands for.
#[derive(Debug)]
pub struct Pushed {
    /// The parameters, sealed.
    pub sealed: Vec<u8>,
    /// The login it opens or has opened; absent if it was only looked at.
    pub login: Option<Uuid>,
}

/// Deletes what expired before a time, in batches. Returns how many.
pub async fn purge(db: impl PgExecutor<'_>, before: Time, limit: i64) -> Result<i64, StoreError> {
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
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}
