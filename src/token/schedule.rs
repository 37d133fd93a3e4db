//! When signing keys move by themselves. The next key of an algorithm is published as soon as it becomes
//! next, so by the time it signs every relying party has met it.

use std::time::Duration;

use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::Vault;
use crate::store::db::{Db, StoreError};
use crate::store::keys::{self, SigningKeyRow, Status};
use crate::token::KeyError;
use crate::token::lifecycle::{self, ALGS, Rotated, Rotation, find, leaves_at};

/// How long a next key is published before it signs by itself: no key set is cached for longer.
pub const PUBLISHED_FOR: Duration = Duration::from_secs(24 * 3600);

/// When the active key gives way to the next one.
#[must_use]
pub fn due_at(active: &SigningKeyRow, next: &SigningKeyRow, every: Duration) -> Time {
    let since = active.activated_at.unwrap_or(active.created_at);
    (since + every).max(next.created_at + PUBLISHED_FOR)
}

/// When a key moves on by itself: an active one gives way, a next one signs, a retiring one leaves the
/// published set. Never, if nothing but people move it; `every` zero leaves rotation to them.
#[must_use]
pub fn moves_at(
    row: &SigningKeyRow,
    all: &[SigningKeyRow],
    every: Duration,
    longest_token: Duration,
) -> Option<Time> {
    let of = |status| {
        all.iter()
            .find(|other| other.alg == row.alg && other.status == status)
    };
    match row.status {
        Status::Active | Status::Next if every.is_zero() => None,
        Status::Active | Status::Next => {
            Some(due_at(of(Status::Active)?, of(Status::Next)?, every))
        }
        Status::Retiring => leaves_at(row, longest_token),
        Status::Retired => None,
    }
}

/// Rotates what is due; every algorithm has a next key afterwards. Any replica may do it at any time: of
/// several at once one does. Returns what was rotated.
///
/// # Errors
/// If a key cannot be made or opened, or the database; other algorithms have moved all the same.
pub async fn rotate_due(
    db: &Db,
    vault: &Vault,
    every: Duration,
    now: Time,
) -> Result<Vec<(SigningAlg, Rotated)>, KeyError> {
    if every.is_zero() {
        return Ok(Vec::new());
    }
    let mut conn = db.relaxed().acquire().await.map_err(StoreError::from)?;
    let rows = keys::signing_keys(&mut conn).await?;
    drop(conn);
    let (mut moved, mut failed) = (Vec::new(), None);
    for alg in ALGS {
        let (active, next) = (
            find(&rows, alg, Status::Active),
            find(&rows, alg, Status::Next),
        );
        let done = match (active, next) {
            (Some(active), Some(next)) if due_at(active, next, every) <= now => {
                let why = Rotation::Due { every };
                lifecycle::rotate(db, vault, alg, why, now).await.map(Some)
            }
            (Some(_), None) => lifecycle::stage_next(db, vault, alg, now)
                .await
                .map(|_| None),
            _ => Ok(None),
        };
        match done {
            Ok(done) => moved.extend(done.map(|rotated| (alg, rotated))),
            // Another replica was first.
            Err(KeyError::TooEarly { .. } | KeyError::Store(StoreError::Stale)) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(moved), Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sqlx::types::Json;

    const DAY: Duration = Duration::from_secs(86_400);

    fn row(status: Status, created: Time, activated: Option<Time>) -> SigningKeyRow {
        SigningKeyRow {
            kid: status.as_str().to_owned(),
            alg: "ES256".to_owned(),
            status,
            sealed: None,
            public_jwk: Json(json!({})),
            created_at: created,
            activated_at: activated,
            retiring_at: (status == Status::Retiring).then_some(created),
            retired_at: None,
        }
    }

    #[test]
    fn a_key_gives_way_when_its_time_is_up_and_the_next_one_is_known() {
        let start = Time::default();
        let active = row(Status::Active, start, Some(start + DAY));
        let known = row(Status::Next, start, None);
        assert_eq!(due_at(&active, &known, 90 * DAY), start + 91 * DAY);
        let new = row(Status::Next, start + 91 * DAY, None);
        assert_eq!(due_at(&active, &new, 90 * DAY), start + 92 * DAY);
    }

    #[test]
    fn without_a_calendar_only_a_retiring_key_moves_by_itself() {
        let start = Time::default();
        let all = [
            row(Status::Active, start, Some(start)),
            row(Status::Next, start, None),
            row(Status::Retiring, start, Some(start)),
            row(Status::Retired, start, Some(start)),
        ];
        let moves = |every| all.each_ref().map(|one| moves_at(one, &all, every, DAY));
        let leaves = Some(start + lifecycle::RELOAD_LIMIT + DAY);
        assert_eq!(moves(Duration::ZERO), [None, None, leaves, None]);
        let due = Some(start + 90 * DAY);
        assert_eq!(moves(90 * DAY), [due, due, leaves, None]);
        // Nothing takes the place of an active key that stands alone.
        assert_eq!(moves_at(&all[0], &all[..1], 90 * DAY, DAY), None);
    }
}
