//! Refresh tokens: used, rotated, and what ends a family of them.

use serde_json::Value;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::tokens::{Granted, NewAccess};

/// A refresh token that a client brought.
#[derive(Debug)]
pub struct Refreshing<'a> {
    /// Its hash.
    pub hash: &'a [u8],
    /// The client that authenticated.
    pub client_id: &'a str,
    /// The scopes it narrows to; absent: all of the grant.
    pub scopes: Option<&'a [String]>,
    /// The access token it will get. Its key and certificate must be those the refresh token is
    /// bound to, if it is.
    pub access: NewAccess<'a>,
    /// The time.
    pub now: Time,
}

/// Uses a confidential client's refresh token, which stays as it is: whoever has it must still
/// authenticate, and a lost answer costs nobody their grant.
///
/// # Errors
/// [`StoreError::Stale`] if it may not be used so; [`find`] tells why.
pub async fn keep(
    lane: &Lane,
    token: &Refreshing<'_>,
    records: Appended,
) -> Result<Granted, StoreError> {
    let mut lent = lane.get().await?;
    let access = &token.access;
    let row = sqlx::query!(
        r#"
        with token as (
            select grant_id, resources
            from refresh_tokens
            where hash = $1 and client_id = $2 and used_at is null and expires_at > $3
                and (jkt is null or jkt is not distinct from $7)
                and (x5t is null or x5t is not distinct from $8)
                and (cardinality($9::text[]) = 0 or cardinality(resources) = 0 or $9 <@ resources)
        ),
        given as (
            select g.id, g.facts, g.sealed,
                case when cardinality($9) = 0 then token.resources else $9 end as audiences
            from grants g
            join token on g.id = token.grant_id
            where g.ended_at is null and g.expires_at > $3
                and not exists (
                    select from subject_epochs e
                    where e.number_hash = g.number_hash and e.epoch > g.epoch
                )
                and ($4::text[] is null
                    or $4 <@ array(select jsonb_array_elements_text(g.facts -> 'scopes')))
        ),
        access as (
            insert into access_tokens
                (hash, grant_id, issued_at, expires_at, scopes, audiences, jkt, x5t)
            select $5, id, $3, $6, $4, audiences, $7, $8
            from given
        ),
        audit as (
            select append_audit($10) as appended
            from given
        )
        select facts, sealed, audiences as "audiences!"
        from given
        where 1 = (select count(appended) from audit)
        "#,
        token.hash,
        token.client_id,
        token.now,
        token.scopes,
        access.hash,
        access.expires_at,
        access.jkt,
        access.x5t,
        access.resources,
        &records as _,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back_after(&records, row.is_some());
    let row = row.ok_or(StoreError::Stale)?;
    Ok(Granted {
        facts: row.facts,
        sealed_number: row.sealed,
        audiences: row.audiences,
        refreshable: false,
    })
}

/// Uses a public client's refresh token, once: another one takes its place (RFC 9700 section 4.14.2).
/// What the old one was bound to, the new one is; one that was not becomes so.
///
/// # Errors
/// [`StoreError::Stale`] if it may not be used so, or was used before; [`find`] tells why.
pub async fn rotate(
    lane: &Lane,
    token: &Refreshing<'_>,
    next_hash: &[u8],
    records: Appended,
) -> Result<Granted, StoreError> {
    let mut lent = lane.get().await?;
    let access = &token.access;
    let row = sqlx::query!(
        r#"
        with token as (
            update refresh_tokens
            set used_at = $3
            where hash = $1 and client_id = $2 and used_at is null and expires_at > $3
                and (jkt is null or jkt is not distinct from $7)
                and (x5t is null or x5t is not distinct from $8)
                and (cardinality($9::text[]) = 0 or cardinality(resources) = 0 or $9 <@ resources)
                and exists (
                    select
                    from grants g
                    where g.id = grant_id and g.ended_at is null and g.expires_at > $3
                        and not exists (
                            select from subject_epochs e
                            where e.number_hash = g.number_hash and e.epoch > g.epoch
                        )
                        and ($4::text[] is null
                            or $4 <@ array(select jsonb_array_elements_text(g.facts -> 'scopes')))
                )
            returning grant_id, resources, expires_at
        ),
        given as (
            select g.id, g.facts, g.sealed, token.resources, token.expires_at,
                case when cardinality($9) = 0 then token.resources else $9 end as audiences
            from grants g
            join token on g.id = token.grant_id
        ),
        access as (
            insert into access_tokens
                (hash, grant_id, issued_at, expires_at, scopes, audiences, jkt, x5t)
            select $5, id, $3, $6, $4, audiences, $7, $8
            from given
        ),
        next as (
            insert into refresh_tokens
                (hash, grant_id, client_id, resources, jkt, x5t, created_at, expires_at)
            select $11, id, $2, resources, $7, $8, $3, expires_at
            from given
        ),
        audit as (
            select append_audit($10) as appended
            from given
        )
        select facts, sealed, audiences as "audiences!"
        from given
        where 1 = (select count(appended) from audit)
        "#,
        token.hash,
        token.client_id,
        token.now,
        token.scopes,
        access.hash,
        access.expires_at,
        access.jkt,
        access.x5t,
        access.resources,
        &records as _,
        next_hash,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back_after(&records, row.is_some());
    let row = row.ok_or(StoreError::Stale)?;
    Ok(Granted {
        facts: row.facts,
        sealed_number: row.sealed,
        audiences: row.audiences,
        refreshable: true,
    })
}

/// A refresh token as it stands, alive or not.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its grant.
    pub grant_id: Uuid,
    /// Whose it is.
    pub client_id: String,
    /// Whether another one took its place.
    pub used: bool,
    /// Whether it, or its grant, is over.
    pub ended: bool,
    /// The key it is bound to.
    pub jkt: Option<String>,
    /// The certificate it is bound to.
    pub x5t: Option<String>,
    /// The resources of the authorization request.
    pub resources: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it ends.
    pub expires_at: Time,
    /// What its grant's tokens are made of.
    pub facts: Value,
}

/// A refresh token, whatever its state.
pub async fn find(lane: &Lane, hash: &[u8], now: Time) -> Result<Option<Known>, StoreError> {
    let mut lent = lane.get().await?;
    let known = sqlx::query_as!(
        Known,
        r#"
        select t.grant_id, t.client_id, t.used_at is not null as "used!",
            t.expires_at <= $2 or g.expires_at <= $2 or g.ended_at is not null
                or exists (
                    select from subject_epochs e
                    where e.number_hash = g.number_hash and e.epoch > g.epoch
                ) as "ended!",
            t.jkt,
            t.x5t, t.resources, t.created_at, t.expires_at, g.facts
        from refresh_tokens t
        join grants g on g.id = t.grant_id
        where t.hash = $1
        "#,
        hash,
        now,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(known)
}

/// Ends the grant of a client's refresh token and with it the whole family and every access token.
/// Returns whether it was not over yet.
pub async fn end_family(
    lane: &Lane,
    hash: &[u8],
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
            where id = (select grant_id from refresh_tokens where hash = $1 and client_id = $2)
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
        hash,
        client_id,
        now,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    Ok(done == 1)
}
