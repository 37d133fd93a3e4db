//! What is held once the operator has said yes, until the digits are typed.

use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::handoffs::DIGIT_TRIES;
use crate::store::lane::Lane;

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
    lent.settle(&records, done)
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
/// it may. The records are `wrong` for a wrong try and `last` for the last one. What was wrong a moment ago
/// is no other try: nobody learns anything by it, and a form that a double tap sends twice must not end the
/// login.
///
/// # Errors
/// [`StoreError::Stale`] if the login does not wait for digits, or not for these.
pub async fn try_digits(
    lane: &Lane,
    typed: &Typed<'_>,
    now: Time,
    wrong: Appended,
    last: Appended,
) -> Result<Tried, StoreError> {
    let mut lent = lane.get().await?;
    let row = sqlx::query!(
        r#"
        with login as (
            select id
            from logins
            where id = $1 and stage = 'confirm' and handoff_id = $2 and expires_at > $3
            for update
        ),
        tried as (
            update handoffs
            set digit_tries = digit_tries + 1, digits_tried = $4, changed_at = $3,
                stage = case
                    when digits_hash = $4 then 'proven'
                    when digit_tries + 1 >= $5 then 'stopped'
                    else stage
                end,
                cooled_until = case
                    when digits_hash <> $4 and digit_tries + 1 >= $5 then $6
                    else cooled_until
                end
            where id = $2 and stage = 'matched' and digit_tries < $5
                and digits_tried is distinct from $4 and exists (select from login)
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
            ) as appended
            from tried
            where stage <> 'proven'
        )
        select stage, (select count(appended) from audit) as "appended!"
        from tried
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
    // Postgres leaves out what no answer needs, and appending a record must not be that.
    let stage = row.map(|row| {
        debug_assert_eq!(row.appended, i64::from(row.stage != "proven"));
        row.stage
    });
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
