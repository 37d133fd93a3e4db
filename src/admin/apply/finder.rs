//! The telco finder as a file keeps it.

use std::path::Path;

use serde_json::{Value, json};

use super::{Applying, Change, check_owner};
use crate::admin::apply_file::{File, FinderEntry};
use crate::admin::{Desk, Refused, change, finder};
use crate::secret::Redacted;

/// What it and its records are called.
const NAME: &str = "telco_finder";

/// Makes it as the entry says.
pub(super) async fn apply<S>(
    desk: &Desk,
    owner: &str,
    entry: &FinderEntry,
    how: &Applying<'_, S>,
) -> Result<Option<Change>, Refused>
where
    S: Fn(&Path) -> Result<Redacted, Refused>,
{
    let given = Value::Object(entry.settings.clone());
    let settings: crate::store::finder::Settings =
        serde_json::from_value(given).map_err(|error| Refused::invalid(NAME, error.to_string()))?;
    let known = finder::show(desk).await?;
    let kept_by = known.as_ref().and_then(|known| known.managed_by.as_ref());
    check_owner("the", NAME, kept_by, owner, how.take_over)?;
    let secret = entry.secret_file.as_deref().map(&how.secret).transpose()?;
    let stored = known
        .as_ref()
        .filter(|known| finder::keeps_secret(&known.settings, &settings))
        .and_then(|known| known.secret(&desk.vault).ok().flatten());
    let text = |secret: &Option<Redacted>| secret.as_ref().map(|s| s.reveal().to_owned());
    let secret = secret.filter(|given| text(&stored).as_deref() != Some(given.reveal()));
    let mut changes = match &known {
        Some(known) => change::between(&known.settings, &settings),
        None => json!({ "after": settings }),
    };
    if secret.is_some() {
        changes["secret"] = json!("replaced");
    }
    if known.is_some() && kept_by.map(String::as_str) != Some(owner) {
        changes["managed_by"] = json!({ "before": kept_by, "after": owner });
    }
    if change::is_none(&changes) {
        return Ok(None);
    }
    if how.dry_run {
        finder::check(&settings, secret.is_some() || stored.is_some())?;
    } else {
        let seen = known.as_ref().map_or(0, |known| known.revision);
        let kept = (Some(seen), Some(owner));
        finder::put(desk, settings, secret.as_ref(), kept).await?;
    }
    let action = if known.is_some() { "update" } else { "create" };
    Ok(Some(Change::new(action, NAME, NAME, changes)))
}

/// Removes it if the file's owner kept it and the file does not name it any more.
pub(super) async fn prune(
    desk: &Desk,
    file: &File,
    dry_run: bool,
) -> Result<Option<Change>, Refused> {
    let known = finder::show(desk).await?;
    let Some(known) = known.filter(|known| known.managed_by.as_ref() == Some(&file.owner)) else {
        return Ok(None);
    };
    if file.telco_finder.is_some() {
        return Ok(None);
    }
    if !dry_run {
        finder::remove_seen(desk, Some(known.revision)).await?;
    }
    Ok(Some(Change::new("end", NAME, NAME, json!({}))))
}

/// How the file says it, if it is wanted.
pub(super) async fn export(
    desk: &Desk,
    wanted: &impl Fn(&Option<String>) -> bool,
) -> Result<Option<FinderEntry>, Refused> {
    let known = finder::show(desk).await?;
    let known = known.filter(|known| wanted(&known.managed_by));
    Ok(known.as_ref().map(FinderEntry::of))
}
