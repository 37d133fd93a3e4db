//! `/admin/registration`: initial access tokens, with which apps register themselves (RFC 7591).

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::Refused;
use crate::admin::client_registration::{create_token, revoke_token, tokens};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::client_registrations::InitialAccessToken;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// How long one may work, days.
const LIFETIMES: [u64; 4] = [1, 7, 30, 90];

#[derive(Template)]
#[template(path = "console/registration.html")]
struct Page {
    frame: Frame,
    enabled: bool,
    tokens: Vec<InitialAccessToken>,
    /// One that was made just now: shown now or never.
    made: Option<String>,
    lifetimes: [u64; 4],
    /// Of them the chosen one.
    days: u64,
    note: String,
    uses: String,
    refused: Option<String>,
}

/// Lists them.
pub async fn list(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None, None).await
}

/// Makes one and shows it, once.
pub async fn create(visit: Visit) -> Result<Response, Trouble> {
    let days = lifetime(&visit);
    // What is no number is as wrong as zero.
    let uses = visit.field("uses").trim().parse().unwrap_or(0);
    let lifetime = Duration::from_secs(days * 86_400);
    match create_token(&visit.desk(), visit.field("note").trim(), uses, lifetime).await {
        Ok((token, _)) => page(&visit, StatusCode::OK, Some(token.reveal()), None).await,
        Err(refused @ Refused::Invalid { .. }) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            page(&visit, status, None, Some(refused.to_string())).await
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Ends one.
pub async fn revoke(visit: Visit) -> Result<Response, Trouble> {
    let given = visit.field("token");
    let id = Uuid::parse_str(given).map_err(|_| Refused::NotFound {
        what: "token",
        id: given.chars().take(40).collect(),
    })?;
    revoke_token(&visit.desk(), id).await?;
    Ok(to("/admin/registration", "token_ended"))
}

fn lifetime(visit: &Visit) -> u64 {
    let given = visit.field("days");
    let chosen = LIFETIMES.into_iter().find(|days| days.to_string() == given);
    chosen.unwrap_or(LIFETIMES[0])
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    made: Option<String>,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let keeps = |name: &str| match refused {
        Some(_) => visit.field(name).to_owned(),
        None => String::new(),
    };
    let page = Page {
        frame: visit.frame("Apps that register themselves"),
        enabled: visit.app.config.registration.enabled,
        tokens: tokens(&visit.desk()).await?,
        made,
        lifetimes: LIFETIMES,
        days: lifetime(visit),
        note: keeps("note"),
        uses: keeps("uses"),
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
