//! The telco finder's record: at most one.

use serde_json::json;

use crate::admin::desk::{Act, commit};
use crate::admin::endpoint::check_endpoint;
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

/// Sets it, or replaces it. A secret that is not given stays.
///
/// # Errors
/// [`Refused::Invalid`] naming the field, [`Refused::Stale`] if somebody else edited it meanwhile.
pub async fn set(
    desk: &Desk,
    settings: Settings,
    secret: Option<&Redacted>,
) -> Result<Finder, Refused> {
    let mut tx = desk.begin().await?;
    let before = finder::find(&mut tx).await?;
    let has_secret = secret.is_some()
        || before
            .as_ref()
            .is_some_and(|before| before.sealed_credentials.is_some());
    check(&settings, has_secret)?;
    let id = before
        .as_ref()
        .map_or_else(|| new_id(desk.now), |known| known.id);
    let sealed = match secret {
        Some(secret) => Some(seal_secret(&desk.vault, &id, secret)),
        None => before
            .as_ref()
            .and_then(|known| known.sealed_credentials.clone()),
    };
    let mut finder = Finder {
        id,
        settings,
        sealed_credentials: sealed,
        revision: before.as_ref().map_or(0, |known| known.revision),
        updated_at: desk.now,
    };
    finder::put(&mut tx, &finder)
        .await
        .map_err(|error| match error {
            StoreError::Conflict(_) => Refused::Stale,
            error => error.into(),
        })?;
    finder.revision += 1;
    let mut details = match &before {
        None => json!({ "settings": finder.settings }),
        Some(before) => change::between(&before.settings, &finder.settings),
    };
    if secret.is_some() {
        details["secret"] = json!("replaced");
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

/// Removes it; says whether there was one.
///
/// # Errors
/// [`Refused::Database`].
pub async fn remove(desk: &Desk) -> Result<bool, Refused> {
    let mut tx = desk.begin().await?;
    if !finder::remove(&mut tx).await? {
        return Ok(false);
    }
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

fn check(settings: &Settings, has_secret: bool) -> Result<(), Refused> {
    let refuse = |field, message: &str| Err(Refused::invalid(field, message));
    check_endpoint("url", &settings.url)?;
    if settings.auth != FinderAuth::None && !has_secret {
        return refuse("secret", "is needed for this auth (--secret-file)");
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
