//! A session answers, and no operator is asked.

use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::logins::NumberSource;
use crate::store::path::Opening;
use crate::store::path::Release;

/// The session that answers a request, and how long it lives on for having been used.
#[derive(Debug)]
pub struct SessionUse<'a> {
    /// Its key.
    pub id: Uuid,
    /// The hash of its cookie: a verdict since then has renewed it, and was not judged.
    pub cookie_hash: &'a [u8],
    /// When it ends unless used again.
    pub idle_expires_at: Time,
    /// Whether a person pressed a button of ours in this login.
    pub pressed: bool,
}

/// A session answers, and no operator is asked: opens and ends the login, or ends the one that asked
/// the person; stores grant and code, remembers the go-ahead, appends the records. The session's row is
/// the lock: whoever ends it, or moves its number's epoch, comes before or after this and not between.
///
/// # Errors
/// [`StoreError::Stale`] if the session is not what it was, the number's epoch has moved, or the login
/// does not wait for the person any more.
pub async fn answer(
    lane: &Lane,
    login: &Opening<'_>,
    release: &Release<'_>,
    session: &SessionUse<'_>,
    records: Appended,
) -> Result<(), StoreError> {
    let go_ahead = release.go_ahead.as_ref();
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with session as (
            update sessions
            set idle_expires_at = greatest(idle_expires_at, $3)
            where id = $1 and cookie_hash = $2 and ended_at is null and expires_at > $4
                and idle_expires_at > $4 and epoch = $5
                and $5 = coalesce(
                    (select max(epoch) from subject_epochs where number_hash = any($6)), 0)
            returning id
        ),
        login as (
            insert into logins
                (id, client_id, cookie_hash, stage, sealed_request, number_source, pressed, session_id,
                legs, mismatches, outcome, answer, opened_at, expires_at, changed_at, ended_at)
            select $7, $8, $9, 'ended', $10, $11, $12, id, 0, 0, 'verified', $13, $14, $15, $4, $4
            from session
            on conflict (id) do update
            set stage = 'ended', outcome = 'verified', answer = excluded.answer, sealed = null,
                pressed = excluded.pressed, changed_at = excluded.changed_at,
                ended_at = excluded.ended_at
            where logins.stage = 'open' and logins.leg_id is null
                and logins.cookie_hash = excluded.cookie_hash
                and logins.expires_at > excluded.changed_at
            returning id
        ),
        given as (
            insert into grants
                (id, client_id, subject, login_id, session_id, number_hash, epoch, facts, sealed,
                created_at, expires_at)
            select id, $8, $16, id, $1, $17, $5, $18, $19, $4, $20
            from login
        ),
        code as (
            insert into codes
                (hash, grant_id, client_id, redirect_uri, challenge, expires_at, dpop_jkt, resources,
                kept_until)
            select $21, id, $8, $22, $23, $24, $29, $30, $20
            from login
        ),
        go_ahead as (
            insert into go_aheads
                (browser_hash, client_id, subject, number_hash, release, given_at, expires_at)
            select $25, $8, $16, $17, $26, $4, $27
            from login
            where $25::bytea is not null
            on conflict (browser_hash, client_id, subject) do update
            set number_hash = excluded.number_hash, release = array(
                    select distinct unnest(go_aheads.release || excluded.release) order by 1),
                given_at = excluded.given_at, expires_at = excluded.expires_at
        ),
        audit as (
            select append_audit($28) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        session.id,
        session.cookie_hash,
        session.idle_expires_at,
        release.now,
        release.epoch,
        release.number_hashes,
        login.id,
        login.client_id,
        login.cookie_hash,
        login.sealed_request,
        login.number_source.map(NumberSource::as_str),
        session.pressed,
        release.sealed_answer,
        login.now,
        login.expires_at,
        release.subject,
        release.number_hash,
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
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
}
