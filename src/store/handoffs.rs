//! Logins on their way through a phone: tickets, claims, digits. Each step is one statement with its
//! audit records, guarded by the login's row, which every step locks first.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::{Place, Unsealable, Vault, first_id};
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::store::logins::NumberSource;
use crate::verdict::Outcome;

/// Hand-offs of one number in an hour, over all clients.
pub const MOST_PER_HOUR: i64 = 5;

/// How often the digits may be typed.
pub const DIGIT_TRIES: i32 = 2;

/// Where a hand-off stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum HandoffStage {
    /// The desktop shows the ticket.
    Waiting,
    /// A phone has taken it.
    Claimed,
    /// The number is confirmed; the phone shows the digits.
    Matched,
    /// The desktop has typed them.
    Proven,
    /// Over without them.
    Stopped,
}

/// A hand-off.
#[derive(Clone, Debug)]
pub struct Handoff {
    /// The row's key.
    pub id: Uuid,
    /// The login.
    pub login_id: Uuid,
    /// Where it stands.
    pub stage: HandoffStage,
    /// Until when the ticket may be claimed.
    pub ticket_expires_at: Time,
    /// How often digits were typed.
    pub digit_tries: i32,
    /// Ticket and code, sealed; read it with [`Handoff::ticket`].
    pub sealed: Vec<u8>,
    /// The digits, sealed; read them with [`Handoff::digits`].
    pub sealed_digits: Option<Vec<u8>>,
}

/// What the desktop shows, and what it is.
#[derive(Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The token in the QR code.
    pub token: String,
    /// What a person types instead.
    pub code: String,
    /// What the desktop's browser calls itself, coarsely.
    pub desktop: String,
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticket([redacted])")
    }
}

impl Ticket {
    /// Seals it for a hand-off's row.
    ///
    /// # Panics
    /// Never: strings always serialise.
    #[must_use]
    pub fn seal(&self, vault: &Vault, handoff: &Uuid) -> Vec<u8> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(self).expect("strings serialise"));
        vault.seal(Place::new("handoffs", "sealed", handoff), &plain)
    }
}

impl Handoff {
    /// What the desktop shows.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn ticket(&self, vault: &Vault) -> Result<Ticket, Unsealable> {
        let plain = vault.open(Place::new("handoffs", "sealed", &self.id), &self.sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Unsealable)
    }

    /// The digits that the phone shows, once there are any.
    ///
    /// # Errors
    /// [`Unsealable`] if the row was altered or its root key is gone.
    pub fn digits(&self, vault: &Vault) -> Result<Option<String>, Unsealable> {
        let Some(sealed) = &self.sealed_digits else {
            return Ok(None);
        };
        let plain = vault.open(digits_place(&self.id), sealed)?;
        let text = std::str::from_utf8(&plain).map_err(|_| Unsealable)?;
        Ok(Some(text.to_owned()))
    }
}

/// Where the digits are sealed for.
#[must_use]
pub fn digits_place(handoff: &Uuid) -> Place<'_> {
    Place::new("handoffs", "sealed_digits", handoff)
}

/// A ticket's row.
#[derive(Debug)]
pub struct TicketRow<'a> {
    /// The hand-off.
    pub handoff: Uuid,
    /// The hash of the token.
    pub ticket_hash: &'a [u8],
    /// The keyed hash of the short code.
    pub code_hash: &'a [u8],
    /// Both, and what the desktop is, sealed.
    pub sealed: &'a [u8],
    /// Until when it may be claimed.
    pub expires_at: Time,
}

/// A hand-off to begin.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// The login.
    pub login: Uuid,
    /// The number, sealed for the login's row.
    pub sealed_number: &'a [u8],
    /// Where it comes from.
    pub source: NumberSource,
    /// Its keyed hashes under every live root key, the active one first.
    pub number_hashes: &'a [Vec<u8>],
    /// The ticket.
    pub ticket: TicketRow<'a>,
}

/// What became of a beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Begun {
    /// The desktop may show the ticket.
    Waiting,
    /// The number was handed off too often, or somebody said no: nothing was written.
    TooOften,
}

/// Begins a hand-off: the login waits for a phone, and the leg before closes. Counted without a lock,
/// as legs are: several at the same moment may exceed the limit by as many.
///
/// # Errors
/// [`StoreError::Stale`] if the login is over, being checked, or handed off already.
pub async fn begin(
    lane: &Lane,
    beginning: &Beginning<'_>,
    now: Time,
    records: Appended,
) -> Result<Begun, StoreError> {
    let ticket = &beginning.ticket;
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with limits as (
            select count(*) filter (where id >= $4) >= $5
                    or coalesce(bool_or(cooled_until > $6), false) as reached
            from handoffs
            where number_hash = any($3) and id >= $7
        ),
        login as (
            update logins
            set stage = 'open', outcome = null, pressed = true, sealed = $8, number_source = $9,
                handoff_id = $2, phone_hash = null, changed_at = $6, retry_at = null
            where id = $1 and stage in ('open', 'away', 'problem') and expires_at > $6
                and handoff_id is null and not (select reached from limits)
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = 'abandoned', closed_at = $6
            where login_id = $1 and stage <> 'closed' and exists (select from login)
        ),
        handoff as (
            insert into handoffs
                (id, login_id, number_hash, stage, ticket_hash, code_hash, ticket_expires_at, sealed,
                digit_tries, changed_at)
            select $2, id, $3[1], 'waiting', $10, $11, $12, $13, 0, $6
            from login
        ),
        audit as (
            select append_audit($14) as appended
            from login
        )
        select (select count(appended) from audit) as "done!",
            (select reached from limits) as "reached!"
        "#,
        beginning.login,
        ticket.handoff,
        beginning.number_hashes,
        first_id(now - TimeDelta::hours(1)),
        MOST_PER_HOUR,
        now,
        first_id(now - TimeDelta::days(1)),
        beginning.sealed_number,
        beginning.source.as_str(),
        ticket.ticket_hash,
        ticket.code_hash,
        ticket.expires_at,
        ticket.sealed,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, row.done == 1);
    match (row.done, row.reached) {
        (1, _) => Ok(Begun::Waiting),
        (_, true) => Ok(Begun::TooOften),
        (_, false) => Err(StoreError::Stale),
    }
}

/// Gives the desktop another ticket in place of the one before.
///
/// # Errors
/// [`StoreError::Stale`] if a phone has taken that one, or the login is over.
pub async fn renew(
    lane: &Lane,
    login: Uuid,
    ticket: &TicketRow<'_>,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set changed_at = $3
            where id = $1 and handoff_id = $2 and phone_hash is null and stage = 'open'
                and expires_at > $3
            returning id
        ),
        handoff as (
            update handoffs
            set ticket_hash = $4, code_hash = $5, ticket_expires_at = $6, sealed = $7, changed_at = $3
            where id = $2 and stage = 'waiting' and exists (select from login)
            returning id
        ),
        audit as (
            select append_audit($8) as appended
            from handoff
        )
        select count(appended) as "done!"
        from audit
        "#,
        login,
        ticket.handoff,
        now,
        ticket.ticket_hash,
        ticket.code_hash,
        ticket.expires_at,
        ticket.sealed,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    stale_unless(done == 1)
}

/// A phone takes the login: once per ticket, over all replicas (P6). From here on the login's legs
/// belong to the phone's cookie.
///
/// # Errors
/// [`StoreError::Stale`] if the ticket is unknown, used or too old, the number cools down, or the login
/// does not wait for a phone any more.
pub async fn claim(
    lane: &Lane,
    ticket_hash: &[u8],
    phone_hash: &[u8],
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with ticket as (
            select id, login_id
            from handoffs
            where ticket_hash = $1 and stage = 'waiting' and ticket_expires_at > $3
                and not exists (
                    select from handoffs other
                    where other.number_hash = handoffs.number_hash and other.cooled_until > $3
                )
        ),
        login as (
            update logins
            set phone_hash = $2, changed_at = $3
            where id = (select login_id from ticket) and handoff_id = (select id from ticket)
                and phone_hash is null and stage = 'open' and expires_at > $3
            returning handoff_id
        ),
        handoff as (
            update handoffs
            set stage = 'claimed', changed_at = $3
            where id = (select handoff_id from login)
        ),
        audit as (
            select append_audit($4) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        ticket_hash,
        phone_hash,
        now,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    stale_unless(done == 1)
}

/// What the operator's yes leaves behind.
#[derive(Debug)]
pub struct Match<'a> {
    /// The login.
    pub login: Uuid,
    /// The leg.
    pub leg: Uuid,
    /// The hand-off.
    pub handoff: Uuid,
    /// What was confirmed, sealed for the login's row.
    pub sealed_held: &'a [u8],
    /// The keyed hash of the digits.
    pub digits_hash: &'a [u8],
    /// The digits, sealed for the hand-off's row.
    pub sealed_digits: &'a [u8],
}

/// The verdict of a leg on a phone: closes the leg and holds what was confirmed until the digits are
/// typed. Neither code nor session is made here.
///
/// # Errors
/// [`StoreError::Stale`] if the login is not being checked on this leg any more.
pub async fn matched(
    lane: &Lane,
    made: &Match<'_>,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = 'confirm', outcome = null, answer = $4, changed_at = $5
            where id = $1 and leg_id = $2 and stage = 'checking' and handoff_id = $3
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = 'verified', closed_at = $5
            where id = $2 and exists (select from login)
        ),
        handoff as (
            update handoffs
            set stage = 'matched', digits_hash = $6, sealed_digits = $7, changed_at = $5
            where id = $3 and stage = 'claimed' and exists (select from login)
        ),
        audit as (
            select append_audit($8) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        made.login,
        made.leg,
        made.handoff,
        made.sealed_held,
        now,
        made.digits_hash,
        made.sealed_digits,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    stale_unless(done == 1)
}

/// What the desktop typed.
#[derive(Debug)]
pub struct Typed<'a> {
    /// The login.
    pub login: Uuid,
    /// The hand-off.
    pub handoff: Uuid,
    /// The keyed hash of what was typed.
    pub digits_hash: &'a [u8],
    /// The answer to the app if this was the last try and wrong, sealed for the login's row.
    pub sealed_answer: &'a [u8],
    /// Until when the number cools down then.
    pub cooled_until: Time,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Tried {
    /// The digits are right: the login may be released.
    Proven,
    /// They are wrong, and may be typed once more.
    Wrong,
    /// They were wrong for the last time: the login has ended.
    Stopped,
}

/// Counts a try and compares in the same breath, so that no number of simultaneous tries has more than
/// it may. The records are `wrong` for a wrong try and `last` for the last one.
///
/// # Errors
/// [`StoreError::Stale`] if the login does not wait for digits.
pub async fn try_digits(
    lane: &Lane,
    typed: &Typed<'_>,
    now: Time,
    wrong: Appended,
    last: Appended,
) -> Result<Tried, StoreError> {
    let mut lent = lane.get().await?;
    let stage = sqlx::query_scalar!(
        r#"
        with login as (
            select id
            from logins
            where id = $1 and stage = 'confirm' and handoff_id = $2 and expires_at > $3
            for update
        ),
        tried as (
            update handoffs
            set digit_tries = digit_tries + 1, changed_at = $3,
                stage = case
                    when digits_hash = $4 then 'proven'
                    when digit_tries + 1 >= $5 then 'stopped'
                    else stage
                end,
                cooled_until = case
                    when digits_hash <> $4 and digit_tries + 1 >= $5 then $6
                    else cooled_until
                end
            where id = $2 and stage = 'matched' and digit_tries < $5 and exists (select from login)
            returning stage
        ),
        ended as (
            update logins
            set stage = 'ended', outcome = 'handoff_stopped', answer = $7, sealed = null,
                changed_at = $3, ended_at = $3
            where id = $1 and stage = 'confirm' and exists (select from tried where stage = 'stopped')
        ),
        audit as (
            select append_audit(
                case when stage = 'stopped' then $9::audit_entry[] else $8::audit_entry[] end
            )
            from tried
            where stage <> 'proven'
        )
        select stage
        from tried
        left join (select count(*) from audit) appended on true
        "#,
        typed.login,
        typed.handoff,
        now,
        typed.digits_hash,
        DIGIT_TRIES,
        typed.cooled_until,
        typed.sealed_answer,
        &wrong as _,
        &last as _,
    )
    .fetch_optional(lent.connection())
    .await?;
    match stage.as_deref() {
        Some("stopped") => lent.give_back_after(&last, true),
        Some("proven") | None => lent.give_back(),
        Some(_) => lent.give_back_after(&wrong, true),
    }
    match stage.as_deref() {
        Some("proven") => Ok(Tried::Proven),
        Some("stopped") => Ok(Tried::Stopped),
        Some(_) => Ok(Tried::Wrong),
        None => Err(StoreError::Stale),
    }
}

/// The person at the phone says no: the login ends, and the number is handed off to nobody for a while.
///
/// # Errors
/// [`StoreError::Stale`] if the login was over already.
pub async fn stop(
    lane: &Lane,
    handoff: &Handoff,
    sealed_answer: &[u8],
    cooled_until: Time,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = 'ended', outcome = $3, answer = $4, sealed = null, changed_at = $5,
                ended_at = $5
            where id = $1 and handoff_id = $2 and stage <> 'ended'
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = $3, closed_at = $5
            where login_id = $1 and stage <> 'closed' and exists (select from login)
        ),
        handoff as (
            update handoffs
            set stage = 'stopped', cooled_until = $6, changed_at = $5
            where id = $2 and exists (select from login)
        ),
        audit as (
            select append_audit($7) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        handoff.login_id,
        handoff.id,
        Outcome::HandoffStopped.as_str(),
        sealed_answer,
        now,
        cooled_until,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    stale_unless(done == 1)
}

/// The person at the phone reports it, once, and the number cools down from now on.
///
/// # Errors
/// [`StoreError::Stale`] if it was reported before.
pub async fn report(
    lane: &Lane,
    handoff: Uuid,
    cooled_until: Time,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with handoff as (
            update handoffs
            set reported_at = $2, cooled_until = $3, changed_at = $2
            where id = $1 and reported_at is null
            returning id
        ),
        audit as (
            select append_audit($4) as appended
            from handoff
        )
        select count(appended) as "done!"
        from audit
        "#,
        handoff,
        now,
        cooled_until,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    stale_unless(done == 1)
}

/// The desktop goes on by itself: the phone, if one has claimed, is out. What the phone's leg came to
/// stays, so that nothing final is tried anew.
///
/// # Errors
/// [`StoreError::Stale`] if the login is over, being checked, confirmed, or not handed off.
pub async fn withdraw(
    lane: &Lane,
    login: Uuid,
    handoff: Uuid,
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set stage = case when stage = 'problem' then 'problem' else 'open' end,
                handoff_id = null, phone_hash = null, changed_at = $3
            where id = $1 and handoff_id = $2 and stage in ('open', 'away', 'problem')
                and expires_at > $3
            returning id
        ),
        leg as (
            update legs
            set stage = 'closed', outcome = 'abandoned', closed_at = $3
            where login_id = $1 and stage <> 'closed' and exists (select from login)
        ),
        handoff as (
            update handoffs
            set stage = 'stopped', changed_at = $3
            where id = $2 and exists (select from login)
        ),
        audit as (
            select append_audit($4) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        login,
        handoff,
        now,
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.give_back_after(&records, done == 1);
    stale_unless(done == 1)
}

/// The hand-off with this key.
pub async fn find(lane: &Lane, id: Uuid) -> Result<Option<Handoff>, StoreError> {
    let mut lent = lane.get().await?;
    let handoff = sqlx::query_as!(
        Handoff,
        r#"
        select id, login_id, stage as "stage: HandoffStage", ticket_expires_at, digit_tries, sealed,
            sealed_digits
        from handoffs
        where id = $1
        "#,
        id
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(handoff)
}

/// The hand-off with this ticket, whatever became of it.
pub async fn find_by_ticket(lane: &Lane, hash: &[u8]) -> Result<Option<Handoff>, StoreError> {
    let mut lent = lane.get().await?;
    let handoff = sqlx::query_as!(
        Handoff,
        r#"
        select id, login_id, stage as "stage: HandoffStage", ticket_expires_at, digit_tries, sealed,
            sealed_digits
        from handoffs
        where ticket_hash = $1
        "#,
        hash
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(handoff)
}

/// The hand-off that waits under this short code.
pub async fn find_by_code(
    lane: &Lane,
    hash: &[u8],
    now: Time,
) -> Result<Option<Handoff>, StoreError> {
    let mut lent = lane.get().await?;
    let handoff = sqlx::query_as!(
        Handoff,
        r#"
        select id, login_id, stage as "stage: HandoffStage", ticket_expires_at, digit_tries, sealed,
            sealed_digits
        from handoffs
        where code_hash = $1 and stage = 'waiting' and ticket_expires_at > $2
        order by id desc
        limit 1
        "#,
        hash,
        now
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(handoff)
}

/// Deletes what began before a time, in batches. Returns how many.
pub async fn purge(db: &PgPool, before: Time, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        r#"
        delete from handoffs
        where id in (select id from handoffs where id < $1 limit $2)
        "#,
        first_id(before),
        limit,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected())
}

fn stale_unless(done: bool) -> Result<(), StoreError> {
    if done { Ok(()) } else { Err(StoreError::Stale) }
}
