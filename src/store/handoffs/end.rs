//! The ways in which a hand-off ends without its digits.

use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::handoffs::Handoff;
use crate::store::lane::Lane;
use crate::verdict::Outcome;

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
    lent.settle(&records, done)
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
    lent.settle(&records, done)
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
    lent.settle(&records, done)
}
