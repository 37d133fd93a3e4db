//! Hand-offs read back, and forgotten.

use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::first_id;
use crate::store::db::StoreError;
use crate::store::handoffs::{Handoff, HandoffStage};
use crate::store::lane::Lane;

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
