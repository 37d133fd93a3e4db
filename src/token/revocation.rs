//! Revoking one signing key by its id: it leaves the published set at once, whatever it was, and its
//! private part is erased. No algorithm is ever left without a key that signs and one that is next.

use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::Vault;
use crate::store::db::{Db, StoreError};
use crate::store::keys::{self, SigningKeyRow, Status};
use crate::token::KeyError;
use crate::token::lifecycle::{ALGS, find, make, parse};

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// The key that is gone.
    pub kid: String,
    /// Its algorithm.
    pub alg: SigningAlg,
    /// What it was.
    pub was: Status,
    /// The key that signs with this algorithm now.
    pub active: String,
    /// The key that is next.
    pub next: String,
}

/// Revokes a key. If it signs, the next one signs from now on, however new it is, and a new one is
/// published in its place; if that was missing, it is made and signs at once.
///
/// # Errors
/// [`KeyError::Gone`] if no published key has this id, [`StoreError::Stale`] if keys were moved
/// meanwhile, or the database; nothing has changed then.
pub async fn revoke(db: &Db, vault: &Vault, kid: &str, now: Time) -> Result<Revoked, KeyError> {
    let mut conn = db.durable().acquire().await.map_err(StoreError::from)?;
    let seen = keys::signing_keys(&mut conn).await?;
    drop(conn);
    let (alg, was) = published(&seen, kid)?;
    let lacks = |status| find(&seen, alg, status).is_none_or(|row| row.kid == kid);
    // Made before the keys are locked: RSA keys take long. The one that is next now will be active if
    // the active one goes.
    let takes_over = lacks(Status::Active) && !lacks(Status::Next);
    let mut fresh = Vec::new();
    if lacks(Status::Active) && !takes_over {
        fresh.push(make(alg, Status::Active, vault, now).await?);
    }
    if lacks(Status::Next) || takes_over {
        fresh.push(make(alg, Status::Next, vault, now).await?);
    }

    let mut tx = db.durable().begin().await.map_err(StoreError::from)?;
    keys::lock(&mut tx).await?;
    let present = keys::signing_keys(&mut tx).await?;
    if published(&present, kid)? != (alg, was) {
        return Err(StoreError::Stale.into());
    }
    keys::move_signing_key(&mut tx, kid, was, Status::Retired, now).await?;
    if takes_over {
        let next = find(&present, alg, Status::Next).ok_or(StoreError::Stale)?;
        // It must open before it signs: nobody may be left with a key that cannot.
        parse(vault, alg, next)?;
        keys::move_signing_key(&mut tx, &next.kid, Status::Next, Status::Active, now).await?;
    }
    for row in &fresh {
        if !keys::insert_signing_key(&mut tx, row).await? {
            return Err(StoreError::Stale.into());
        }
    }
    let after = keys::signing_keys(&mut tx).await?;
    let now_is = |status| find(&after, alg, status).map(|row| row.kid.clone());
    let (Some(active), Some(next)) = (now_is(Status::Active), now_is(Status::Next)) else {
        return Err(StoreError::Stale.into());
    };
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Revoked {
        kid: kid.to_owned(),
        alg,
        was,
        active,
        next,
    })
}

fn published(rows: &[SigningKeyRow], kid: &str) -> Result<(SigningAlg, Status), KeyError> {
    let row = rows
        .iter()
        .find(|row| row.kid == kid && row.status != Status::Retired);
    let known = row.and_then(|row| {
        let alg = ALGS.into_iter().find(|alg| alg.as_str() == row.alg)?;
        Some((alg, row.status))
    });
    known.ok_or_else(|| KeyError::Gone(kid.chars().take(60).collect()))
}
