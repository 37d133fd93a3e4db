//! Answers of the admin API to creates that came with an `Idempotency-Key`: whoever repeats a request
//! whose answer got lost hears the same again, and nothing is made twice.

use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::Place;
use crate::store::db::StoreError;

/// What is known of a key.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was asked.
    pub request_hash: Vec<u8>,
    /// The answer, sealed; absent while the work goes on, or for ever if it broke off.
    pub sealed: Option<Vec<u8>>,
}

/// Where an answer is sealed for: nobody but its token gets it.
#[must_use]
pub fn answer_place(token: &Uuid) -> Place<'_> {
    Place::new("api_answers", "sealed", token)
}

/// Takes a key for one request. Of several at once, one gets it; the others get what is known.
pub async fn claim(
    db: &PgPool,
    token: Uuid,
    key: &str,
    request_hash: &[u8],
    now: Time,
) -> Result<Option<Kept>, StoreError> {
    let claimed = sqlx::query!(
        r#"
        insert into api_answers (token, key, request_hash, created_at)
        values ($1, $2, $3, $4)
        on conflict (token, key) do nothing
        "#,
        token,
        key,
        request_hash,
        now,
    )
    .execute(db)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(None);
    }
    let kept = sqlx::query_as!(
        Kept,
        "select request_hash, sealed from api_answers where token = $1 and key = $2",
        token,
        key,
    )
    .fetch_optional(db)
    .await?;
    kept.map(Some).ok_or(StoreError::Stale)
}

/// Keeps the answer.
pub async fn keep(
    db: &PgPool,
    token: Uuid,
    key: &str,
    status: u16,
    sealed: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "update api_answers set status = $3, sealed = $4 where token = $1 and key = $2",
        token,
        key,
        i32::from(status),
        sealed,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Gives the key back: nothing was made.
pub async fn release(db: &PgPool, token: Uuid, key: &str) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from api_answers where token = $1 and key = $2 and status is null",
        token,
        key,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Forgets answers from before a time.
pub async fn purge(db: &PgPool, before: Time) -> Result<(), StoreError> {
    sqlx::query!("delete from api_answers where created_at < $1", before)
        .execute(db)
        .await?;
    Ok(())
}
