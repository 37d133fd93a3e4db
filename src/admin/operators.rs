//! Adding and changing operators.

mod checks;

use serde::Serialize;
use serde_json::json;
use sqlx::PgConnection;

use checks::{check_credentials, check_settings, endpoints};

use crate::admin::desk::{Act, commit};
use crate::admin::endpoint::{is_guarded, leads_elsewhere};
use crate::admin::page::{Page, Wanted};
use crate::admin::refused::{check_alias, check_name};
use crate::admin::{Desk, Refused, change};
use crate::secret::new_id;
use crate::store::db::StoreError;
use crate::store::operators::{self, Credentials, Mode, Operator, Settings};

/// What is known of a new operator.
#[derive(Clone, Debug)]
pub struct NewOperator {
    /// The slug in its callback path; never changed.
    pub alias: String,
    /// The name people see.
    pub name: String,
    /// Whether it vouches for real numbers.
    pub mode: Mode,
    /// Its contract.
    pub settings: Settings,
    /// What we prove ourselves to it with.
    pub credentials: Credentials,
}

/// What can be edited. Credentials that are not given stay.
#[derive(Clone, Debug, Serialize)]
pub struct Editable {
    /// The name people see.
    pub name: String,
    /// Whether it vouches for real numbers.
    pub mode: Mode,
    /// Its contract.
    pub settings: Settings,
    /// New credentials, instead of all earlier ones.
    #[serde(skip)]
    pub credentials: Option<Credentials>,
    /// Whose file it is kept as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
}

impl Editable {
    pub(super) fn of(operator: &Operator) -> Self {
        Self {
            name: operator.name.clone(),
            mode: operator.mode,
            settings: operator.settings.clone(),
            credentials: None,
            managed_by: operator.managed_by.clone(),
        }
    }
}

/// Adds an operator, its credentials sealed.
///
/// # Errors
/// [`Refused::Invalid`] naming the field, [`Refused::Taken`] if the alias is in use.
pub async fn add(desk: &Desk, new: NewOperator) -> Result<Operator, Refused> {
    add_kept(desk, new, None).await
}

/// Refuses what an operator cannot be.
pub(super) fn check(new: &NewOperator) -> Result<(), Refused> {
    check_alias("alias", &new.alias)?;
    check_name(&new.name)?;
    check_settings(&new.settings, new.mode)?;
    check_credentials(&new.settings, &new.credentials)
}

/// The same as [`add`], kept as somebody's file says.
pub(super) async fn add_kept(
    desk: &Desk,
    new: NewOperator,
    managed_by: Option<String>,
) -> Result<Operator, Refused> {
    check(&new)?;
    let id = new_id(desk.now);
    let operator = Operator {
        id,
        alias: new.alias,
        name: new.name,
        mode: new.mode,
        settings: new.settings,
        sealed_credentials: Some(new.credentials.seal(&desk.vault, &id)),
        managed_by,
        revision: 1,
        disabled_at: None,
        created_at: desk.now,
        updated_at: desk.now,
    };
    let mut tx = desk.begin().await?;
    operators::insert(&mut tx, &operator)
        .await
        .map_err(|error| {
            Refused::or_taken(error, "operators_alias_key", "alias", &operator.alias)
        })?;
    let act = Act {
        operation: "CREATE",
        resource: "operator",
        id: &operator.alias,
        details: json!({
            "name": operator.name,
            "mode": operator.mode,
            "settings": operator.settings,
        }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    Ok(operator)
}

/// All operators, by alias.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk) -> Result<Vec<Operator>, Refused> {
    let mut tx = desk.begin().await?;
    Ok(operators::list(&mut tx).await?)
}

/// A page of operators, by alias. One statement.
///
/// # Errors
/// [`Refused::Invalid`] if there can be no such page.
pub async fn page(desk: &Desk, wanted: &Wanted) -> Result<Page<Operator>, Refused> {
    wanted.check()?;
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let (search, after) = (wanted.search.trim(), wanted.begin());
    let rows = operators::page(&mut db, search, after, wanted.rows()).await?;
    Ok(wanted.page(rows, |operator| operator.alias.clone()))
}

/// One operator.
///
/// # Errors
/// [`Refused::NotFound`].
pub async fn show(desk: &Desk, alias: &str) -> Result<Operator, Refused> {
    let mut tx = desk.begin().await?;
    find(&mut tx, alias).await
}

/// Stops asking an operator, or asks it again. Does nothing if it is so already.
///
/// # Errors
/// [`Refused::NotFound`], [`Refused::Stale`].
pub async fn set_disabled(desk: &Desk, alias: &str, disabled: bool) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let mut operator = find(&mut tx, alias).await?;
    if operator.disabled_at.is_some() == disabled {
        return Ok(());
    }
    operator.disabled_at = disabled.then_some(desk.now);
    operators::update(&mut tx, &operator, desk.now).await?;
    let act = Act {
        operation: "ACTION",
        resource: "operator",
        id: alias,
        details: json!({ "action": if disabled { "disable" } else { "enable" } }),
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

/// Changes what can be edited and returns the operator as it is then. `seen` is the revision the
/// editor looked at, if it looked.
///
/// # Errors
/// [`Refused::Invalid`], [`Refused::NotFound`], or [`Refused::Stale`] if the revision is another.
pub async fn update(
    desk: &Desk,
    alias: &str,
    seen: Option<i32>,
    edit: impl FnOnce(&mut Editable),
) -> Result<Operator, Refused> {
    let mut tx = desk.begin().await?;
    let mut operator = find(&mut tx, alias).await?;
    if seen.is_some_and(|seen| seen != operator.revision) {
        return Err(Refused::Stale);
    }
    let before = Editable::of(&operator);
    let mut after = before.clone();
    edit(&mut after);
    let mut changes = change::between(&before, &after);
    if after.credentials.is_some() {
        changes["credentials"] = json!("replaced");
    }
    if change::is_none(&changes) {
        return Ok(operator);
    }
    let credentials = check_edit(desk, &operator, &after)?;
    operator.name = after.name;
    operator.mode = after.mode;
    operator.settings = after.settings;
    operator.managed_by = after.managed_by;
    if after.credentials.is_some() {
        operator.sealed_credentials = Some(credentials.seal(&desk.vault, &operator.id));
    }
    operators::update(&mut tx, &operator, desk.now).await?;
    let act = Act {
        operation: "UPDATE",
        resource: "operator",
        id: alias,
        details: changes,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await?;
    operator.revision += 1;
    operator.updated_at = desk.now;
    Ok(operator)
}

/// Refuses what an operator cannot become; the credentials it will have.
pub(super) fn check_edit(
    desk: &Desk,
    known: &Operator,
    after: &Editable,
) -> Result<Credentials, Refused> {
    check_name(&after.name)?;
    check_settings(&after.settings, after.mode)?;
    let credentials = match &after.credentials {
        Some(new) => new.clone(),
        None => stored_credentials(desk, known, &after.settings)?,
    };
    check_credentials(&after.settings, &credentials)?;
    Ok(credentials)
}

/// Those that are sealed already, if they stay with the servers they were given for.
fn stored_credentials(
    desk: &Desk,
    known: &Operator,
    after: &Settings,
) -> Result<Credentials, Refused> {
    let stored = known.credentials(&desk.vault).map_err(|_| {
        let message = "the stored ones do not open with the root keys given; give them anew";
        Refused::invalid("credentials", message)
    })?;
    let field = match &stored {
        _ if !is_sent_elsewhere(&known.settings, after) => return Ok(stored),
        Credentials {
            client_secret: Some(_),
            ..
        } => "client_secret",
        Credentials {
            private_key_pem: Some(_),
            ..
        } => "private_key_pem",
        _ => return Ok(stored),
    };
    let message = "give it again: an endpoint is on another server now, and the stored one is not sent \
                   there";
    Err(Refused::invalid(field, message))
}

/// Where we prove who we are.
fn provers(of: &Settings) -> [Option<&str>; 4] {
    [
        of.issuer.as_deref(),
        of.token_endpoint.as_deref(),
        of.checks.backchannel_endpoint.as_deref(),
        of.enablement_endpoint.as_deref(),
    ]
}

/// Whether credentials would be sent to another server than before.
pub(super) fn is_sent_elsewhere(before: &Settings, after: &Settings) -> bool {
    leads_elsewhere(provers(before), provers(after))
}

/// The endpoints of an operator that anybody on the way could answer for: not https and not on
/// this machine.
#[must_use]
pub fn unguarded_endpoints(settings: &Settings) -> Vec<&str> {
    endpoints(settings)
        .into_iter()
        .map(|(_, url)| url)
        .filter(|url| !is_guarded(url))
        .collect()
}

async fn find(db: &mut PgConnection, alias: &str) -> Result<Operator, Refused> {
    operators::find(db, alias)
        .await?
        .ok_or_else(|| Refused::not_found("operator", alias))
}
