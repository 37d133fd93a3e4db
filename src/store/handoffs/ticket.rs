//! The ticket: shown, shown anew, and taken by a phone.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::first_id;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::handoffs::MOST_PER_HOUR;
use crate::store::lane::Lane;
use crate::store::logins::NumberSource;

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
    lent.settle(&records, done)
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
    lent.settle(&records, done)
}
