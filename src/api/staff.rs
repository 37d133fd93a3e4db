//! `/staff`: admins and auditors.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::moment::Moment;
use crate::admin::scopes::Scope;
use crate::admin::staff::{self, SetupLink};
use crate::admin::unmask_rights;
use crate::api::answers::Made;
use crate::api::body::{Body, Name};
use crate::api::conditions::{Seen, tagged};
use crate::api::guard::Caller;
use crate::api::lists::All;
use crate::api::once::{Key, once};
use crate::api::problem::No;
use crate::api::schemas;
use crate::clock::Time;
use crate::store::staff::{Role, Staff};
use crate::web::app::App;

/// An account.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Account {
    /// The address it signs in with.
    email: String,
    /// What it may do.
    role: Role,
    /// Whether it has a password yet.
    ready: bool,
    /// Whether it may see numbers and addresses of records in full.
    may_unmask: bool,
    /// Set: may not sign in.
    #[schemars(with = "Option<Moment>")]
    disabled_at: Option<Time>,
    /// When it was made.
    #[schemars(with = "Moment")]
    created_at: Time,
    /// Counts changes of what it may do; its ETag.
    revision: i32,
}

impl From<Staff> for Account {
    fn from(row: Staff) -> Self {
        Self {
            email: row.email,
            may_unmask: row.role == Role::Owner || (row.role == Role::Auditor && row.may_unmask),
            role: row.role,
            ready: row.ready,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
            revision: row.revision,
        }
    }
}

/// An account to make.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The address it signs in with.
    #[schemars(length(min = 3, max = 254))]
    email: String,
    /// What it may do.
    role: Role,
}

/// What an account may do from now on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// The role.
    role: Role,
}

/// Whether an auditor sees what is personal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmaskRight {
    /// Whether it may.
    may: bool,
}

/// A link that sets an account's password, once.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SetupLinkMade {
    /// Whose; null: it makes the first owner.
    email: Option<String>,
    /// The link: in this answer and never again.
    setup_url: String,
    /// When it ends.
    #[schemars(with = "Moment")]
    expires_at: Time,
}

fn shown(app: &App, link: &SetupLink) -> Made {
    Made::new(&SetupLinkMade {
        email: link.email.clone(),
        setup_url: link.url(&app.config.issuer),
        expires_at: link.expires_at,
    })
}

/// Lists the accounts.
#[utoipa::path(get, path = "/staff", operation_id = "list_staff", tag = "staff",
    responses((status = 200, description = "All of them.", body = schemas::AccountList)))]
pub async fn list(caller: Caller) -> Result<Json<All<Account>>, No> {
    let accounts = staff::list(&caller.desk).await?;
    let items = accounts.into_iter().map(Account::from).collect();
    Ok(Json(All { items }))
}

/// Makes an account and the link by which its owner sets a password.
#[utoipa::path(post, path = "/staff", operation_id = "create_staff", tag = "staff",
    request_body = schemas::NewAccount,
    responses((status = 201, description = "Its link.", body = schemas::SetupLinkMade)))]
pub async fn create(
    State(app): State<App>,
    caller: Caller,
    key: Key,
    body: Body<NewAccount>,
) -> Result<Response, No> {
    let Body { value, hash } = body;
    check_role(&caller, value.role)?;
    let work = async {
        let link = staff::create(&caller.desk, &value.email, value.role).await?;
        Ok(shown(&app, &link))
    };
    once(&app, &caller, key, hash, work).await
}

/// Shows one account.
#[utoipa::path(get, path = "/staff/{email}", operation_id = "show_staff", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    responses((status = 200, description = "The account.", body = schemas::Account,
        headers(("ETag" = String, description = "Its state, for If-Match.")))))]
pub async fn show(caller: Caller, Name(email): Name) -> Result<Response, No> {
    account(&caller, &email).await
}

async fn account(caller: &Caller, email: &str) -> Result<Response, No> {
    let row = staff::show(&caller.desk, email).await?;
    Ok(tagged(row.revision, Json(Account::from(row))))
}

/// Gives an account another role. Its sessions end.
#[utoipa::path(put, path = "/staff/{email}/role", operation_id = "set_staff_role", tag = "staff",
    params(("email" = String, Path, description = "Its address."), schemas::IfMatch),
    request_body = schemas::NewRole,
    responses((status = 200, description = "The account as it is now.", body = schemas::Account,
        headers(("ETag" = String, description = "Its new state.")))))]
pub async fn set_role(
    caller: Caller,
    Name(email): Name,
    Seen(seen): Seen,
    Body { value, .. }: Body<NewRole>,
) -> Result<Response, No> {
    check_role(&caller, value.role)?;
    staff::set_role(&caller.desk, &email, value.role, seen).await?;
    account(&caller, &email).await
}

/// Gives an auditor the right to see numbers and addresses of records in full, or takes it.
#[utoipa::path(put, path = "/staff/{email}/unmask", operation_id = "set_unmask_right", tag = "staff",
    params(("email" = String, Path, description = "Its address."), schemas::IfMatch),
    request_body = schemas::UnmaskRight,
    responses((status = 200, description = "The account as it is now.", body = schemas::Account,
        headers(("ETag" = String, description = "Its new state.")))))]
pub async fn set_unmask(
    caller: Caller,
    Name(email): Name,
    seen: Seen,
    Body { value, .. }: Body<UnmaskRight>,
) -> Result<Response, No> {
    // A right that is not one's own is not given away.
    if value.may && !caller.token.may(Scope::AuditUnmask) {
        let no = No::invalid("may", "would allow audit:unmask, which you may not do");
        return Err(no.fix("Use a token that may do it."));
    }
    let before = staff::show(&caller.desk, &email).await?;
    seen.check(before.revision)?;
    if before.role != Role::Auditor || before.may_unmask != value.may {
        unmask_rights::set(&caller.desk, &email, value.may, seen.0).await?;
    }
    account(&caller, &email).await
}

/// Lets an account that was locked out sign in again.
#[utoipa::path(post, path = "/staff/{email}/enable", operation_id = "enable_staff", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    responses((status = 200, description = "The account as it is now.", body = schemas::Account)))]
pub async fn enable(caller: Caller, Name(email): Name) -> Result<Json<Account>, No> {
    // Whoever comes back may do what the account may.
    check_account(&caller, &staff::show(&caller.desk, &email).await?)?;
    staff::enable(&caller.desk, &email).await?;
    Ok(Json(staff::show(&caller.desk, &email).await?.into()))
}

/// Locks an account out.
#[utoipa::path(post, path = "/staff/{email}/disable", operation_id = "disable_staff", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    responses((status = 200, description = "The account as it is now.", body = schemas::Account)))]
pub async fn disable(caller: Caller, Name(email): Name) -> Result<Json<Account>, No> {
    staff::disable(&caller.desk, &email).await?;
    Ok(Json(staff::show(&caller.desk, &email).await?.into()))
}

/// Makes a link that sets an account's password, once, within an hour.
#[utoipa::path(post, path = "/staff/{email}/setup-link", operation_id = "make_setup_link", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    responses((status = 201, description = "The link.", body = schemas::SetupLinkMade)))]
pub async fn setup_link(
    State(app): State<App>,
    caller: Caller,
    Name(email): Name,
) -> Result<Response, No> {
    // Whoever sets the password is the account.
    check_account(&caller, &staff::show(&caller.desk, &email).await?)?;
    let link = staff::setup_link(&caller.desk, Some(&email)).await?;
    Ok(shown(&app, &link).answer())
}

/// A token must not make itself somebody who may do more: neither by the role nor by a right of one person.
fn check_account(caller: &Caller, account: &Staff) -> Result<(), No> {
    check_role(caller, account.role)?;
    let unmasks = account.role == Role::Auditor && account.may_unmask;
    if unmasks && !caller.token.may(Scope::AuditUnmask) {
        let no = No::invalid("email", "may unmask (audit:unmask), which you may not do");
        return Err(no.fix("Use a token that may do it, or take that right away first."));
    }
    Ok(())
}

/// A token with few scopes must not make itself a person with more.
fn check_role(caller: &Caller, role: Role) -> Result<(), No> {
    match caller.token.may_stand_for(role) {
        None => Ok(()),
        Some(scope) => {
            let why = format!("would allow {}, which you may not do", scope.as_str());
            Err(No::invalid("role", why).fix("Use a token that may do all that the role may."))
        }
    }
}
