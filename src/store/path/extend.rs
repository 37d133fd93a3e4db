//! More time.

use uuid::Uuid;

use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// Moves the end of a login that ends before a time, if it was opened after another: it is not extended for
/// ever, and not twice at once.
///
/// # Errors
/// [`StoreError::Stale`] if the login is over, out of time, has more of it, was opened before that, is on a
/// phone, or does not wait for its person just then.
pub async fn extend(
    lane: &Lane,
    login: Uuid,
    until: Time,
    (opened_after, ends_before): (Time, Time),
    now: Time,
    records: Appended,
) -> Result<(), StoreError> {
    let mut lent = lane.get().await?;
    let done = sqlx::query_scalar!(
        r#"
        with login as (
            update logins
            set expires_at = $2
            where id = $1 and stage in ('open', 'away', 'problem') and handoff_id is null
                and expires_at > $4 and expires_at <= $6 and opened_at > $3
            returning id
        ),
        audit as (
            select append_audit($5) as appended
            from login
        )
        select count(appended) as "done!"
        from audit
        "#,
        login,
        until,
        opened_after,
        now,
        &records as _,
        ends_before,
    )
    .fetch_one(lent.connection())
    .await?;
    lent.settle(&records, done)
}
