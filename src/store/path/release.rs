//! The verdict `verified`, released at once or held for the person.

use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// Everything a verified login leaves behind.
#[derive(Debug)]
pub struct Release<'a> {
    /// The login; the grant has the same key.
    pub login: Uuid,
    /// The leg that was verified; absent if a session answers.
    pub leg: Option<Uuid>,
    /// The client's `client_id`.
    pub client_id: &'a str,
    /// The time of the release.
    pub now: Time,
    /// The keyed hash of the number, under the active root key.
    pub number_hash: &'a [u8],
    /// The same under every live root key: an epoch is looked for under all.
    pub number_hashes: &'a [Vec<u8>],
    /// The epoch `subject` was made with: the release fails if it has moved.
    pub epoch: i32,
    /// The subject.
    pub subject: &'a str,
    /// The answer to the app, sealed for the login's row.
    pub sealed_answer: &'a [u8],
    /// What the grant's tokens are made of.
    pub facts: &'a serde_json::Value,
    /// The number, sealed for the grant's row, if the client may have it.
    pub sealed_number: Option<&'a [u8]>,
    /// When the grant ends.
    pub grant_expires_at: Time,
    /// The hash of the code.
    pub code_hash: &'a [u8],
    /// The redirect URI the code is bound to.
    pub redirect_uri: &'a str,
    /// The PKCE challenge it is bound to.
    pub challenge: Option<&'a str>,
    /// The thumbprint of the DPoP key it is bound to.
    pub dpop_jkt: Option<&'a str>,
    /// The resources a token is wanted for.
    pub resources: &'a [String],
    /// When the code ends.
    pub code_expires_at: Time,
    /// The browser's go-ahead, if the person gave one.
    pub go_ahead: Option<GoAhead<'a>>,
}

/// The session a verified login opens, or renews under its old key.
#[derive(Debug)]
pub struct SessionRow<'a> {
    /// Its key.
    pub id: Uuid,
    /// The hash of its new cookie.
    pub cookie_hash: &'a [u8],
    /// The hash of the cookie the browser had: another session under it ends.
    pub old_cookie_hash: Option<&'a [u8]>,
    /// The hash of the browser's own cookie: the session answers only beside it.
    pub browser_hash: &'a [u8],
    /// What was verified.
    pub verdict: &'a serde_json::Value,
    /// The number, sealed for the session's row.
    pub sealed: &'a [u8],
    /// When it ends unless used.
    pub idle_expires_at: Time,
    /// When it ends.
    pub expires_at: Time,
}

/// A go-ahead to remember.
#[derive(Debug)]
pub struct GoAhead<'a> {
    /// The hash of the browser's cookie.
    pub browser_hash: &'a [u8],
    /// What may be released.
    pub release: &'a [String],
    /// Until when.
    pub expires_at: Time,
}

/// The verdict `verified`: closes leg and login, opens or renews the session, stores grant and code,
/// remembers the go-ahead, appends the records. All or nothing, and only once; after a hand-off not
/// before the digits were typed.
///
/// # Errors
/// [`StoreError::Stale`] if the login is not being checked any more, or the number's epoch has moved.
pub async fn release(
    lane: &Lane,
    release: &Release<'_>,
    session: &SessionRow<'_>,
    records: Appended,
) -> Result<(), StoreError> {
    let go_ahead = release.go_ahead.as_ref();
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = 'ended', outcome = 'verified', answer = $3, sealed = null, changed_at = $4,
                ended_at = $4
            where id = $1 and stage in ('checking', 'confirm')
                and expires_at > $4 and leg_id is not distinct from $2
                and (handoff_id is null or exists (
                    select from handoffs
                    where handoffs.id = logins.handoff_id and handoffs.stage = 'proven'
                ))
                and $6 = coalesce(
                    (select max(epoch) from subject_epochs where number_hash = any($5)), 0)
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = 'verified', closed_at = $4
            where id = $2 and exists (select from login)
        ),
        ended as (
            update sessions
            set ended_at = $4
            where cookie_hash = $7 and id <> $8 and ended_at is null and exists (select from login)
        ),
        session as (
            insert into sessions
                (id, cookie_hash, browser_hash, number_hash, epoch, verdict, sealed, opened_at,
                idle_expires_at, expires_at)
            select $8, $9, $30, $10, $6, $11, $12, $4, $13, $14
            from login
            on conflict (id) do update
            set cookie_hash = excluded.cookie_hash, browser_hash = excluded.browser_hash,
                number_hash = excluded.number_hash, verdict = excluded.verdict,
                sealed = excluded.sealed, idle_expires_at = excluded.idle_expires_at
        ),
        given as (
            insert into grants
                (id, client_id, subject, login_id, session_id, number_hash, epoch, facts, sealed,
                created_at, expires_at)
            select id, $15, $16, id, $8, $10, $6, $17, $18, $4, $19
            from login
        ),
        code as (
            insert into codes
                (hash, grant_id, client_id, redirect_uri, challenge, expires_at, dpop_jkt, resources,
                kept_until)
            select $20, id, $15, $21, $22, $23, $28, $29, $19
            from login
        ),
        go_ahead as (
            insert into go_aheads
                (browser_hash, client_id, subject, number_hash, release, given_at, expires_at)
            select $24, $15, $16, $10, $25, $4, $26
            from login
            where $24::bytea is not null
            on conflict (browser_hash, client_id, subject) do update
            set release = array(
                    select distinct unnest(go_aheads.release || excluded.release) order by 1),
                number_hash = excluded.number_hash, given_at = excluded.given_at,
                expires_at = excluded.expires_at
        ),
        audit as (
            select append_audit($27) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        release.login,
        release.leg,
        release.sealed_answer,
        release.now,
        release.number_hashes,
        release.epoch,
        session.old_cookie_hash,
        session.id,
        session.cookie_hash,
        release.number_hash,
        session.verdict,
        session.sealed,
        session.idle_expires_at,
        session.expires_at,
        release.client_id,
        release.subject,
        release.facts,
        release.sealed_number,
        release.grant_expires_at,
        release.code_hash,
        release.redirect_uri,
        release.challenge,
        release.code_expires_at,
        go_ahead.map(|g| g.browser_hash),
        go_ahead.map(|g| g.release).unwrap_or_default(),
        go_ahead.map_or(release.now, |g| g.expires_at),
        &records as _,
        release.dpop_jkt,
        release.resources,
        session.browser_hash,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
}

/// A verdict that must wait for the person's go-ahead: closes the leg and holds what was confirmed,
/// sealed. Nothing can be released from here but by [`release`].
///
/// # Errors
/// [`StoreError::Stale`] if the login is not being checked on this leg any more.
pub async fn hold(
    lane: &Lane,
    login: Uuid,
    leg: Uuid,
    sealed_held: &[u8],
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = 'confirm', outcome = null, answer = $3, changed_at = $4
            where id = $1 and leg_id = $2 and stage = 'checking'
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = 'verified', closed_at = $4
            where id = $2 and exists (select from login)
        ),
        audit as (
            select append_audit($5) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        login,
        leg,
        sealed_held,
        now,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
}
