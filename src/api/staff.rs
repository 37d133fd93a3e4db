//! `/staff`: admins and auditors.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::moment::Moment;
use crate::admin::staff::{self, SetupLink};
use crate::api::answers::Made;
use crate::api::body::{Body, Name};
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
    /// Set: may not sign in.
    #[schemars(with = "Option<Moment>")]
    disabled_at: Option<Time>,
    /// When it was made.
    #[schemars(with = "Moment")]
    created_at: Time,
}

impl From<Staff> for Account {
    fn from(row: Staff) -> Self {
        Self {
            email: row.email,
            role: row.role,
            ready: row.ready,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
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

/// Locks an account out.
#[utoipa::path(post, path = "/staff/{email}/disable", operation_id = "disable_staff", tag = "staff",
    params(("email" = String, Path, description = "Its address.")),
    responses((status = 200, description = "The account as it is now.", body = schemas::Account)))]
pub async fn disable(caller: Caller, Name(email): Name) -> Result<Json<Account>, No> {
    staff::disable(&caller.desk, &email).await?;
    Ok(Json(find(&caller, &email).await?.into()))
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
    check_role(&caller, find(&caller, &email).await?.role)?;
    let link = staff::setup_link(&caller.desk, Some(&email)).await?;
    Ok(shown(&app, &link).answer())
}

async fn find(caller: &Caller, email: &str) -> Result<Staff, No> {
    let accounts = staff::list(&caller.desk).await?;
    let wanted = email.to_lowercase();
    let found = accounts
        .into_iter()
        .find(|a| a.email.to_lowercase() == wanted);
    found.ok_or_else(|| {
        let why = format!("there is no staff account {email}");
        No::new(http::StatusCode::NOT_FOUND, "not_found", why)
    })
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
