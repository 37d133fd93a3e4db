//! A client's secrets: a new one while the old one works on, and ending one at once.

use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::client_secrets::{self, DEFAULT_GRACE};
use crate::admin::client_snippets::environment;
use crate::admin::clients;
use crate::clock::Time;
use crate::console::clients::page_of;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::clients::Client;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/client_secret.html")]
struct Page {
    frame: Frame,
    client: Client,
    secret: String,
    earlier_ends: Option<Time>,
    environment: String,
}

/// Makes a new secret and shows it, now or never.
pub async fn rotate(visit: Visit) -> Result<Response, Trouble> {
    let hours = visit.field("grace_hours").parse::<u64>().ok();
    let grace = hours.map_or(DEFAULT_GRACE, |hours| {
        Duration::from_secs(hours.min(10_000) * 3600)
    });
    let client_id = visit.path("client_id");
    let desk = visit.desk();
    let rotated = client_secrets::rotate(&desk, client_id, grace, None).await?;
    visit.app.forget("clients").await;
    let client = clients::show(&desk, client_id).await?;
    let secret = rotated.secret.reveal();
    let issuer = visit.app.config.issuer.as_str();
    let page = Page {
        frame: visit.frame("The new secret"),
        environment: environment(issuer, &client, Some(&secret)),
        earlier_ends: (rotated.earlier_ends > visit.now).then_some(rotated.earlier_ends),
        client,
        secret,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Ends a secret at once.
pub async fn revoke(visit: Visit) -> Result<Response, Trouble> {
    let client_id = visit.path("client_id");
    client_secrets::revoke(&visit.desk(), client_id, visit.field("secret")).await?;
    visit.app.forget("clients").await;
    Ok(to(&page_of(client_id), "revoked"))
}
