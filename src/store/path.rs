//! The steps of a login, each one statement: its guard, its effect and its audit records together.
//!
//! One statement is one round trip (DESIGN.md section 3, the statement budget), and a step that finds
//! its guard unmet changes nothing and records nothing. The login's row is the lock: every step
//! updates it first, and what follows depends on that update having found its row. Opening,
//! departure and claim run on connections that do not wait for the disk; a lost one is found by the
//! verdict's guard. The verdict and a release wait; so do redemptions and refreshes, which stand in
//! [`crate::store::tokens`].

use chrono::TimeDelta;
use sqlx::types::Json;
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::request::AuthorizeRequest;
use crate::secret::first_id;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::logins::{Leg, LegStage, Login, NumberSource, Row, Stage};
use crate::store::sessions::Remembered;
use crate::verdict::{Method, Outcome};

/// A login to open.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Its key.
    pub id: Uuid,
    /// The client's `client_id`.
    pub client_id: &'a str,
    /// The hash of the cookie set with the answer.
    pub cookie_hash: &'a [u8],
    /// The checked request.
    pub request: &'a AuthorizeRequest,
    /// The number, sealed, if it is known.
    pub sealed_number: Option<&'a [u8]>,
    /// Where it comes from.
    pub number_source: Option<NumberSource>,
    /// The session that may answer once the person has agreed.
    pub session: Option<Uuid>,
    /// When it opens.
    pub now: Time,
    /// When its time is out.
    pub expires_at: Time,
}

/// A leg to depart on.
#[derive(Debug)]
pub struct Departing<'a> {
    /// The leg's key.
    pub leg: Uuid,
    /// The operator's alias.
    pub operator: &'a str,
    /// The operator record's revision.
    pub operator_revision: i32,
    /// How it will be asked.
    pub method: Method,
    /// What chose the operator.
    pub rule: &'a str,
    /// The hash of the state sent along.
    pub state_hash: &'a [u8],
    /// What the leg keeps, sealed.
    pub sealed: &'a [u8],
    /// The keyed hashes of the number to verify, under every live root key, the active one first;
    /// empty if the operator is asked which it is, or tries are not counted.
    pub number_hashes: &'a [Vec<u8>],
    /// The most legs of one number in an hour.
    pub tries_per_hour: i64,
    /// The most legs of one login.
    pub legs_at_most: i32,
    /// When it departs.
    pub now: Time,
    /// When a callback comes too late.
    pub expires_at: Time,
}

/// What became of a departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Departed {
    /// The browser may go.
    Away,
    /// The number was checked too often within the hour: nothing was written.
    TooManyTries,
}

/// Opens a login that starts with a page.
pub async fn open(lane: &Lane, login: &Opening<'_>, records: Appended) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    sqlx::query_scalar!(
        r#"
        with login as (
            insert into logins
                (id, client_id, cookie_hash, stage, request, sealed, number_source, pressed,
                session_id, legs, mismatches, opened_at, expires_at, changed_at)
            values ($1, $2, $3, 'open', $4, $5, $6, false, $7, 0, 0, $8, $9, $8)
        )
        select append_audit($10)
        "#,
        login.id,
        login.client_id,
        login.cookie_hash,
        Json(login.request) as _,
        login.sealed_number,
        login.number_source.map(NumberSource::as_str),
        login.session,
        login.now,
        login.expires_at,
        records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    Ok(())
}

/// Opens a login that departs at once: nothing is missing. Departures of one number at the same moment
/// may exceed its limit by as many: counting under a lock would let anybody hold that number's lock.
pub async fn open_and_depart(
    lane: &Lane,
    login: &Opening<'_>,
    leg: &Departing<'_>,
    records: Appended,
) -> Result<Departed, StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            insert into logins
                (id, client_id, cookie_hash, stage, request, sealed, number_source, pressed, leg_id,
                legs, mismatches, opened_at, expires_at, changed_at)
            select $1, $2, $3, 'away', $4, $5, $20, false, $8, 1, 0, $6, $7, $6
            where $18 > (
                select count(*)
                from legs
                where number_hash = any($17) and id >= $19
            )
            returning id
        ),
        leg as (
            insert into legs
                (id, login_id, operator, operator_revision, method, rule, state_hash, sealed,
                number_hash, stage, departed_at, expires_at)
            select $8, id, $9, $10, $11, $12, $13, $14, $17[1], 'away', $6, $15
            from login
        ),
        audit as (
            select append_audit($16) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        login.id,
        login.client_id,
        login.cookie_hash,
        Json(login.request) as _,
        login.sealed_number,
        login.now,
        login.expires_at,
        leg.leg,
        leg.operator,
        leg.operator_revision,
        leg.method.as_str(),
        leg.rule,
        leg.state_hash,
        leg.sealed,
        leg.expires_at,
        records as _,
        leg.number_hashes,
        leg.tries_per_hour,
        first_id(leg.now - TimeDelta::hours(1)),
        login.number_source.map(NumberSource::as_str),
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    // A new login has nothing else in its way.
    Ok(if done == 1 {
        Departed::Away
    } else {
        Departed::TooManyTries
    })
}

/// The number a departure is about and how it was learnt.
#[derive(Debug)]
pub struct Chosen<'a> {
    /// The number, sealed for the login's row.
    pub sealed: Option<&'a [u8]>,
    /// Where it comes from.
    pub source: Option<NumberSource>,
}

/// Departs from a page: opens a leg and closes the one before. The caller has compared the cookie.
///
/// # Errors
/// [`StoreError::Stale`] if the login is over, out of time, just then being checked, or had as many
/// legs as it may have.
pub async fn depart(
    lane: &Lane,
    login: Uuid,
    number: &Chosen<'_>,
    leg: &Departing<'_>,
    records: Appended,
) -> Result<Departed, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with tries as (
            select count(*) >= $15 as exhausted
            from legs
            where number_hash = any($14) and id >= $16
        ),
        login as (
            update logins
            set stage = 'away', leg_id = $2, legs = legs + 1, pressed = true, sealed = $3,
                number_source = $4, rerouted = rerouted or $9 = 'reroute', changed_at = $5,
                retry_at = null
            where id = $1 and stage in ('open', 'away', 'problem') and expires_at > $5
                and legs < $17
                and not (select exhausted from tries) and not (rerouted and $9 = 'reroute')
            returning id
        ),
        closed as (
            update legs
            set stage = 'closed', outcome = 'abandoned', closed_at = $5
            where login_id = $1 and stage <> 'closed' and exists (select from login)
        ),
        leg as (
            insert into legs
                (id, login_id, operator, operator_revision, method, rule, state_hash, sealed,
                number_hash, stage, departed_at, expires_at)
            select $2, id, $6, $7, $8, $9, $10, $11, $14[1], 'away', $5, $12
            from login
        ),
        audit as (
            select append_audit($13) as appended
            from login
        )
        select (select count(appended) from audit) as "done!",
            (select exhausted from tries) as "exhausted!"
        "#,
        login,
        leg.leg,
        number.sealed,
        number.source.map(NumberSource::as_str),
        leg.now,
        leg.operator,
        leg.operator_revision,
        leg.method.as_str(),
        leg.rule,
        leg.state_hash,
        leg.sealed,
        leg.expires_at,
        records as _,
        leg.number_hashes,
        leg.tries_per_hour,
        first_id(leg.now - TimeDelta::hours(1)),
        leg.legs_at_most,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    match (row.done, row.exhausted) {
        (1, _) => Ok(Departed::Away),
        (_, true) => Ok(Departed::TooManyTries),
        (_, false) => Err(StoreError::Stale),
    }
}

/// Asks the person which operator it is: keeps the number they gave, and closes the leg before.
///
/// # Errors
/// [`StoreError::Stale`] if the login is over, out of time, or just then being checked.
pub async fn ask_for_operator(
    lane: &Lane,
    login: Uuid,
    number: &Chosen<'_>,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with login as (
            update logins
            set stage = 'open', outcome = null, pressed = true, sealed = $2, number_source = $3,
                changed_at = $4, retry_at = null
            where id = $1 and stage in ('open', 'away', 'problem') and expires_at > $4
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = 'abandoned', closed_at = $4
            where login_id = $1 and stage <> 'closed' and exists (select from login)
        ),
        audit as (
            select append_audit($5) as appended
            from login
        )
        select (select count(*) from login) as "done!", (select sum(appended) from audit) as appended
        "#,
        login,
        number.sealed,
        number.source.map(NumberSource::as_str),
        now,
        records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(row.done == 1)
}

/// The operator that was asked said that the number is not one of its own: closes its leg and departs
/// on the next one, once per login.
///
/// # Errors
/// [`StoreError::Stale`] if the login is not being checked on this leg any more, is out of time, or was
/// re-routed before.
pub async fn reroute(
    lane: &Lane,
    login: Uuid,
    from: Uuid,
    leg: &Departing<'_>,
    records: Appended,
) -> Result<Departed, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with tries as (
            select count(*) >= $14 as exhausted
            from legs
            where number_hash = any($13) and id >= $15
        ),
        login as (
            update logins
            set stage = 'away', leg_id = $3, legs = legs + 1, rerouted = true, changed_at = $4
            where id = $1 and leg_id = $2 and stage = 'checking' and not rerouted
                and expires_at > $4 and legs < $16 and not (select exhausted from tries)
            returning id
        ),
        closed as (
            update legs
            set stage = 'closed', outcome = 'operator_unsupported_number', closed_at = $4
            where id = $2 and exists (select from login)
        ),
        leg as (
            insert into legs
                (id, login_id, operator, operator_revision, method, rule, state_hash, sealed,
                number_hash, stage, departed_at, expires_at)
            select $3, id, $5, $6, $7, $8, $9, $10, $13[1], 'away', $4, $11
            from login
        ),
        audit as (
            select append_audit($12) as appended
            from login
        )
        select (select count(appended) from audit) as "done!",
            (select exhausted from tries) as "exhausted!"
        "#,
        login,
        from,
        leg.leg,
        leg.now,
        leg.operator,
        leg.operator_revision,
        leg.method.as_str(),
        leg.rule,
        leg.state_hash,
        leg.sealed,
        leg.expires_at,
        records as _,
        leg.number_hashes,
        leg.tries_per_hour,
        first_id(leg.now - TimeDelta::hours(1)),
        leg.legs_at_most,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    match (row.done, row.exhausted) {
        (1, _) => Ok(Departed::Away),
        (_, true) => Ok(Departed::TooManyTries),
        (_, false) => Err(StoreError::Stale),
    }
}

/// What a claimed callback works with.
#[derive(Debug)]
pub struct Claimed {
    /// The login.
    pub login: Login,
    /// The leg.
    pub leg: Leg,
    /// The session the browser has, if it has one.
    pub session: Option<Remembered>,
}

/// Claims a leg for the browser that came back with its state: once, before the operator is called.
/// `cookies` are the hashes of all login cookies the browser sent, `session` that of its session's.
///
/// # Errors
/// [`StoreError::Stale`] if this callback is not the one awaited; ask [`super::logins::find_leg`] why.
pub async fn claim(
    lane: &Lane,
    leg: Uuid,
    state_hash: &[u8],
    operator: &str,
    cookies: &[Vec<u8>],
    session: Option<&[u8]>,
    now: Time,
) -> Result<Claimed, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with login as (
            update logins
            set stage = 'checking', changed_at = $6
            where id = (
                    select login_id
                    from legs
                    where id = $1 and state_hash = $2 and operator = $3 and stage = 'away'
                        and expires_at > $6
                )
                and stage = 'away' and leg_id = $1 and cookie_hash = any($4) and expires_at > $6
            returning *
        ),
        leg as (
            update legs
            set stage = 'claimed', claimed_at = $6
            where id = $1 and exists (select from login)
            returning *
        )
        select login.id, login.client_id, login.cookie_hash, login.stage as "stage: Stage",
            login.request as "request: Json<AuthorizeRequest>", login.sealed,
            login.number_source as "number_source: NumberSource", login.pressed, login.leg_id,
            login.legs, login.mismatches, login.rerouted,
            login.outcome as "outcome: Outcome", login.retry_at, login.answer,
            login.session_id as login_session_id, login.opened_at, login.expires_at,
            leg.operator, leg.operator_revision, leg.method as "method: Method", leg.departed_at,
            leg.sealed as leg_sealed,
            s.id as "session_id?", s.number_hash as "session_number_hash?",
            s.epoch as "session_epoch?", s.expires_at as "session_expires_at?"
        from login
        cross join leg
        left join sessions s
            on s.cookie_hash = $5 and s.ended_at is null and s.expires_at > $6
                and s.idle_expires_at > $6
        "#,
        leg,
        state_hash,
        operator,
        cookies,
        session,
        now,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    let row = row.ok_or(StoreError::Stale)?;
    let session = match (
        row.session_id,
        row.session_number_hash,
        row.session_epoch,
        row.session_expires_at,
    ) {
        (Some(id), Some(number_hash), Some(epoch), Some(expires_at)) => Some(Remembered {
            id,
            number_hash,
            epoch,
            expires_at,
        }),
        _ => None,
    };
    Ok(Claimed {
        leg: Leg {
            id: leg,
            login_id: row.id,
            operator: row.operator.clone(),
            operator_revision: row.operator_revision,
            method: row.method,
            stage: LegStage::Claimed,
            departed_at: row.departed_at,
            sealed: row.leg_sealed,
        },
        login: Row {
            id: row.id,
            client_id: row.client_id,
            cookie_hash: row.cookie_hash,
            stage: row.stage,
            request: row.request,
            sealed: row.sealed,
            number_source: row.number_source,
            pressed: row.pressed,
            leg_id: row.leg_id,
            operator: Some(row.operator),
            legs: row.legs,
            mismatches: row.mismatches,
            rerouted: row.rerouted,
            outcome: row.outcome,
            retry_at: row.retry_at,
            answer: row.answer,
            session_id: row.login_session_id,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
        }
        .into(),
        session,
    })
}

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
    /// The session, as the client knows it.
    pub sid: &'a str,
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
/// remembers the go-ahead, appends the records. All or nothing, and only once.
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
        session_client as (
            insert into session_clients (session_id, client_id, sid, last_login_at)
            select $8, $15, $31, $4
            from login
            on conflict (session_id, client_id) do update
            set last_login_at = excluded.last_login_at
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
        records as _,
        release.dpop_jkt,
        release.resources,
        session.browser_hash,
        release.sid,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(done == 1)
}

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
                (id, client_id, cookie_hash, stage, request, number_source, pressed, session_id,
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
        session_client as (
            insert into session_clients (session_id, client_id, sid, last_login_at)
            select $1, $8, $16, $4
            from login
            on conflict (session_id, client_id) do update
            set last_login_at = excluded.last_login_at
        ),
        given as (
            insert into grants
                (id, client_id, subject, login_id, session_id, number_hash, epoch, facts, sealed,
                created_at, expires_at)
            select id, $8, $17, id, $1, $18, $5, $19, $20, $4, $21
            from login
        ),
        code as (
            insert into codes
                (hash, grant_id, client_id, redirect_uri, challenge, expires_at, dpop_jkt, resources,
                kept_until)
            select $22, id, $8, $23, $24, $25, $30, $31, $21
            from login
        ),
        go_ahead as (
            insert into go_aheads
                (browser_hash, client_id, subject, number_hash, release, given_at, expires_at)
            select $26, $8, $17, $18, $27, $4, $28
            from login
            where $26::bytea is not null
            on conflict (browser_hash, client_id, subject) do update
            set number_hash = excluded.number_hash, release = array(
                    select distinct unnest(go_aheads.release || excluded.release) order by 1),
                given_at = excluded.given_at, expires_at = excluded.expires_at
        ),
        audit as (
            select append_audit($29) as appended
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
        Json(login.request) as _,
        login.number_source.map(NumberSource::as_str),
        session.pressed,
        release.sealed_answer,
        login.now,
        login.expires_at,
        release.sid,
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
        records as _,
        release.dpop_jkt,
        release.resources,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(done == 1)
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
        records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(done == 1)
}

/// No operator could even be asked: shows the person a page. With the outcome goes when to ask again,
/// if that is known.
///
/// # Errors
/// [`StoreError::Stale`] if the login is over or just then being checked.
pub async fn stop_short(
    lane: &Lane,
    login: Uuid,
    number: &Chosen<'_>,
    (outcome, retry_at): (Outcome, Option<Time>),
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = 'problem', outcome = $2, retry_at = $7, sealed = $3, number_source = $4,
                changed_at = $5
            where id = $1 and stage in ('open', 'away', 'problem')
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = 'abandoned', closed_at = $5
            where login_id = $1 and stage <> 'closed' and exists (select from login)
        ),
        audit as (
            select append_audit($6) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        login,
        outcome.as_str(),
        number.sealed,
        number.source.map(NumberSource::as_str),
        now,
        records as _,
        retry_at,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(done == 1)
}

/// A verdict that opens nothing: closes the leg and shows the person a page. With the outcome goes when
/// the operator wants to be asked again, if it said so.
///
/// # Errors
/// [`StoreError::Stale`] if the login is not being checked on this leg any more.
pub async fn refuse(
    lane: &Lane,
    login: Uuid,
    leg: Uuid,
    (outcome, retry_at): (Outcome, Option<Time>),
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = 'problem', outcome = $3, retry_at = $6, changed_at = $4,
                mismatches = mismatches + case when $3 = 'mismatch' then 1 else 0 end
            where id = $1 and leg_id = $2 and stage = 'checking'
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = $3, closed_at = $4
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
        outcome.as_str(),
        now,
        records as _,
        retry_at,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(done == 1)
}

/// Closes a leg whose callback was refused (another browser, another alias, a wrong issuer) and lets
/// its login's own browser see a problem. Nothing of the callback is kept.
///
/// # Errors
/// [`StoreError::Stale`] if the leg is not away any more.
pub async fn break_off(
    lane: &Lane,
    leg: Uuid,
    outcome: Outcome,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with leg as (
            update legs
            set stage = 'closed', outcome = $2, closed_at = $3
            where id = $1 and stage = 'away'
            returning login_id
        ),
        login as (
            update logins
            set stage = 'problem', outcome = $2, changed_at = $3
            where id = (select login_id from leg) and leg_id = $1 and stage = 'away'
        ),
        audit as (
            select append_audit($4) as appended
            from leg
        )
        select count(appended) as "done!"
        from audit
        "#,
        leg,
        outcome.as_str(),
        now,
        records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(done == 1)
}

/// Ends a login without a code: the person cancelled or gave up, or time ran out. Its open leg closes
/// with it.
///
/// # Errors
/// [`StoreError::Stale`] if it had ended already.
pub async fn end(
    lane: &Lane,
    login: Uuid,
    outcome: Outcome,
    sealed_answer: Option<&[u8]>,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = 'ended', outcome = $2, answer = $3, sealed = null, changed_at = $4,
                ended_at = $4
            where id = $1 and stage <> 'ended'
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = $2, closed_at = $4
            where login_id = $1 and stage <> 'closed' and exists (select from login)
        ),
        audit as (
            select append_audit($5) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        login,
        outcome.as_str(),
        sealed_answer,
        now,
        records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back();
    stale_unless(done == 1)
}

fn stale_unless(done: bool) -> Result<(), StoreError> {
    if done { Ok(()) } else { Err(StoreError::Stale) }
}
