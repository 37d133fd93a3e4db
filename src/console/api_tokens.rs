//! `/admin/api-tokens`: tokens with which programs use the admin API: made here, shown once, ended at any
//! time.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::Refused;
use crate::admin::api_tokens::{self, ApiToken, NewToken};
use crate::admin::page::Wanted;
use crate::admin::scopes::Scope;
use crate::console::frame::{Frame, role_word};
use crate::console::rule::to;
use crate::console::staff::ROLES;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Tokens on a page.
const ON_A_PAGE: u16 = 50;
/// How long one may work, days.
const LIFETIMES: [u64; 4] = [7, 30, 90, 365];
/// Unless chosen otherwise.
const USUAL: u64 = 90;

struct Row {
    token: ApiToken,
    role: &'static str,
    state: &'static str,
    works: bool,
}

#[derive(Template)]
#[template(path = "console/api_tokens.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    /// Where the next page begins.
    next: Option<String>,
    is_first: bool,
    name: String,
    roles: Vec<(&'static str, &'static str)>,
    role: String,
    all: bool,
    scopes: Vec<(&'static str, bool)>,
    lifetimes: [u64; 4],
    /// Of them the chosen one.
    days: u64,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/api_token_made.html")]
struct Made {
    frame: Frame,
    token: ApiToken,
    role: &'static str,
    text: String,
    example: String,
}

/// Lists them.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None).await
}

/// Makes one and shows it, once.
pub async fn create(visit: Visit) -> Result<Response, Trouble> {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let given = visit.field("role");
    let Some((role, _)) = ROLES.iter().find(|(role, _)| role_word(*role) == given) else {
        return page(&visit, unprocessable, Some("Choose a role.".to_owned())).await;
    };
    let Some(days) = lifetime(&visit) else {
        return page(&visit, unprocessable, Some("Choose a time.".to_owned())).await;
    };
    let scopes = if visit.field("all") == "yes" {
        vec!["*".to_owned()]
    } else {
        let chosen = Scope::ALL
            .into_iter()
            .filter(|scope| is_chosen(&visit, *scope));
        chosen.map(|scope| scope.as_str().to_owned()).collect()
    };
    let new = NewToken {
        name: visit.field("name").trim().to_owned(),
        role: *role,
        scopes,
        lifetime: Duration::from_secs(days * 86_400),
    };
    match api_tokens::create(&visit.desk(), new, None).await {
        Ok((text, token)) => {
            let url = visit.app.config.issuer.url("/admin/api/v1/me");
            let made = Made {
                frame: visit.frame("The API token"),
                role: role_word(token.role),
                example: format!("curl -H 'Authorization: Bearer {text}' {url}"),
                token,
                text,
            };
            Ok(render(StatusCode::OK, PageClass::Console, &made))
        }
        Err(refused @ (Refused::Invalid { .. } | Refused::Taken { .. })) => {
            page(&visit, unprocessable, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Ends one at once.
pub async fn revoke(visit: Visit) -> Result<Response, Trouble> {
    api_tokens::revoke(&visit.desk(), visit.field("token")).await?;
    Ok(to("/admin/api-tokens", "token_ended"))
}

fn lifetime(visit: &Visit) -> Option<u64> {
    let given = visit.field("days");
    LIFETIMES.into_iter().find(|days| days.to_string() == given)
}

fn is_chosen(visit: &Visit, scope: Scope) -> bool {
    visit.field(scope.as_str()) == "yes"
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let wanted = Wanted {
        after: visit.query.get("after").map(str::to_owned),
        limit: ON_A_PAGE,
        ..Wanted::default()
    };
    let found = api_tokens::page(&visit.desk(), &wanted).await?;
    let row = |token: ApiToken| {
        let (state, works) = match token.revoked_at {
            Some(_) => ("ended early", false),
            None if token.expires_at <= visit.now => ("over", false),
            None => ("works", true),
        };
        Row {
            role: role_word(token.role),
            state,
            works,
            token,
        }
    };
    let page = Page {
        frame: visit.frame("API tokens"),
        is_first: wanted.after.is_none(),
        rows: found.items.into_iter().map(row).collect(),
        next: found.next,
        name: visit.field("name").to_owned(),
        roles: ROLES
            .into_iter()
            .map(|(role, says)| (role_word(role), says))
            .collect(),
        scopes: Scope::ALL
            .into_iter()
            .map(|scope| (scope.as_str(), is_chosen(visit, scope)))
            .collect(),
        role: visit.field("role").to_owned(),
        all: visit.field("all") == "yes",
        lifetimes: LIFETIMES,
        days: lifetime(visit).unwrap_or(USUAL),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
