//! Apps' pictures as a file keeps them: in a file beside it, or in the file itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Applying, Change};
use crate::admin::apply_file::ClientEntry;
use crate::admin::{Desk, Refused, client_logo, clients};
use crate::store::client_logos;
use crate::store::clients::Client;

/// Gives an app the picture its entry names. One that is drawn the same is the same.
pub(super) async fn apply<S>(
    desk: &Desk,
    entry: &ClientEntry,
    how: &Applying<'_, S>,
) -> Result<Option<Change>, Refused> {
    let upload = match (&entry.logo_file, &entry.logo) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let message = "write it out or name a file, not both";
            return Err(Refused::invalid("logo", message));
        }
        (Some(file), None) => Some((how.bytes)(file)?),
        (None, Some(text)) if text.is_empty() => None,
        (None, Some(text)) => Some(decoded(text)?),
    };
    let drawn = upload.as_deref().map(client_logo::drawn).transpose()?;
    let before = match clients::show(desk, &entry.client_id).await {
        Ok(client) => client.logo,
        // Told only: the app would be made just now.
        Err(Refused::NotFound { .. }) => None,
        Err(refused) => return Err(refused),
    };
    let after = drawn.as_ref().map(|drawn| drawn.name.clone());
    if before == after {
        return Ok(None);
    }
    if !how.dry_run {
        client_logo::keep(desk, &entry.client_id, drawn.as_ref()).await?;
    }
    let changes = json!({ "logo": { "before": before, "after": after } });
    let change = Change::new("update", "client_logo", &entry.client_id, changes);
    Ok(Some(change))
}

/// How the file says an app's picture, if it has one.
pub(super) async fn export(desk: &Desk, client: &Client) -> Result<Option<String>, Refused> {
    let Some(hash) = &client.logo else {
        return Ok(None);
    };
    let png = client_logos::find(&desk.db, hash).await?;
    Ok(png.map(|png| STANDARD.encode(png)))
}

fn decoded(text: &str) -> Result<Vec<u8>, Refused> {
    let bytes = STANDARD.decode(text);
    bytes.map_err(|_| Refused::invalid("logo", "is no base64 (RFC 4648 section 4)"))
}
