//! The telco finder's record: at most one.

use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::endpoint::{check_endpoint, leads_elsewhere};
use crate::admin::refused::check_seen;
use crate::admin::{Desk, Refused, change};
use crate::secret::{Redacted, new_id};
use crate::store::db::StoreError;
use crate::store::finder::{self, Finder, FinderAuth, Settings, seal_secret};

/// What its records are about.
const NAME: &str = "telco_finder";

/// The telco finder, if there is one.
///
/// # Errors
/// [`Refused::Database`].
pub async fn show(desk: &Desk) -> Result<Option<Finder>, Refused> {
    let mut tx = desk.begin().await?;
    Ok(finder::find(&mut tx).await?)
}

/// Sets it, or replaces it: what has the revision that was seen (0 for none), or, if none is named,
/// whatever it is; a new keeper takes it over. A secret that is not given stays with the servers it was
/// given for.
///
/// # Errors
/// [`Refused::Invalid`] naming the field, [`Refused::Stale`] if somebody else edited it meanwhile.
pub async fn put(
    desk: &Desk,
    settings: Settings,
    secret: Option<&Redacted>,
    (seen, keeper): (Option<i32>, Option<&str>),
) -> Result<Finder, Refused> {
    let mut tx = desk.begin().await?;
    let before = finder::find(&mut tx).await?;
    check_seen(seen, before.as_ref().map_or(0, |known| known.revision))?;
    let kept = before
        .as_ref()
        .filter(|before| keeps_secret(&before.settings, &settings))
        .and_then(|before| before.sealed_credentials.clone());
    check(&settings, secret.is_some() || kept.is_some())?;
    let id = before
        .as_ref()
        .map_or_else(|| new_id(desk.now), |known| known.id);
    let sealed = match secret {
        Some(secret) => Some(seal_secret(&desk.vault, &id, secret)),
        None => kept,
    };
    let mut finder = Finder {
        id,
        settings,
        sealed_credentials: sealed,
        managed_by: keeper
            .map(str::to_owned)
            .or_else(|| before.as_ref()?.managed_by.clone()),
        revision: before.as_ref().map_or(0, |known| known.revision),
        updated_at: desk.now,
    };
    finder.revision = finder::put(&mut tx, &finder)
        .await
        .map_err(|error| match error {
            StoreError::Conflict(_) => Refused::Stale,
            error => error.into(),
        })?;
    let mut details = match &before {
        None => json!({ "settings": finder.settings }),
        Some(before) => change::between(&before.settings, &finder.settings),
    };
    if secret.is_some() {
        details["secret"] = json!("replaced");
    }
    let kept_before = before.as_ref().and_then(|known| known.managed_by.as_ref());
    if finder.managed_by.as_ref() != kept_before {
        details["managed_by"] = json!({ "before": kept_before, "after": finder.managed_by });
    }
    let act = Act {
        operation: if before.is_some() { "UPDATE" } else { "CREATE" },
        resource: NAME,
        id: NAME,
        details,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(finder)
}

/// Removes it, whatever it is; says whether there was one.
///
/// # Errors
/// [`Refused::Database`].
pub async fn remove(desk: &Desk) -> Result<bool, Refused> {
    remove_seen(desk, None).await
}

/// The same of the revision that was seen, if one is named.
///
/// # Errors
/// [`Refused::Stale`] if somebody else edited it meanwhile.
pub async fn remove_seen(desk: &Desk, seen: Option<i32>) -> Result<bool, Refused> {
    let mut tx = desk.begin().await?;
    let known = finder::find(&mut tx).await?;
    check_seen(seen, known.as_ref().map_or(0, |known| known.revision))?;
    let Some(known) = known else {
        return Ok(false);
    };
    finder::remove(&mut tx, known.revision).await?;
    let act = Act {
        operation: "DELETE",
        resource: NAME,
        id: NAME,
        details: json!({}),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(true)
}

/// Who is told the secret.
fn servers(of: &Settings) -> [Option<&str>; 2] {
    [Some(&of.url), of.token_endpoint.as_deref()]
}

/// Whether the stored secret stays: it does not go along to another server.
pub(super) fn keeps_secret(before: &Settings, after: &Settings) -> bool {
    !leads_elsewhere(servers(before), servers(after))
}

/// Whether a record could be so.
///
/// # Errors
/// [`Refused::Invalid`] naming the field.
pub(super) fn check(settings: &Settings, has_secret: bool) -> Result<(), Refused> {
    let refuse = |field, message: &str| Err(Refused::invalid(field, message));
    check_endpoint("url", &settings.url)?;
    if settings.auth != FinderAuth::None && !has_secret {
        let message = "is needed for this way of authentication, and given again when url or \
                       token_endpoint is another server";
        return refuse("secret", message);
    }
    if matches!(
        settings.auth,
        FinderAuth::Basic | FinderAuth::ClientCredentials
    ) && settings.client_id.as_deref().unwrap_or_default().is_empty()
    {
        return refuse("client_id", "write the client_id it gave you");
    }
    match &settings.token_endpoint {
        Some(endpoint) => check_endpoint("token_endpoint", endpoint)?,
        None if settings.auth == FinderAuth::ClientCredentials => {
            return refuse("token_endpoint", "is needed for client_credentials");
        }
        None => {}
    }
    if !(100..=5_000).contains(&settings.timeout_ms) {
        return refuse("timeout_ms", "is 100 to 5000: a person waits for it");
    }
    let digits = |prefix: &String| {
        !prefix.is_empty() && prefix.len() <= 15 && prefix.bytes().all(|b| b.is_ascii_digit())
    };
    if !settings.prefixes.iter().all(digits) {
        return refuse("prefixes", "are digits, country code first, no +");
    }
    Ok(())
}
