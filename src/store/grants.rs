//! Grants and their access tokens, read; and ended when a code is replayed.

use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::secret::{Place, Unsealable, Vault};
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// What one client may be told.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its key.
    pub id: Uuid,
    /// The client.
    pub client_id: String,
    /// What its tokens are made of.
    pub facts: serde_json::Value,
    /// The number, sealed, if the client may have it.
    pub sealed: Option<Vec<u8>>,
}

/// Where a grant's number is sealed for.
#[must_use]
pub fn number_place(grant: &Uuid) -> Place<'_> {
    Place::new("grants", "sealed", grant)
}

/// The number a grant holds, if it holds one.
///
/// # Errors
/// [`Unsealable`] if the row was altered or its root key is gone.
pub fn open_number(
    vault: &Vault,
    grant: &Uuid,
    sealed: Option<&[u8]>,
) -> Result<Option<PhoneNumber>, Unsealable> {
    let Some(sealed) = sealed else {
        return Ok(None);
    };
    let plain = vault.open(number_place(grant), sealed)?;
    let text = std::str::from_utf8(&plain).map_err(|_| Unsealable)?;
    PhoneNumber::from_e164(text)
        .map(Some)
        .map_err(|_| Unsealable)
}

/// The grant behind a live access token.
pub async fn find_by_token(
    lane: &Lane,
    token_hash: &[u8],
    now: Time,
) -> Result<Option<Grant>, StoreError> {
    let mut lent = lane.get().await?;
    let grant = sqlx::query_as!(
        Grant,
        r#"
        select g.id, g.client_id, g.facts, g.sealed
        from access_tokens t
        join grants g on g.id = t.grant_id
        where t.hash = $1 and t.expires_at > $2 and g.ended_at is null and g.expires_at > $2
            and not exists (
                select from subject_epochs e
                where e.number_hash = g.number_hash and e.epoch > g.epoch
            )
        "#,
        token_hash,
        now
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(grant)
}

/// Ends the grant of a code that was redeemed before and is brought again by its own client (RFC 9700
/// section 4.5: whoever has the code twice may be a thief). Returns whether there was one to end.
pub async fn end_after_replay(
    lane: &Lane,
    code_hash: &[u8],
    client_id: &str,
    now: Time,
    records: Appended,
) -> Result<bool, StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with given as (
            update grants
            set ended_at = $3
            where id = (
                    select grant_id
                    from codes
                    where hash = $1 and client_id = $2 and redeemed_at is not null
                )
                and ended_at is null
            returning id
        ),
        audit as (
            select append_audit($4) as appended
            from given
        )
        select count(appended) as "done!"
        from audit
        "#,
        code_hash,
        client_id,
        now,
        records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    Ok(done == 1)
}

/// Deletes what has been over for a day: codes, access tokens, grants, sessions, go-aheads and
/// assertion ids, a bounded number of each. Returns how many rows went.
pub async fn purge(db: &PgPool, before: Time, limit: i64) -> Result<i64, StoreError> {
    let gone = sqlx::query_scalar!(
        r#"
        with code as (
            delete from codes
            where hash in (select hash from codes where expires_at < $1 limit $2)
            returning 1
        ),
        token as (
            delete from access_tokens
            where hash in (select hash from access_tokens where expires_at < $1 limit $2)
            returning 1
        ),
        given as (
            delete from grants
            where id in (select id from grants where expires_at < $1 limit $2)
            returning 1
        ),
        session as (
            delete from sessions
            where id in (select id from sessions where expires_at < $1 limit $2)
            returning id
        ),
        session_client as (
            delete from session_clients
            where session_id in (select id from session)
        ),
        go_ahead as (
            delete from go_aheads
            where (browser_hash, client_id, subject) in
                (select browser_hash, client_id, subject
                from go_aheads
                where expires_at < $1
                limit $2)
            returning 1
        ),
        assertion as (
            delete from assertion_ids
            where (client_id, jti_hash) in
                (select client_id, jti_hash from assertion_ids where expires_at < $1 limit $2)
            returning 1
        )
        select (select count(*) from code) + (select count(*) from token)
            + (select count(*) from given) + (select count(*) from session)
            + (select count(*) from go_ahead) + (select count(*) from assertion) as "gone!"
        "#,
        before,
        limit,
    )
    .fetch_one(db)
    .await?;
    Ok(gone)
}
