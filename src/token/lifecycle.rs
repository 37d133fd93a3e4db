//! How signing keys come and go: next (published, not signing), active, retiring, retired.
//!
//! A key is published before it signs, so that no relying party meets a `kid` it cannot find, and
//! stays published until its last token has ended. Replicas learn of a change within
//! [`RELOAD_LIMIT`]; every wait here allows for it.

use std::time::Duration;

use serde_json::json;
use sqlx::types::Json;

use crate::audit::event::Event;
use crate::audit::record::{Record, Recorder};
use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::{Place, Vault};
use crate::store::audit;
use crate::store::db::{Db, StoreError};
use crate::store::keys::{self, SigningKeyRow, Status};
use crate::token::KeyError;
use crate::token::keyring::Keyring;
use crate::token::schedule;
use crate::token::signing_key::{SigningKey, generate};

/// The algorithms every deployment has keys for.
pub const ALGS: [SigningAlg; 4] = SigningAlg::ALL;

/// How long a replica may work with an old keyring; the server reloads at least that often.
pub const RELOAD_LIMIT: Duration = Duration::from_secs(300);

/// The longest an access token lives, by the configuration or by a client's settings.
const LONGEST_ACCESS_TOKEN: Duration = Duration::from_secs(86_400);

/// The longest that anything signed lives. A client's own lifetime may be longer than the server's, and
/// its access tokens may be JWTs.
#[must_use]
pub fn longest_token(id_token: Duration) -> Duration {
    id_token.max(LONGEST_ACCESS_TOKEN)
}

/// Why keys rotate, and with it how careful to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// In good order: the next key must have been published this long (1 h by default), the old one
    /// stays published.
    Planned {
        /// Since when the next key must have been published.
        min_publish: Duration,
    },
    /// Somebody else may have the active key: it leaves the published set at once, whoever still
    /// has a token of it must sign in again, and the next key signs however new it is.
    Compromised,
    /// The calendar says so: the active key has signed for this long, and the next one was published
    /// well before. Recorded as the system's own act.
    Due {
        /// How long a key signs.
        every: Duration,
    },
}

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key that signed before.
    pub old: String,
    /// The key that signs now.
    pub active: String,
    /// The key that will sign after it, published from now on.
    pub next: String,
}

/// Makes sure that every algorithm has a key that signs and one that is next. Replicas that start
/// together on an empty database agree on them.
///
/// # Errors
/// If a key cannot be made, or the database.
pub async fn ensure(db: &Db, vault: &Vault, now: Time) -> Result<(), KeyError> {
    let mut conn = db.durable().acquire().await.map_err(StoreError::from)?;
    let present = keys::signing_keys(&mut conn).await?;
    drop(conn);
    // Before the transaction, because RSA keys take long to make; what another replica made
    // meanwhile wins.
    let mut making = tokio::task::JoinSet::new();
    for alg in ALGS {
        for status in [Status::Active, Status::Next] {
            if find(&present, alg, status).is_none() {
                let vault = vault.clone();
                making.spawn_blocking(move || seal_new_key(alg, status, &vault, now));
            }
        }
    }
    let mut missing = Vec::new();
    while let Some(made) = making.join_next().await {
        missing.push(made.map_err(|_| KeyError::Generation)??);
    }
    if missing.is_empty() {
        return Ok(());
    }
    let mut tx = db.durable().begin().await.map_err(StoreError::from)?;
    keys::lock(&mut tx).await?;
    for row in &missing {
        if keys::insert_signing_key(&mut tx, row).await? {
            audit::append(&mut *tx, [record(vault, now, row, "create", row.status)]).await?;
        }
    }
    tx.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// Makes and publishes the next key of an algorithm, unless there is one. Says whether it did.
///
/// # Errors
/// If a key cannot be made, or the database.
pub async fn stage_next(
    db: &Db,
    vault: &Vault,
    alg: SigningAlg,
    now: Time,
) -> Result<bool, KeyError> {
    let row = make(alg, Status::Next, vault, now).await?;
    let mut tx = db.durable().begin().await.map_err(StoreError::from)?;
    let staged = keys::insert_signing_key(&mut tx, &row).await?;
    if staged {
        audit::append(&mut *tx, [record(vault, now, &row, "stage", row.status)]).await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    Ok(staged)
}

/// The record of what the system does to a key by itself.
fn record(vault: &Vault, now: Time, row: &SigningKeyRow, action: &str, to: Status) -> Record {
    let event = Event::AdminEvent {
        operation: match action {
            "retire" | "rotate" => "UPDATE",
            _ => "CREATE",
        }
        .to_owned(),
        resource: "key".to_owned(),
        id: row.kid.clone(),
        details: json!({ "action": action, "alg": row.alg, "status": to.as_str() }),
    };
    Recorder::system(vault, now).system_record(&event)
}

/// Lets the next key sign, retires the one that did, and publishes a new next one.
///
/// # Errors
/// [`KeyError::TooEarly`] if relying parties may not know the next key yet, [`KeyError::NoKey`] if
/// there is none, or the database; nothing has changed then.
pub async fn rotate(
    db: &Db,
    vault: &Vault,
    alg: SigningAlg,
    why: Rotation,
    now: Time,
) -> Result<Rotated, KeyError> {
    let fresh = make(alg, Status::Next, vault, now).await?;
    let mut tx = db.durable().begin().await.map_err(StoreError::from)?;
    keys::lock(&mut tx).await?;
    let present = keys::signing_keys(&mut tx).await?;
    let one = |status, word| {
        find(&present, alg, status).ok_or(KeyError::NoKey {
            alg: alg.as_str(),
            status: word,
        })
    };
    let active = one(Status::Active, "active")?;
    let next = one(Status::Next, "next")?;
    let end = match why {
        Rotation::Planned { min_publish } => {
            let ready = next.created_at + min_publish;
            if ready > now {
                return Err(KeyError::TooEarly {
                    published: next.created_at,
                    ready,
                });
            }
            Status::Retiring
        }
        Rotation::Compromised => Status::Retired,
        Rotation::Due { every } => {
            // Another replica may have been first: then its key is too new.
            let ready = schedule::due_at(active, next, every);
            if ready > now {
                return Err(KeyError::TooEarly {
                    published: next.created_at,
                    ready,
                });
            }
            let [moved, staged] = [
                record(vault, now, next, "rotate", Status::Active),
                record(vault, now, &fresh, "stage", fresh.status),
            ];
            audit::append(&mut *tx, [moved, staged]).await?;
            Status::Retiring
        }
    };
    // It must open before it signs: nobody may be left with a key that cannot.
    parse(vault, alg, next)?;
    keys::move_signing_key(&mut tx, &active.kid, Status::Active, end, now).await?;
    keys::move_signing_key(&mut tx, &next.kid, Status::Next, Status::Active, now).await?;
    keys::insert_signing_key(&mut tx, &fresh).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Rotated {
        old: active.kid.clone(),
        active: next.kid.clone(),
        next: fresh.kid,
    })
}

/// Takes keys out of the published set whose last token has ended, and erases their private parts.
/// Returns their ids. Any replica may do it at any time.
///
/// # Errors
/// The database.
pub async fn retire(
    db: &Db,
    vault: &Vault,
    now: Time,
    max_token_life: Duration,
) -> Result<Vec<String>, KeyError> {
    let mut conn = db.durable().acquire().await.map_err(StoreError::from)?;
    let rows = keys::signing_keys(&mut conn).await?;
    drop(conn);
    let mut retired = Vec::new();
    for row in rows {
        if !has_ended(&row, now, max_token_life) {
            continue;
        }
        let mut tx = db.durable().begin().await.map_err(StoreError::from)?;
        match keys::move_signing_key(&mut tx, &row.kid, row.status, Status::Retired, now).await {
            Ok(()) => {
                let gone = record(vault, now, &row, "retire", Status::Retired);
                audit::append(&mut *tx, [gone]).await?;
                tx.commit().await.map_err(StoreError::from)?;
                retired.push(row.kid);
            }
            // another replica was first
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(retired)
}

/// Whether no token of a retiring key is alive any more.
fn has_ended(row: &SigningKeyRow, now: Time, max_token_life: Duration) -> bool {
    leaves_at(row, max_token_life).is_some_and(|end| end <= now)
}

/// When a retiring key leaves the published set: once no token of it is alive, not even one that a
/// replica signed before it learned of the rotation.
#[must_use]
pub fn leaves_at(row: &SigningKeyRow, max_token_life: Duration) -> Option<Time> {
    let since = row.retiring_at.filter(|_| row.status == Status::Retiring)?;
    Some(since + RELOAD_LIMIT + max_token_life)
}

/// Reads all published keys.
///
/// # Errors
/// [`KeyError::Unreadable`] if one does not open or is not the key its row says, or the database.
pub async fn load(db: &Db, vault: &Vault) -> Result<Keyring, KeyError> {
    let mut conn = db.relaxed().acquire().await.map_err(StoreError::from)?;
    let rows = keys::signing_keys(&mut conn).await?;
    drop(conn);
    let mut parsed = Vec::new();
    for row in &rows {
        // A newer release on another replica may have keys of algorithms we do not know: they are
        // its to publish and to sign with.
        let Some(alg) = ALGS.into_iter().find(|alg| alg.as_str() == row.alg) else {
            continue;
        };
        if row.status != Status::Retired {
            parsed.push((row.status, parse(vault, alg, row)?));
        }
    }
    Keyring::new(parsed).map_err(|_| KeyError::Generation)
}

/// Opens a row's private key. What we publish is derived from it and not from the row's JWK:
/// whoever can write to the table but has no root key cannot publish a key of their own.
pub(super) fn parse(
    vault: &Vault,
    alg: SigningAlg,
    row: &SigningKeyRow,
) -> Result<SigningKey, KeyError> {
    let unreadable = || KeyError::Unreadable {
        table: "signing_keys",
        row: row.kid.clone(),
    };
    let sealed = row.sealed.as_deref().ok_or_else(unreadable)?;
    let pkcs8 = vault
        .open(place(&row.kid), sealed)
        .map_err(|_| unreadable())?;
    let key = SigningKey::parse(alg, &pkcs8).map_err(|_| unreadable())?;
    if key.kid() == row.kid {
        Ok(key)
    } else {
        Err(unreadable())
    }
}

fn place(kid: &str) -> Place<'_> {
    Place {
        table: "signing_keys",
        column: "sealed",
        row: kid.as_bytes(),
    }
}

pub(super) fn find(
    rows: &[SigningKeyRow],
    alg: SigningAlg,
    status: Status,
) -> Option<&SigningKeyRow> {
    rows.iter()
        .find(|row| row.alg == alg.as_str() && row.status == status)
}

pub(super) async fn make(
    alg: SigningAlg,
    status: Status,
    vault: &Vault,
    now: Time,
) -> Result<SigningKeyRow, KeyError> {
    let vault = vault.clone();
    tokio::task::spawn_blocking(move || seal_new_key(alg, status, &vault, now))
        .await
        .map_err(|_| KeyError::Generation)?
}

fn seal_new_key(
    alg: SigningAlg,
    status: Status,
    vault: &Vault,
    now: Time,
) -> Result<SigningKeyRow, KeyError> {
    let pkcs8 = generate(alg).map_err(|_| KeyError::Generation)?;
    let key = SigningKey::parse(alg, &pkcs8).map_err(|_| KeyError::Generation)?;
    let public = serde_json::to_value(key.public()).map_err(|_| KeyError::Generation)?;
    Ok(SigningKeyRow {
        kid: key.kid().to_owned(),
        alg: alg.as_str().to_owned(),
        status,
        sealed: Some(vault.seal(place(key.kid()), &pkcs8)),
        public_jwk: Json(public),
        created_at: now,
        activated_at: (status == Status::Active).then_some(now),
        retiring_at: None,
        retired_at: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::secret::RootKey;

    fn vault(now: Time) -> Vault {
        Vault::new(&[RootKey::generate(now)])
    }

    #[test]
    fn a_row_is_read_back_only_as_itself() {
        let now = Clock::system().now();
        let vault = vault(now);
        let row = seal_new_key(SigningAlg::ES256, Status::Next, &vault, now).unwrap();
        let key = parse(&vault, SigningAlg::ES256, &row).unwrap();
        assert_eq!(key.kid(), row.kid);
        assert_eq!(
            serde_json::to_value(key.public()).unwrap(),
            row.public_jwk.0
        );

        let other = seal_new_key(SigningAlg::ES256, Status::Next, &vault, now).unwrap();
        let mut swapped = row.clone();
        swapped.sealed = other.sealed;
        let mut renamed = row.clone();
        renamed.kid = "k".to_owned();
        let mut erased = row.clone();
        erased.sealed = None;
        for altered in [swapped, renamed, erased] {
            assert!(parse(&vault, SigningAlg::ES256, &altered).is_err());
        }
        assert!(parse(&vault, SigningAlg::RS256, &row).is_err());
    }

    #[test]
    fn a_private_key_under_anothers_name_is_refused_even_if_well_sealed() {
        let now = Clock::system().now();
        let vault = vault(now);
        let mut row = seal_new_key(SigningAlg::ES256, Status::Active, &vault, now).unwrap();
        let pkcs8 = generate(SigningAlg::ES256).unwrap();
        row.sealed = Some(vault.seal(place(&row.kid), &pkcs8));
        assert!(parse(&vault, SigningAlg::ES256, &row).is_err());
    }

    #[test]
    fn a_retiring_key_stays_until_its_last_token_has_ended() {
        let now = Clock::system().now();
        let life = Duration::from_secs(600);
        let mut row = seal_new_key(SigningAlg::ES256, Status::Active, &vault(now), now).unwrap();
        let later = now + Duration::from_secs(1_000_000);
        assert!(!has_ended(&row, later, life));
        row.status = Status::Retiring;
        assert!(!has_ended(&row, later, life));
        row.retiring_at = Some(now);
        let end = now + RELOAD_LIMIT + life;
        assert!(!has_ended(&row, end - Duration::from_micros(1), life));
        assert!(has_ended(&row, end, life));
        row.status = Status::Retired;
        assert!(!has_ended(&row, end, life));
    }
}
