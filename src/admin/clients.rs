//! Registering and changing clients. What may be set is checked in `client_settings`; secrets and
//! sectors have files of their own.

use serde::Serialize;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::admin::client_sector::{SectorDocument, sector_of};
use crate::admin::client_settings;
use crate::admin::desk::{Act, commit};
use crate::admin::page::{MOST, Page, Wanted};
use crate::admin::{Desk, Refused, change, client_secrets};
use crate::secret::{Token, new_id, random};
use crate::store::clients::{self, AuthMethod, Client, Kind, Settings};
use crate::store::db::StoreError;
use crate::store::operators;

/// What an app says about itself.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// The name people see.
    pub name: String,
    /// What runs it; decides how it authenticates if `auth_method` does not.
    pub kind: Kind,
    /// How it authenticates.
    pub auth_method: Option<AuthMethod>,
    /// Where its users come back to.
    pub redirect_uris: Vec<String>,
    /// Whether test operators may vouch for it, and only for +990 numbers (P5).
    pub test: bool,
    /// The `client_id`; made from the name if absent.
    pub client_id: Option<String>,
    /// What stands at its sector identifier URI, if it has one.
    pub sector: Option<SectorDocument>,
    /// Its policy.
    pub settings: Settings,
}

/// A client with the secret that was made for it: shown now or never.
#[derive(Debug)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// Its secret, if it keeps one.
    pub secret: Option<Token>,
}

/// What can be edited.
#[derive(Clone, Debug, Serialize)]
pub struct Editable {
    /// The name people see.
    pub name: String,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// Where its users come back to.
    pub redirect_uris: Vec<String>,
    /// Whether test operators may vouch for it.
    pub test: bool,
    /// Its policy.
    pub settings: Settings,
    /// Whose file it is kept as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
}

impl Editable {
    /// As a client is now.
    #[must_use]
    pub fn of(client: &Client) -> Self {
        Self {
            name: client.name.clone(),
            auth_method: client.auth_method,
            redirect_uris: client.redirect_uris.clone(),
            test: client.test,
            settings: client.settings.clone(),
            managed_by: client.managed_by.clone(),
        }
    }
}

/// Registers a client with the safe preset of its kind: a web app gets a secret for HTTP Basic unless
/// it says otherwise, a page or a native app none and must use PKCE.
///
/// # Errors
/// [`Refused::Invalid`] naming the field, [`Refused::Taken`] if the `client_id` is in use.
pub async fn create(desk: &Desk, new: NewClient) -> Result<Registered, Refused> {
    create_kept(desk, new, None).await
}

/// The same, kept as somebody's file says.
pub(super) async fn create_kept(
    desk: &Desk,
    new: NewClient,
    managed_by: Option<String>,
) -> Result<Registered, Refused> {
    let mut client = prepare(desk, new)?;
    client.managed_by = managed_by;
    let mut tx = desk.begin().await?;
    let registered = insert(desk, &mut tx, client, Value::Null).await?;
    commit(tx).await?;
    Ok(registered)
}

/// Refuses what a client cannot be.
pub(super) fn check(client: &Editable, kind: Kind) -> Result<(), Refused> {
    client_settings::check(client, kind)
}

/// Checks a new client.
pub(super) fn prepare(desk: &Desk, new: NewClient) -> Result<Client, Refused> {
    let client_id = match new.client_id {
        Some(id) => id,
        None => generated_client_id(&new.name),
    };
    check_client_id(&client_id)?;
    let mut fields = Editable {
        name: new.name,
        auth_method: new.auth_method.unwrap_or(match new.kind {
            Kind::Web => AuthMethod::ClientSecretBasic,
            Kind::Spa | Kind::Native => AuthMethod::None,
        }),
        redirect_uris: new.redirect_uris,
        test: new.test,
        settings: new.settings,
        managed_by: None,
    };
    let sector = new.sector.as_ref();
    fields.settings.sector_identifier_uri = sector.map(|document| document.uri().to_owned());
    client_settings::check(&fields, new.kind)?;
    let sector = match sector {
        Some(document) => {
            document.check(&fields.redirect_uris)?;
            document.sector().to_owned()
        }
        None => sector_of(&fields.redirect_uris, new.kind).unwrap_or_else(|| client_id.clone()),
    };
    Ok(Client {
        id: new_id(desk.now),
        client_id,
        name: fields.name,
        kind: new.kind,
        auth_method: fields.auth_method,
        redirect_uris: fields.redirect_uris,
        test: fields.test,
        settings: fields.settings,
        sector,
        managed_by: None,
        revision: 1,
        disabled_at: None,
        ended_at: None,
        created_at: desk.now,
        updated_at: desk.now,
        secrets: Vec::new(),
        logo: None,
    })
}

/// Inserts a checked client with its secret, if it keeps one, and its record.
pub(super) async fn insert(
    desk: &Desk,
    tx: &mut PgConnection,
    mut client: Client,
    initial_access_token: Value,
) -> Result<Registered, Refused> {
    check_operators_exist(tx, &client.settings.operators).await?;
    clients::insert(tx, &client).await.map_err(|error| {
        Refused::or_taken(
            error,
            "clients_client_id_key",
            "client_id",
            &client.client_id,
        )
    })?;
    let mut secret = None;
    if client.auth_method.is_secret() {
        let token = Token::random();
        let row = client_secrets::row(desk.now, &token, None);
        clients::insert_secret(tx, client.id, &row).await?;
        client.secrets.push(row);
        secret = Some(token);
    }
    let mut details =
        json!({ "kind": client.kind, "sector": client.sector, "client": Editable::of(&client) });
    if !initial_access_token.is_null() {
        details["initial_access_token"] = initial_access_token;
    }
    let act = Act {
        operation: "CREATE",
        resource: "client",
        id: &client.client_id,
        details,
    };
    desk.record(tx, act).await?;
    Ok(Registered { client, secret })
}

/// All clients, in the order of `client_id`.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<Client>, Refused> {
    search(desk, "").await
}

/// All clients whose name, `client_id` or redirect URIs hold these words.
///
/// # Errors
/// [`Refused::Invalid`] if the words are too long.
pub async fn search(desk: &Desk, words: &str) -> Result<Vec<Client>, Refused> {
    let mut wanted = Wanted {
        search: words.to_owned(),
        limit: MOST,
        ..Wanted::default()
    };
    let mut all = Vec::new();
    loop {
        let page = page(desk, &wanted).await?;
        all.extend(page.items);
        match page.next {
            Some(next) => wanted.after = Some(next),
            None => return Ok(all),
        }
    }
}

/// A page of clients, in the order of `client_id`. One statement, from an index.
///
/// # Errors
/// [`Refused::Invalid`] if there can be no such page.
pub async fn page(desk: &Desk, wanted: &Wanted) -> Result<Page<Client>, Refused> {
    wanted.check()?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let (search, after) = (wanted.search.trim(), wanted.begin());
    let rows = clients::page(&mut db, search, after, wanted.rows()).await?;
    Ok(wanted.page(rows, |client| client.client_id.clone()))
}

/// One client.
///
/// # Errors
/// [`Refused::NotFound`].
pub async fn show(desk: &Desk, client_id: &str) -> Result<Client, Refused> {
    let mut tx = desk.begin().await?;
    find_any(&mut tx, client_id).await
}

/// Refuses a client everywhere, or no longer. Does nothing if it is so already.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Stale`], [`Refused::Invalid`] if it was removed.
pub async fn set_disabled(desk: &Desk, client_id: &str, disabled: bool) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let mut client = find(&mut tx, client_id).await?;
    if client.disabled_at.is_some() == disabled {
        return Ok(());
    }
    client.disabled_at = disabled.then_some(desk.now);
    clients::update(&mut tx, &client, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "client",
        id: client_id,
        details: json!({ "action": if disabled { "disable" } else { "enable" } }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// Ends a client for good: its secrets are gone and it is refused everywhere. Its row stays, disabled
/// and never edited again: nobody else may ever be taken for it. `seen` is the revision that was looked
/// at, if it was.
///
/// # Errors
/// [`Refused::NotFound`], or [`Refused::Stale`] if the revision is another.
pub async fn remove(desk: &Desk, client_id: &str, seen: Option<i32>) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let client = find_any(&mut tx, client_id).await?;
    if seen.is_some_and(|seen| seen != client.revision) {
        return Err(Refused::Stale);
    }
    if client.ended_at.is_some() {
        return Ok(());
    }
    end(desk, &mut tx, &client).await?;
    commit(tx).await
}

/// Ends it in the caller's transaction.
pub(super) async fn end(
    desk: &Desk,
    tx: &mut PgConnection,
    client: &Client,
) -> Result<(), Refused> {
    let ended = Client {
        disabled_at: client.disabled_at.or(Some(desk.now)),
        ended_at: Some(desk.now),
        managed_by: None,
        ..client.clone()
    };
    clients::update(tx, &ended, desk.now).await?;
    clients::delete_secrets(tx, client.id).await?;
    let act = Act {
        operation: "DELETE",
        resource: "client",
        id: &client.client_id,
        details: Value::Null,
    };
    desk.record(tx, act).await
}

/// Changes what can be edited and returns the client as it is then. `seen` is the revision the
/// editor looked at, if it looked. The sector stays.
///
/// # Errors
/// [`Refused::Invalid`], [`Refused::NotFound`], or [`Refused::Stale`] if the revision is another.
pub async fn update(
    desk: &Desk,
    client_id: &str,
    seen: Option<i32>,
    edit: impl FnOnce(&mut Editable),
) -> Result<Client, Refused> {
    update_in_sector(desk, client_id, seen, None, edit).await
}

/// The same for a client with a sector identifier URI whose redirect URIs change: `sector` is what
/// stands there now.
///
/// # Errors
/// As [`update`]; also if the document does not list them all.
pub async fn update_in_sector(
    desk: &Desk,
    client_id: &str,
    seen: Option<i32>,
    sector: Option<&SectorDocument>,
    edit: impl FnOnce(&mut Editable),
) -> Result<Client, Refused> {
    let mut tx = desk.begin().await?;
    let mut client = find(&mut tx, client_id).await?;
    if seen.is_some_and(|seen| seen != client.revision) {
        return Err(Refused::Stale);
    }
    let before = Editable::of(&client);
    let mut after = before.clone();
    edit(&mut after);
    let changes = change::between(&before, &after);
    if change::is_none(&changes) {
        return Ok(client);
    }
    client_settings::check(&after, client.kind)?;
    check_sector_stays(&before, &after, sector)?;
    if after.settings.operators != before.settings.operators {
        check_operators_exist(&mut tx, &after.settings.operators).await?;
    }
    client.name = after.name;
    client.auth_method = after.auth_method;
    client.redirect_uris = after.redirect_uris;
    client.test = after.test;
    client.settings = after.settings;
    client.managed_by = after.managed_by;
    clients::update(&mut tx, &client, desk.now).await?;
    if before.auth_method.is_secret() && !client.auth_method.is_secret() {
        // A secret that nobody uses any more must not work again after the next change.
        clients::delete_secrets(&mut tx, client.id).await?;
        client.secrets.clear();
    }
    let act = Act {
        operation: "UPDATE",
        resource: "client",
        id: client_id,
        details: changes,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    client.revision += 1;
    client.updated_at = desk.now;
    Ok(client)
}

pub(super) fn check_sector_stays(
    before: &Editable,
    after: &Editable,
    sector: Option<&SectorDocument>,
) -> Result<(), Refused> {
    let uri = &before.settings.sector_identifier_uri;
    if after.settings.sector_identifier_uri != *uri {
        let message = "changes every sub; use client change-sector";
        return Err(Refused::invalid("sector_identifier_uri", message));
    }
    let is_new = |uri: &&String| !before.redirect_uris.contains(uri);
    let added = after.redirect_uris.iter().find(is_new);
    match (uri, added, sector) {
        (Some(uri), Some(_), Some(document)) if document.uri() == uri => {
            document.check(&after.redirect_uris)
        }
        (Some(uri), Some(added), _) => Err(Refused::invalid(
            "redirect_uris",
            format!("{uri} has not been asked whether it lists {added}"),
        )),
        _ => Ok(()),
    }
}

/// A client that may be edited.
pub(super) async fn find(db: &mut PgConnection, client_id: &str) -> Result<Client, Refused> {
    let client = find_any(db, client_id).await?;
    check_lives(&client)?;
    Ok(client)
}

/// Refuses one that was removed.
pub(super) fn check_lives(client: &Client) -> Result<(), Refused> {
    match client.ended_at {
        None => Ok(()),
        Some(_) => {
            let message = "was removed for good; register the app anew, under another client_id";
            Err(Refused::invalid("client_id", message))
        }
    }
}

async fn find_any(db: &mut PgConnection, client_id: &str) -> Result<Client, Refused> {
    clients::find(db, client_id)
        .await?
        .ok_or_else(|| Refused::not_found("client", client_id))
}

/// A readable start and enough chance that nobody guesses or meets another's.
fn generated_client_id(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().take(64).flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(24);
    let slug = slug.trim_end_matches('-');
    let slug = if slug.is_empty() { "app" } else { slug };
    let tail: String = random::<4>().iter().map(|b| format!("{b:02x}")).collect();
    format!("{slug}-{tail}")
}

fn check_client_id(id: &str) -> Result<(), Refused> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        let message = "write 1 to 64 letters, digits, -, ., _ or ~";
        return Err(Refused::invalid("client_id", message));
    }
    Ok(())
}

/// A typing error here would show only as logins that never find an operator.
async fn check_operators_exist(db: &mut PgConnection, wanted: &[String]) -> Result<(), Refused> {
    if wanted.is_empty() {
        return Ok(());
    }
    let known = operators::list(db).await?;
    match wanted
        .iter()
        .find(|alias| !known.iter().any(|o| o.alias == **alias))
    {
        None => Ok(()),
        Some(alias) => Err(Refused::invalid(
            "operators",
            format!("there is no operator {alias}; add it first"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_client_id_is_readable_valid_and_new() {
        for (name, start) in [
            ("My Shop (EU)", "my-shop-eu-"),
            ("北京", "app-"),
            ("--", "app-"),
            (
                "A name that goes on and on and on",
                "a-name-that-goes-on-and-",
            ),
        ] {
            let id = generated_client_id(name);
            assert!(id.starts_with(start), "{id}");
            assert!(check_client_id(&id).is_ok(), "{id}");
            assert_ne!(id, generated_client_id(name));
        }
    }

    #[test]
    fn a_client_id_needs_no_encoding_anywhere() {
        for bad in ["", "a b", "a:b", "a/b", "a%b", "ä", &"x".repeat(65)] {
            assert!(check_client_id(bad).is_err(), "{bad}");
        }
        assert!(check_client_id("My.App_1~x").is_ok());
    }
}
