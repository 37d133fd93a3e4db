//! Moving signing keys and sealed values, by hand. What the system moves by itself it records too,
//! but not here.

use std::time::Duration;

use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::oauth::signing_alg::SigningAlg;
use crate::store::db::{Db, StoreError};
use crate::store::keys::{self, SigningKeyRow, Status};
use crate::token::KeyError;
use crate::token::lifecycle::{self, Rotated, Rotation};
use crate::token::revocation::{self, Revoked};
use crate::token::root::{self, Rewrapped};
pub use crate::token::schedule::moves_at;

/// How long a next key is published before it signs, if nobody says otherwise: apps keep key sets that long.
pub const PUBLISHED_FOR: Duration = Duration::from_secs(3600);
/// The longest a next key may have to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(366 * 24 * 3600);

/// Why keys were not moved.
#[derive(Debug, thiserror::Error)]
pub enum KeysRefused {
    /// The record could not be written.
    #[error(transparent)]
    Record(#[from] Refused),
    /// The keys could not be moved.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// All signing keys, retired ones included.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<SigningKeyRow>, Refused> {
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    Ok(keys::signing_keys(&mut db).await?)
}

/// Makes and publishes the next key of an algorithm, unless there is one. Says whether it did.
///
/// # Errors
/// [`KeysRefused`].
pub async fn stage(desk: &Desk, db: &Db, alg: SigningAlg) -> Result<bool, KeysRefused> {
    record(desk, alg.as_str(), json!({ "action": "stage" })).await?;
    Ok(lifecycle::stage_next(db, &desk.vault, alg, desk.now).await?)
}

/// Lets the next key of an algorithm sign. Recorded before and after: rotation has a transaction of
/// its own, and an order without its outcome is better than an outcome that nobody ordered.
///
/// # Errors
/// [`KeysRefused`]; the keys are as before.
pub async fn rotate(
    desk: &Desk,
    db: &Db,
    alg: SigningAlg,
    why: Rotation,
) -> Result<Rotated, KeysRefused> {
    if let Rotation::Planned { min_publish } = why
        && min_publish > LONGEST_WAIT
    {
        return Err(Refused::invalid("published_for", "is at most 366 days").into());
    }
    let compromised = why == Rotation::Compromised;
    let ordered = json!({ "action": "rotate", "compromised": compromised });
    record(desk, alg.as_str(), ordered).await?;
    let rotated = lifecycle::rotate(db, &desk.vault, alg, why, desk.now).await?;
    let done = json!({
        "action": "rotated",
        "old": rotated.old,
        "active": rotated.active,
        "next": rotated.next,
    });
    record(desk, alg.as_str(), done).await?;
    Ok(rotated)
}

/// Takes one key out of the published set at once. If it signs, the next one signs from now on. Recorded
/// before and after, as [`rotate`].
///
/// # Errors
/// [`KeysRefused`]; the keys are as before.
pub async fn revoke(desk: &Desk, db: &Db, kid: &str) -> Result<Revoked, KeysRefused> {
    // What is no key leaves no record.
    let known = list(desk).await?;
    if !known
        .iter()
        .any(|key| key.kid == kid && key.status != Status::Retired)
    {
        return Err(KeyError::Gone(kid.chars().take(60).collect()).into());
    }
    record(desk, kid, json!({ "action": "revoke" })).await?;
    let revoked = revocation::revoke(db, &desk.vault, kid, desk.now).await?;
    let done = json!({
        "action": "revoked",
        "alg": revoked.alg,
        "was": revoked.was.as_str(),
        "active": revoked.active,
        "next": revoked.next,
    });
    record(desk, kid, done).await?;
    Ok(revoked)
}

/// Seals everything anew under the active root key. Recorded before and after, as [`rotate`].
///
/// # Errors
/// [`KeysRefused`]; run it again, what was moved stays moved.
pub async fn rewrap(desk: &Desk, db: &Db) -> Result<Rewrapped, KeysRefused> {
    let root = desk.vault.key_id();
    record(desk, root, json!({ "action": "rewrap" })).await?;
    let done = root::rewrap(db, &desk.vault).await?;
    let details = json!({
        "action": "rewrapped",
        "moved": done.moved,
        "already": done.already,
        "changed_meanwhile": done.changed_meanwhile,
    });
    record(desk, root, details).await?;
    Ok(done)
}

async fn record(desk: &Desk, id: &str, details: serde_json::Value) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let act = Act {
        operation: "ACTION",
        resource: "key",
        id,
        details,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}
