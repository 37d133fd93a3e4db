//! Grants: what a client may be told; and what is deleted of them when all is over.

use std::collections::BTreeMap;

use sqlx::PgExecutor;
use uuid::Uuid;

use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::secret::{Place, Unsealable, Vault};
use crate::store::db::StoreError;

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

/// Deletes what has been over for a day: codes, tokens, grants, sessions, go-aheads and proofs, a
/// bounded number of each. A grant stays as long as its session lives: whoever ends that must know which
/// clients to tell. Returns how many rows went, by kind.
pub async fn purge(
    db: impl PgExecutor<'_>,
    before: Time,
    limit: i64,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let gone = sqlx::query!(
        r#"
        with code as (
            delete from codes
            where hash in
                (select hash from codes where coalesce(kept_until, expires_at) < $1 limit $2)
            returning 1
        ),
        token as (
            delete from access_tokens
            where hash in (select hash from access_tokens where expires_at < $1 limit $2)
            returning 1
        ),
        refresh as (
            delete from refresh_tokens
            where hash in (select hash from refresh_tokens where expires_at < $1 limit $2)
            returning 1
        ),
        proof as (
            delete from dpop_proofs
            where hash in (select hash from dpop_proofs where expires_at < $1 limit $2)
            returning 1
        ),
        given as (
            delete from grants
            where id in (
                select id
                from grants
                where expires_at < $1 and not exists (
                    select
                    from sessions
                    where sessions.id = session_id and ended_at is null
                        and sessions.expires_at >= $1)
                limit $2)
            returning 1
        ),
        session as (
            delete from sessions
            where id in (select id from sessions where expires_at < $1 limit $2)
            returning 1
        ),
        go_ahead as (
            delete from go_aheads
            where (browser_hash, client_id, subject) in
                (select browser_hash, client_id, subject
                from go_aheads
                where expires_at < $1
                limit $2)
            returning 1
        )
        select (select count(*) from code) as "codes!",
            (select count(*) from token) as "access_tokens!",
            (select count(*) from given) as "grants!", (select count(*) from session) as "sessions!",
            (select count(*) from go_ahead) as "go_aheads!",
            (select count(*) from refresh) as "refresh_tokens!",
            (select count(*) from proof) as "dpop_proofs!"
        "#,
        before,
        limit,
    )
    .fetch_one(db)
    .await?;
    let gone = [
        ("codes", gone.codes),
        ("access_tokens", gone.access_tokens),
        ("refresh_tokens", gone.refresh_tokens),
        ("dpop_proofs", gone.dpop_proofs),
        ("grants", gone.grants),
        ("sessions", gone.sessions),
        ("go_aheads", gone.go_aheads),
    ];
    Ok(gone
        .into_iter()
        .map(|(kind, rows)| (kind.to_owned(), rows))
        .collect())
}
