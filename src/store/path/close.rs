//! Ends that open nothing.

use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;
use crate::verdict::Outcome;

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
        &records as _,
        retry_at,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
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
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
}

/// Ends a login without a code: the person cancelled or gave up, or time ran out. Its open leg closes
/// with it.
///
/// # Errors
/// [`StoreError::Stale`] if it had ended already, or is to be abandoned and was given more time.
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
            where id = $1 and stage <> 'ended' and ($2 <> 'abandoned' or expires_at <= $4)
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
        &records as _,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
}
