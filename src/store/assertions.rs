//! Client assertions that were used: each counts once, over all replicas (P6).

use sqlx::PgExecutor;

use crate::clock::Time;
use crate::secret::sha256;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// Uses up an assertion's `jti`. Returns whether this was the first use.
pub async fn use_once(
    lane: &Lane,
    client_id: &str,
    jti: &str,
    until: Time,
) -> Result<bool, StoreError> {
    let hash = sha256(jti.as_bytes());
    let mut lent = lane.get().await?;
    let done = sqlx::query!(
        r#"
        insert into assertion_ids (client_id, jti_hash, expires_at)
        values ($1, $2, $3)
        on conflict on constraint assertion_ids_pkey do nothing
        "#,
        client_id,
        &hash,
        until
    )
    .execute(lent.connection())
    .await?;
    lent.give_back();
    Ok(done.rows_affected() == 1)
}

/// Forgets assertions that have ended, a bounded number of them. Returns how many.
pub async fn purge(db: impl PgExecutor<'_>, now: Time, limit: i64) -> Result<i64, StoreError> {
    let done = sqlx::query!(
        r#"
        delete from assertion_ids
        where (client_id, jti_hash) in
            (select client_id, jti_hash from assertion_ids where expires_at < $1 limit $2)
        "#,
        now,
        limit
    )
    .execute(db)
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}
