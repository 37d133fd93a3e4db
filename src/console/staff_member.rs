//! `/admin/staff/{id}`: one member of staff: the role, where they are signed in, their passkeys.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::{Refused, staff as accounts, staff_passkeys, staff_sessions};
use crate::console::account::named as named_session;
use crate::console::frame::{Frame, role_word};
use crate::console::passkeys::named as named_passkey;
use crate::console::rule::to;
use crate::console::staff::{ROLES, state_of};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::staff::{Role, Staff};
use crate::store::staff_passkeys::Shown;
use crate::store::staff_sessions::Seen;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/staff_member.html")]
struct Page {
    frame: Frame,
    account: Staff,
    role: &'static str,
    state: &'static str,
    is_self: bool,
    roles: Vec<(&'static str, &'static str)>,
    sessions: Vec<Seen>,
    this: Uuid,
    passkeys: Vec<Shown>,
    refused: Option<String>,
}

/// Shows them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None).await
}

/// Gives them another role.
pub async fn set_role(visit: Visit) -> Result<Response, Trouble> {
    let account = member(&visit).await?;
    let given = visit.field("role");
    let known = ROLES.iter().find(|(role, _)| role_word(*role) == given);
    let Some((role, _)) = known else {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return page(&visit, status, Some("Choose a role.".to_owned())).await;
    };
    match accounts::set_role(&visit.desk(), &account.email, *role, None).await {
        Ok(()) => Ok(to(&home(&account), "role")),
        Err(refused @ Refused::Invalid { .. }) => {
            page(&visit, StatusCode::CONFLICT, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Signs them out: of one session, or of all.
pub async fn end_sessions(visit: Visit) -> Result<Response, Trouble> {
    let account = member(&visit).await?;
    let who = (account.id, account.email.as_str());
    if visit.field("session") == "all" {
        staff_sessions::end_all(&visit.desk(), who, None).await?;
    } else {
        staff_sessions::end(&visit.desk(), who, named_session(&visit)?).await?;
    }
    Ok(to(&home(&account), "ended"))
}

/// Removes one of their passkeys.
pub async fn remove_passkey(visit: Visit) -> Result<Response, Trouble> {
    let account = member(&visit).await?;
    let (who, id) = ((account.id, account.email.as_str()), named_passkey(&visit)?);
    staff_passkeys::remove(&visit.desk(), who, id).await?;
    Ok(to(&home(&account), "passkey_removed"))
}

/// Calls one of their passkeys something else.
pub async fn rename_passkey(visit: Visit) -> Result<Response, Trouble> {
    let account = member(&visit).await?;
    let (who, id) = ((account.id, account.email.as_str()), named_passkey(&visit)?);
    match staff_passkeys::rename(&visit.desk(), who, id, visit.field("called"), None).await {
        Ok(()) => Ok(to(&home(&account), "passkey_renamed")),
        Err(refused @ Refused::Invalid { .. }) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            page(&visit, status, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

fn home(account: &Staff) -> String {
    format!("/admin/staff/{}", account.id)
}

async fn member(visit: &Visit) -> Result<Staff, Refused> {
    let given = visit.path("id");
    let all = accounts::list(&visit.desk()).await?;
    let found = all
        .into_iter()
        .find(|account| account.id.to_string() == given);
    found.ok_or_else(|| Refused::NotFound {
        what: "member of staff",
        id: given.chars().take(40).collect(),
    })
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let account = member(visit).await?;
    let desk = visit.desk();
    let page = Page {
        frame: visit.frame(&account.email),
        role: role_word(account.role),
        state: state_of(&account),
        is_self: account.id == visit.staff().staff,
        roles: ROLES
            .into_iter()
            .map(|(role, says)| (role_word(role), says))
            .collect(),
        sessions: staff_sessions::list(&desk, account.id).await?,
        this: visit.staff().session,
        passkeys: staff_passkeys::list(&desk, account.id).await?,
        account,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
