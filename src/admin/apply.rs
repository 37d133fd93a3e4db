//! Configuration as code: makes clients, operators, the telco finder and networks as a file says, and
//! tells the difference first. A row that a file keeps is marked with the file's owner.

mod finder;
mod logos;
mod networks;

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::admin::apply_file::{ClientEntry, File, OperatorEntry};
use crate::admin::clients::{Editable, NewClient};
use crate::admin::operators::NewOperator;
use crate::admin::{Desk, Refused, change, client_sector, clients, operators, patch, presets};
use crate::outbound::Outbound;
use crate::secret::Redacted;
use crate::store::clients::{Client, Settings};
use crate::store::operators::{self as operator_rows, Credentials, Operator};

/// What an apply works with.
pub struct Applying<'a, S> {
    /// Fetches sector documents.
    pub outbound: &'a Outbound,
    /// Reads a secret's file.
    pub secret: S,
    /// Reads a picture or a table that the file names.
    pub bytes: &'a (dyn Fn(&Path) -> Result<Vec<u8>, Refused> + Sync),
    /// Nothing is changed, only told.
    pub dry_run: bool,
    /// What the owner kept before and the file no longer names is ended: apps for good, operators are
    /// paused.
    pub prune: bool,
    /// Rows that another owner's file keeps are taken over.
    pub take_over: bool,
}

/// One difference between file and database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// `create`, `update` or `end`.
    pub action: &'static str,
    /// `client`, `client_logo`, `operator`, `operator_ranges`, `telco_finder` or `networks`.
    pub resource: &'static str,
    /// Which one.
    pub id: String,
    /// What changes, field by field: `before` and `after`.
    pub changes: Value,
    /// The secret of an app that was made: shown now or never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

impl Change {
    fn new(action: &'static str, resource: &'static str, id: &str, changes: Value) -> Self {
        Self {
            action,
            resource,
            id: id.to_owned(),
            changes,
            client_secret: None,
        }
    }
}

/// Makes the database as the file says, one row after the other; returns the differences there were.
/// Broken off, it is run again.
///
/// # Errors
/// [`Refused`] naming what cannot be; rows before it are done.
pub async fn apply<S>(
    desk: &Desk,
    file: &File,
    how: &Applying<'_, S>,
) -> Result<Vec<Change>, Refused>
where
    S: Fn(&Path) -> Result<Redacted, Refused>,
{
    let mut done = Vec::new();
    // Apps name operators.
    for entry in &file.operators {
        done.extend(operator(desk, &file.owner, entry, how).await?);
        done.extend(networks::ranges(desk, entry, how).await?);
    }
    if let Some(entry) = &file.telco_finder {
        done.extend(finder::apply(desk, &file.owner, entry, how).await?);
    }
    done.extend(networks::apply(desk, file, how).await?);
    for entry in &file.clients {
        done.extend(client(desk, &file.owner, entry, how).await?);
        done.extend(logos::apply(desk, entry, how).await?);
    }
    if how.prune {
        done.extend(prune(desk, file, how.dry_run).await?);
    }
    Ok(done)
}

fn check_owner(
    resource: &'static str,
    id: &str,
    kept_by: Option<&String>,
    owner: &str,
    take_over: bool,
) -> Result<(), Refused> {
    match kept_by {
        Some(other) if other != owner && !take_over => {
            let message =
                format!("{resource} {id} is kept by {other}'s file; take it over only on purpose");
            Err(Refused::invalid("owner", message))
        }
        _ => Ok(()),
    }
}

async fn client<S>(
    desk: &Desk,
    owner: &str,
    entry: &ClientEntry,
    how: &Applying<'_, S>,
) -> Result<Option<Change>, Refused> {
    let id = entry.client_id.as_str();
    let given = Value::Object(entry.settings.clone());
    let mut settings = patch::client_settings(&Settings::default(), given)?;
    settings
        .sector_identifier_uri
        .clone_from(&entry.sector_identifier_uri);
    let known = match clients::show(desk, id).await {
        Ok(client) => Some(client),
        Err(Refused::NotFound { .. }) => None,
        Err(refused) => return Err(refused),
    };
    match known {
        Some(client) => {
            check_owner(
                "client",
                id,
                client.managed_by.as_ref(),
                owner,
                how.take_over,
            )?;
            change_client(desk, owner, entry, settings, &client, how).await
        }
        None => create_client(desk, owner, entry, settings, how)
            .await
            .map(Some),
    }
}

async fn create_client<S>(
    desk: &Desk,
    owner: &str,
    entry: &ClientEntry,
    settings: Settings,
    how: &Applying<'_, S>,
) -> Result<Change, Refused> {
    let sector = match &entry.sector_identifier_uri {
        Some(uri) => Some(client_sector::fetch(how.outbound, uri).await?),
        None => None,
    };
    let new = NewClient {
        name: entry.name.clone(),
        kind: entry.kind,
        auth_method: entry.token_endpoint_auth_method,
        redirect_uris: entry.redirect_uris.clone(),
        test: entry.test,
        client_id: Some(entry.client_id.clone()),
        sector,
        settings,
    };
    let says = serde_json::to_value(entry).expect("entries serialise");
    let mut change = Change::new(
        "create",
        "client",
        &entry.client_id,
        json!({ "after": says }),
    );
    if how.dry_run {
        clients::prepare(desk, new)?;
        return Ok(change);
    }
    let made = clients::create_kept(desk, new, Some(owner.to_owned())).await?;
    change.client_secret = made.secret.map(|secret| secret.reveal());
    if entry.disabled {
        clients::set_disabled(desk, &entry.client_id, true).await?;
    }
    Ok(change)
}

async fn change_client<S>(
    desk: &Desk,
    owner: &str,
    entry: &ClientEntry,
    settings: Settings,
    client: &Client,
    how: &Applying<'_, S>,
) -> Result<Option<Change>, Refused> {
    clients::check_lives(client)?;
    if client.kind != entry.kind {
        let message = format!(
            "{} cannot become another type; give it a new client_id",
            entry.client_id
        );
        return Err(Refused::invalid("type", message));
    }
    let before = Editable::of(client);
    let after = Editable {
        name: entry.name.clone(),
        auth_method: entry
            .token_endpoint_auth_method
            .unwrap_or(before.auth_method),
        redirect_uris: entry.redirect_uris.clone(),
        test: entry.test,
        settings,
        managed_by: Some(owner.to_owned()),
    };
    clients::check(&after, client.kind)?;
    let mut changes = change::between(&before, &after);
    let (was, is) = (client.disabled_at.is_some(), entry.disabled);
    let edited = !change::is_none(&changes);
    if was != is {
        changes["disabled"] = json!({ "before": was, "after": is });
    }
    if change::is_none(&changes) {
        return Ok(None);
    }
    let sector = match &before.settings.sector_identifier_uri {
        Some(uri) if after.redirect_uris != before.redirect_uris => {
            Some(client_sector::fetch(how.outbound, uri).await?)
        }
        _ => None,
    };
    clients::check_sector_stays(&before, &after, sector.as_ref())?;
    if !how.dry_run {
        if edited {
            let (id, seen) = (client.client_id.as_str(), Some(client.revision));
            let edit = |fields: &mut Editable| *fields = after;
            clients::update_in_sector(desk, id, seen, sector.as_ref(), edit).await?;
        }
        clients::set_disabled(desk, &client.client_id, is).await?;
    }
    Ok(Some(Change::new(
        "update",
        "client",
        &entry.client_id,
        changes,
    )))
}

async fn operator<S>(
    desk: &Desk,
    owner: &str,
    entry: &OperatorEntry,
    how: &Applying<'_, S>,
) -> Result<Option<Change>, Refused>
where
    S: Fn(&Path) -> Result<Redacted, Refused>,
{
    let mut settings = operator_rows::Settings::default();
    if let Some(preset) = &entry.preset {
        let contract = presets::find(preset)?.settings(entry.base_url.as_deref(), entry.mode)?;
        settings = patch::operator_settings(&settings, Value::Object(contract))?;
    }
    let settings = patch::operator_settings(&settings, Value::Object(entry.settings.clone()))?;
    let named = entry.client_secret_file.is_some() || entry.private_key_file.is_some();
    let read = |file: &Option<std::path::PathBuf>| file.as_deref().map(&how.secret).transpose();
    let credentials = if named {
        Some(Credentials {
            client_secret: read(&entry.client_secret_file)?,
            private_key_pem: read(&entry.private_key_file)?,
            kid: entry.kid.clone(),
        })
    } else {
        None
    };
    let known = match operators::show(desk, &entry.alias).await {
        Ok(operator) => Some(operator),
        Err(Refused::NotFound { .. }) => None,
        Err(refused) => return Err(refused),
    };
    let name = entry.name.clone().unwrap_or_else(|| entry.alias.clone());
    match known {
        Some(known) => {
            let kept_by = known.managed_by.as_ref();
            check_owner("operator", &entry.alias, kept_by, owner, how.take_over)?;
            let after = operators::Editable {
                name,
                mode: entry.mode,
                settings,
                credentials,
                managed_by: Some(owner.to_owned()),
            };
            change_operator(desk, entry, &known, after, how.dry_run).await
        }
        None => {
            let says = serde_json::to_value(entry).expect("entries serialise");
            let change = Change::new("create", "operator", &entry.alias, json!({ "after": says }));
            let new = NewOperator {
                alias: entry.alias.clone(),
                name,
                mode: entry.mode,
                settings,
                credentials: credentials.unwrap_or_default(),
            };
            operators::check(&new)?;
            if !how.dry_run {
                operators::add_kept(desk, new, Some(owner.to_owned())).await?;
                operators::set_disabled(desk, &entry.alias, entry.paused).await?;
            }
            Ok(Some(change))
        }
    }
}

async fn change_operator(
    desk: &Desk,
    entry: &OperatorEntry,
    known: &Operator,
    mut after: operators::Editable,
    dry_run: bool,
) -> Result<Option<Change>, Refused> {
    let stored = known.credentials(&desk.vault);
    let same = |given: &Credentials| {
        let text = |secret: &Option<Redacted>| secret.as_ref().map(|s| s.reveal().to_owned());
        stored.as_ref().is_ok_and(|stored| {
            text(&stored.client_secret) == text(&given.client_secret)
                && text(&stored.private_key_pem) == text(&given.private_key_pem)
                && stored.kid == given.kid
        })
    };
    // Sealing what is sealed already would be a new revision every time. Another server is told nothing
    // that was not given for it.
    let elsewhere = operators::is_sent_elsewhere(&known.settings, &after.settings);
    after.credentials = after.credentials.filter(|given| elsewhere || !same(given));
    let before = operators::Editable::of(known);
    let mut changes = change::between(&before, &after);
    if after.credentials.is_some() {
        changes["credentials"] = json!("replaced");
    }
    let edited = !change::is_none(&changes);
    let (was, is) = (known.disabled_at.is_some(), entry.paused);
    if was != is {
        changes["paused"] = json!({ "before": was, "after": is });
    }
    if change::is_none(&changes) {
        return Ok(None);
    }
    operators::check_edit(desk, known, &after)?;
    if !dry_run {
        if edited {
            let edit = |fields: &mut operators::Editable| *fields = after;
            operators::update(desk, &known.alias, Some(known.revision), edit).await?;
        }
        operators::set_disabled(desk, &known.alias, is).await?;
    }
    Ok(Some(Change::new(
        "update",
        "operator",
        &entry.alias,
        changes,
    )))
}

async fn prune(desk: &Desk, file: &File, dry_run: bool) -> Result<Vec<Change>, Refused> {
    let mut ended = Vec::new();
    let is_kept = |kept_by: &Option<String>| kept_by.as_ref() == Some(&file.owner);
    for client in clients::list(desk).await? {
        let named = |entry: &ClientEntry| entry.client_id == client.client_id;
        if !is_kept(&client.managed_by) || file.clients.iter().any(named) {
            continue;
        }
        if !dry_run {
            clients::remove(desk, &client.client_id, Some(client.revision)).await?;
        }
        ended.push(Change::new("end", "client", &client.client_id, json!({})));
    }
    for operator in operators::list(desk).await? {
        let named = |entry: &OperatorEntry| entry.alias == operator.alias;
        if !is_kept(&operator.managed_by) || file.operators.iter().any(named) {
            continue;
        }
        if !dry_run {
            let free = |fields: &mut operators::Editable| fields.managed_by = None;
            operators::update(desk, &operator.alias, Some(operator.revision), free).await?;
            operators::set_disabled(desk, &operator.alias, true).await?;
        }
        ended.push(Change::new("end", "operator", &operator.alias, json!({})));
    }
    ended.extend(finder::prune(desk, file, dry_run).await?);
    ended.extend(networks::prune(desk, file, dry_run).await?);
    Ok(ended)
}

/// The file that says everything as it is: all there is, or what one owner keeps.
///
/// # Errors
/// [`Refused::Invalid`] if an operator's credentials do not open.
pub async fn export(desk: &Desk, owner: &str, only_own: bool) -> Result<File, Refused> {
    let wanted = |kept_by: &Option<String>| !only_own || kept_by.as_deref() == Some(owner);
    let mut apps = Vec::new();
    for client in clients::list(desk).await? {
        if client.ended_at.is_none() && wanted(&client.managed_by) {
            let logo = logos::export(desk, &client).await?;
            apps.push(ClientEntry::of(&client, logo));
        }
    }
    let mut entries = Vec::new();
    for operator in operators::list(desk).await? {
        if !wanted(&operator.managed_by) {
            continue;
        }
        let credentials = operator.credentials(&desk.vault).map_err(|_| {
            let message = format!(
                "those of {} do not open with the root keys given",
                operator.alias
            );
            Refused::invalid("credentials", message)
        })?;
        let ranges = networks::export_ranges(desk, &operator.alias).await?;
        entries.push(OperatorEntry::of(&operator, &credentials, ranges));
    }
    Ok(File {
        owner: owner.to_owned(),
        clients: apps,
        operators: entries,
        telco_finder: finder::export(desk, &wanted).await?,
        networks: networks::export(desk, &wanted).await?,
    })
}
