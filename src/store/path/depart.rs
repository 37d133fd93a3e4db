//! Leaving for an operator, or finding none: a leg opens and the one before closes.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::first_id;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::logins::NumberSource;
use crate::store::path::Opening;
use crate::verdict::{Method, Outcome};

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
    /// What counts against the numbers of the browser; absent: nothing does.
    pub tried: Option<Tried<'a>>,
    /// The most legs of one login.
    pub legs_at_most: i32,
    /// When it departs.
    pub now: Time,
    /// When a callback comes too late.
    pub expires_at: Time,
}

/// A number that a browser tries. How many different ones it may is counted in one row per browser, which
/// is its own lock: however many departures come at once, no more pass.
#[derive(Clone, Copy, Debug)]
pub struct Tried<'a> {
    /// The hash of the browser's visit cookie.
    pub visit: &'a [u8],
    /// What stands for the number, keyed.
    pub number: &'a [u8],
    /// The most numbers in [`WINDOW`].
    pub most: i32,
}

/// For how long the numbers of a browser are counted, from the first one on.
pub const WINDOW: TimeDelta = TimeDelta::hours(1);

/// What became of a departure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Departed {
    /// The browser may go.
    Away,
    /// The number was checked too often within the hour: nothing was written.
    TooManyTries,
    /// The browser tried too many different numbers; until then it may go on with those. Nothing was written.
    TooManyNumbers(Time),
}

impl Departed {
    /// What one of the departing statements says of itself: how many rows it moved, and whether the
    /// number's tries were exhausted.
    fn of(moved: i64, exhausted: bool) -> Result<Self, StoreError> {
        match (moved, exhausted) {
            (1, _) => Ok(Self::Away),
            (_, true) => Ok(Self::TooManyTries),
            (_, false) => Err(StoreError::Stale),
        }
    }
}

/// The number a departure is about and how it was learnt.
#[derive(Debug)]
pub struct Chosen<'a> {
    /// The number, sealed for the login's row.
    pub sealed: Option<&'a [u8]>,
    /// Where it comes from.
    pub source: Option<NumberSource>,
    /// The hash of the phone's cookie, if a phone departs for a login that was handed off: only then
    /// such a login may depart, and no other.
    pub phone: Option<&'a [u8]>,
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
    let row = sqlx::query!(
        r#"
        with due as (
            select $21::bytea as visit, $22::bytea as number
            where $21::bytea is not null and not exists (
                select from visits where cookie_hash = $21 and since > $23 and $22 = any(numbers)
            )
        ),
        visit as (
            insert into visits as v (cookie_hash, numbers, since)
            select visit, array[number], $6
            from due
            on conflict (cookie_hash) do update
            set numbers = case
                    when v.since <= $23 then excluded.numbers
                    when v.numbers && excluded.numbers then v.numbers
                    else v.numbers || excluded.numbers
                end,
                since = case when v.since <= $23 then excluded.since else v.since end
            where v.since <= $23 or v.numbers && excluded.numbers or cardinality(v.numbers) < $24
            returning cookie_hash
        ),
        crowded as (
            select exists (select from due) and not exists (select from visit) as is_full
        ),
        login as (
            insert into logins
                (id, client_id, cookie_hash, stage, sealed_request, sealed, number_source, pressed, leg_id,
                legs, mismatches, opened_at, expires_at, changed_at, visit_hash)
            select $1, $2, $3, 'away', $4, $5, $20, false, $8, 1, 0, $6, $7, $6, $25
            where not (select is_full from crowded) and $18 > (
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
        select (select count(appended) from audit) as "done!",
            (select is_full from crowded) as "crowded!",
            (select since from visits where cookie_hash = $21) as since
        "#,
        login.id,
        login.client_id,
        login.cookie_hash,
        login.sealed_request,
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
        &records as _,
        leg.number_hashes,
        leg.tries_per_hour,
        first_id(leg.now - TimeDelta::hours(1)),
        login.number_source.map(NumberSource::as_str),
        leg.tried.map(|tried| tried.visit),
        leg.tried.map(|tried| tried.number),
        leg.now - WINDOW,
        leg.tried.map_or(0, |tried| tried.most),
        login.visit,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, row.done == 1);
    // A new login has nothing else in its way.
    Ok(match (row.done, row.crowded) {
        (1, _) => Departed::Away,
        (_, true) => too_many_numbers(row.since, leg.now),
        (_, false) => Departed::TooManyTries,
    })
}

/// A row of a browser that began in this very moment is not seen yet.
fn too_many_numbers(since: Option<Time>, now: Time) -> Departed {
    Departed::TooManyNumbers(since.unwrap_or(now) + WINDOW)
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
        due as (
            select $19::bytea as visit, $20::bytea as number
            where $19::bytea is not null and not exists (
                select from visits where cookie_hash = $19 and since > $21 and $20 = any(numbers)
            )
        ),
        visit as (
            insert into visits as v (cookie_hash, numbers, since)
            select visit, array[number], $5
            from due
            on conflict (cookie_hash) do update
            set numbers = case
                    when v.since <= $21 then excluded.numbers
                    when v.numbers && excluded.numbers then v.numbers
                    else v.numbers || excluded.numbers
                end,
                since = case when v.since <= $21 then excluded.since else v.since end
            where v.since <= $21 or v.numbers && excluded.numbers or cardinality(v.numbers) < $22
            returning cookie_hash
        ),
        crowded as (
            select exists (select from due) and not exists (select from visit) as is_full
        ),
        login as (
            update logins
            set stage = 'away', leg_id = $2, legs = legs + 1, pressed = true, sealed = $3,
                number_source = $4, rerouted = rerouted or $9 = 'reroute', changed_at = $5,
                retry_at = null
            where id = $1 and stage in ('open', 'away', 'problem') and expires_at > $5
                and legs < $17
                and not (select exhausted from tries) and not (select is_full from crowded)
                and not (rerouted and $9 = 'reroute')
                and phone_hash is not distinct from $18 and (handoff_id is null or $18::bytea is not null)
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
            (select exhausted from tries) as "exhausted!",
            (select is_full from crowded) as "crowded!",
            (select since from visits where cookie_hash = $19) as since
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
        &records as _,
        leg.number_hashes,
        leg.tries_per_hour,
        first_id(leg.now - TimeDelta::hours(1)),
        leg.legs_at_most,
        number.phone,
        leg.tried.map(|tried| tried.visit),
        leg.tried.map(|tried| tried.number),
        leg.now - WINDOW,
        leg.tried.map_or(0, |tried| tried.most),
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, row.done == 1);
    if row.crowded {
        return Ok(too_many_numbers(row.since, leg.now));
    }
    Departed::of(row.done, row.exhausted)
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
                and phone_hash is not distinct from $6 and (handoff_id is null or $6::bytea is not null)
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
        &records as _,
        number.phone,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, row.done)
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
        &records as _,
        leg.number_hashes,
        leg.tries_per_hour,
        first_id(leg.now - TimeDelta::hours(1)),
        leg.legs_at_most,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, row.done == 1);
    Departed::of(row.done, row.exhausted)
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
                and phone_hash is not distinct from $8 and (handoff_id is null or $8::bytea is not null)
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
        &records as _,
        retry_at,
        number.phone,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
}

/// Forgets what browsers tried whose window is long over.
pub async fn forget_visits(lane: &Lane, before: Time) -> Result<u64, StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query!("delete from visits where since < $1", before)
        .execute(lent.connection())
        .await?;
    lent.give_back();
    Ok(done.rows_affected())
}
