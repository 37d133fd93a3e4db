//! Clients' secrets: at most two live at a time, so that one can be replaced without an outage.

use std::time::Duration;

use serde_json::json;

use crate::admin::clients::find;
use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::secret::{Token, new_id};
use crate::store::clients::{self, Secret};

/// How long a replaced secret works on if nobody says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 3600);
/// How long a replaced secret may work on at most.
pub const LONGEST_GRACE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a secret may live if it is given an end.
const LIFETIMES: std::ops::RangeInclusive<u64> = 3600..=3 * 366 * 24 * 3600;

/// A new secret, and until when the one before works.
#[derive(Debug)]
pub struct Rotated {
    /// The secret: shown now or never.
    pub secret: Token,
    /// When it ends, if it does.
    pub expires_at: Option<Time>,
    /// Until when the one before works.
    pub earlier_ends: Time,
}

/// Gives a client a new secret, which ends after `lifetime` if one is given; the one before works on
/// for `grace`. At most two are live.
///
/// # Errors
/// [`Refused::Invalid`] if the client keeps no secret, the grace is too long, or two secrets are
/// live already and the older would have to end early without being asked (`grace` 0 ends all).
pub async fn rotate(
    desk: &Desk,
    client_id: &str,
    grace: Duration,
    lifetime: Option<Duration>,
) -> Result<Rotated, Refused> {
    if grace > LONGEST_GRACE {
        return Err(Refused::invalid("grace", "is at most 7 days"));
    }
    if lifetime.is_some_and(|lifetime| !LIFETIMES.contains(&lifetime.as_secs())) {
        return Err(Refused::invalid("expires", "is from 1 hour to 3 years"));
    }
    let mut tx = desk.begin().await?;
    let client = find(&mut tx, client_id).await?;
    if !client.auth_method.is_secret() {
        let message = format!(
            "{client_id} keeps no secret: it authenticates with {}",
            client.auth_method.as_str()
        );
        return Err(Refused::invalid("client_id", message));
    }
    let live = |secret: &&Secret| secret.expires_at.is_none_or(|end| end > desk.now);
    if client.secrets.iter().filter(live).count() > 1 && !grace.is_zero() {
        let message = "two secrets work already; wait until the older ends, revoke one, or use 0 to \
            end both now";
        return Err(Refused::invalid("grace", message));
    }
    // The revision holds a second rotation back that has read the same secrets.
    clients::update(&mut tx, &client, desk.now).await?;
    let secret = Token::random();
    let expires_at = lifetime.map(|lifetime| desk.now + lifetime);
    let row = row(desk.now, &secret, expires_at);
    let ends = desk.now + grace;
    clients::insert_secret(&mut tx, client.id, &row).await?;
    clients::retire_secrets(&mut tx, client.id, row.id, ends, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "client",
        id: client_id,
        details: json!({
            "action": "rotate_secret", "secret": row.id, "expires_at": expires_at,
            "earlier_ends": ends,
        }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(Rotated {
        secret,
        expires_at,
        earlier_ends: ends,
    })
}

/// Ends one secret at once: the one whose id, or whose first four characters, `which` is. Returns how
/// many still work.
///
/// # Errors
/// [`Refused::NotFound`], or [`Refused::Invalid`] if both secrets start so.
pub async fn revoke(desk: &Desk, client_id: &str, which: &str) -> Result<usize, Refused> {
    let mut tx = desk.begin().await?;
    let client = find(&mut tx, client_id).await?;
    let fits = |secret: &&Secret| secret.hint == which || secret.id.to_string() == which;
    let found: Vec<&Secret> = client.secrets.iter().filter(fits).collect();
    let secret = match found[..] {
        [one] => one,
        [] => return Err(Refused::not_found("secret", which)),
        _ => {
            let message = "both secrets start so; name the id that `client show --json` tells";
            return Err(Refused::invalid("hint", message));
        }
    };
    if !clients::delete_secret(&mut tx, client.id, secret.id).await? {
        return Err(Refused::Stale);
    }
    let act = Act {
        operation: "ACTION",
        resource: "client",
        id: client_id,
        details: json!({ "action": "revoke_secret", "secret": secret.id }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    let live = |other: &&Secret| {
        other.id != secret.id && other.expires_at.is_none_or(|end| end > desk.now)
    };
    Ok(client.secrets.iter().filter(live).count())
}

/// The row of a new secret.
pub(super) fn row(now: Time, secret: &Token, expires_at: Option<Time>) -> Secret {
    Secret {
        id: new_id(now),
        hash: secret.hash(),
        hint: secret.reveal().chars().take(4).collect(),
        created_at: now,
        expires_at,
        last_used_at: None,
    }
}
