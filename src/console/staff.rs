//! `/admin/staff`: who may come in, inviting them, locking them out.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::Refused;
use crate::admin::staff::{self as accounts, SetupLink};
use crate::clock::Time;
use crate::console::frame::{Frame, role_word};
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::staff::{Role, Staff};
use crate::web::headers::PageClass;
use crate::web::page::render;

/// The roles, with what they are for.
pub const ROLES: [(Role, &str); 4] = [
    (Role::Admin, "clients, operators, sessions"),
    (Role::Auditor, "reads everything, changes nothing"),
    (Role::Support, "sees how sign-ins go"),
    (Role::Owner, "everything, and who comes in"),
];

struct Account {
    id: Uuid,
    email: String,
    role: &'static str,
    state: &'static str,
    created_at: Time,
    is_disabled: bool,
    is_self: bool,
}

#[derive(Template)]
#[template(path = "console/staff.html")]
struct Page {
    frame: Frame,
    accounts: Vec<Account>,
    roles: Vec<(&'static str, &'static str)>,
    email: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/setup_link.html")]
struct LinkPage {
    frame: Frame,
    email: String,
    url: String,
    minutes: u64,
}

/// Lists them.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None).await
}

/// Makes an account and shows its link, once.
pub async fn invite(visit: Visit) -> Result<Response, Trouble> {
    let given = visit.field("role");
    let role = ROLES.iter().find(|(role, _)| role_word(*role) == given);
    let Some((role, _)) = role else {
        let message = "Choose a role.".to_owned();
        return page(&visit, StatusCode::UNPROCESSABLE_ENTITY, Some(message)).await;
    };
    let email = visit.field("email").trim();
    match accounts::create(&visit.desk(), email, *role).await {
        Ok(link) => Ok(show_link(&visit, email, &link)),
        Err(refused @ (Refused::Invalid { .. } | Refused::Taken { .. })) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            page(&visit, status, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Makes a new link for an account that lost its password or its phone.
pub async fn link(visit: Visit) -> Result<Response, Trouble> {
    let email = visit.field("email");
    let link = accounts::setup_link(&visit.desk(), Some(email)).await?;
    Ok(show_link(&visit, email, &link))
}

/// Locks an account out.
pub async fn disable(visit: Visit) -> Result<Response, Trouble> {
    match accounts::disable(&visit.desk(), visit.field("email")).await {
        Ok(()) => Ok(to("/admin/staff", "locked")),
        Err(refused @ Refused::Invalid { .. }) => {
            page(&visit, StatusCode::CONFLICT, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Lets an account that was locked out in again.
pub async fn enable(visit: Visit) -> Result<Response, Trouble> {
    accounts::enable(&visit.desk(), visit.field("email")).await?;
    Ok(to("/admin/staff", "let_in"))
}

/// How an account stands, in words.
pub fn state_of(account: &Staff) -> &'static str {
    match (account.disabled_at, account.ready) {
        (Some(_), _) => "locked out",
        (None, false) => "has not set up yet",
        (None, true) => "active",
    }
}

fn show_link(visit: &Visit, email: &str, link: &SetupLink) -> Response {
    let page = LinkPage {
        frame: visit.frame("Send this link"),
        email: email.to_owned(),
        url: link.url(&visit.app.config.issuer),
        minutes: accounts::SETUP_LINK_LIFE.as_secs() / 60,
    };
    render(StatusCode::OK, PageClass::Console, &page)
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let own = &visit.staff().email;
    let account = |account: Staff| Account {
        role: role_word(account.role),
        state: state_of(&account),
        is_disabled: account.disabled_at.is_some(),
        is_self: account.email == *own,
        id: account.id,
        created_at: account.created_at,
        email: account.email,
    };
    let all = accounts::list(&visit.desk()).await?;
    let page = Page {
        frame: visit.frame("Staff"),
        accounts: all.into_iter().map(account).collect(),
        roles: ROLES
            .into_iter()
            .map(|(role, says)| (role_word(role), says))
            .collect(),
        email: visit.field("email").to_owned(),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
