//! Redeeming a code, and what its replay ends.

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::tokens::{Granted, NewAccess};

/// A code that a client brought back.
#[derive(Debug)]
pub struct Redeeming<'a> {
    /// Its hash.
    pub code_hash: &'a [u8],
    /// The client that authenticated.
    pub client_id: &'a str,
    /// The redirect URI it says it used.
    pub redirect_uri: &'a str,
    /// The challenge of the verifier it sent.
    pub challenge: Option<&'a str>,
    /// The access token it will get. Its key must be the one the code is bound to, if it is.
    pub access: NewAccess<'a>,
    /// The hash of the refresh token it will get, if `offline_access` was granted.
    pub refresh_hash: &'a [u8],
    /// Whether that is bound to what the access token is bound to: a public client's.
    pub binds_refresh: bool,
    /// The time.
    pub now: Time,
}

/// What became of a redeemed code.
#[derive(Debug)]
pub enum Redeemed {
    /// Right in everything.
    Granted(Granted),
    /// The verifier, the redirect URI or the DPoP key was wrong: the code is burned.
    Burned,
    /// A resource was asked for that the authorization request did not name: the code is burned.
    WrongTarget,
}

/// Redeems a code: once, for the client it was made for. A wrong verifier, redirect URI, key or
/// resource burns it; another client's attempt leaves it alone.
///
/// # Errors
/// [`StoreError::Stale`] if there is no such live code for this client.
pub async fn redeem(
    lane: &Lane,
    code: &Redeeming<'_>,
    records: Appended,
) -> Result<Redeemed, StoreError> {
    let mut lent = lane.get().await?;
    let access = &code.access;
    let row = sqlx::query!(
        r#"
        with code as (
            update codes
            set redeemed_at = $3
            where hash = $1 and client_id = $2 and redeemed_at is null and expires_at > $3
            returning grant_id, resources,
                redirect_uri = $4 and challenge is not distinct from $5
                    and (dpop_jkt is null or dpop_jkt is not distinct from $9) as fits,
                cardinality($11::text[]) = 0 or cardinality(resources) = 0 or $11 <@ resources
                    as on_target
        ),
        given as (
            select g.id, g.facts, g.sealed, g.expires_at, code.resources,
                case when cardinality($11) = 0 then code.resources else $11 end as audiences
            from grants g
            join code on g.id = code.grant_id
            where code.fits and code.on_target and g.ended_at is null and g.expires_at > $3
                and not exists (
                    select from subject_epochs e
                    where e.number_hash = g.number_hash and e.epoch > g.epoch
                )
        ),
        access as (
            insert into access_tokens (hash, grant_id, issued_at, expires_at, audiences, jkt, x5t)
            select $6, id, $3, $7, audiences, $9, $10
            from given
        ),
        refresh as (
            insert into refresh_tokens
                (hash, grant_id, client_id, resources, jkt, x5t, created_at, expires_at)
            select $12, id, $2, resources, case when $13 then $9 end, case when $13 then $10 end, $3,
                expires_at
            from given
            where facts -> 'scopes' ? 'offline_access'
            returning 1
        ),
        audit as (
            select append_audit($8) as appended
            from given
        )
        select code.fits and not code.on_target as "wrong_target!", given.facts as "facts?",
            given.sealed, given.audiences, exists (select from refresh) as "refreshable!",
            (select count(appended) from audit) as "recorded!"
        from code
        left join given on true
        "#,
        code.code_hash,
        code.client_id,
        code.now,
        code.redirect_uri,
        code.challenge,
        access.hash,
        access.expires_at,
        &records as _,
        access.jkt,
        access.x5t,
        access.resources,
        code.refresh_hash,
        code.binds_refresh,
    )
    .fetch_optional(lent.connection())
    .await?;
    let recorded = row.as_ref().is_some_and(|row| row.recorded == 1);
    lent.give_back_after(&records, recorded);
    let row = row.ok_or(StoreError::Stale)?;
    Ok(match row.facts {
        Some(facts) if row.recorded == 1 => Redeemed::Granted(Granted {
            facts,
            sealed_number: row.sealed,
            audiences: row.audiences.unwrap_or_default(),
            refreshable: row.refreshable,
        }),
        _ if row.wrong_target => Redeemed::WrongTarget,
        _ => Redeemed::Burned,
    })
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
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    Ok(done == 1)
}
