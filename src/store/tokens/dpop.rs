//! DPoP proofs, remembered so that each counts once over all replicas.

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::lane::Lane;

/// Remembers a proof. Returns whether it is the first time.
pub async fn use_once(lane: &Lane, hash: &[u8], expires_at: Time) -> Result<bool, StoreError> {
    let mut lent = lane.get().await?;
    let first = sqlx::query_scalar!(
        r#"
        insert into dpop_proofs (hash, expires_at)
        values ($1, $2)
        on conflict (hash) do nothing
        returning true as "first!"
        "#,
        hash,
        expires_at,
    )
    .fetch_optional(lent.connection())
    .await?;
    lent.give_back();
    Ok(first.is_some())
}
