//! `/admin/clients/{client_id}`: one client, its secrets, and the code to use it.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::client_snippets::{Snippet, environment, snippets};
use crate::admin::clients;
use crate::console::clients::{kind_words, named, page_of};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::clients::{Client, Secret};
use crate::web::headers::PageClass;
use crate::web::page::render;

struct SecretRow {
    secret: Secret,
    /// A later one exists and this one was used since: somebody still has it in use.
    still_used: bool,
}

#[derive(Template)]
#[template(path = "console/client.html")]
struct Page {
    frame: Frame,
    client: Client,
    kind: &'static str,
    issuer: String,
    secrets: Vec<SecretRow>,
}

#[derive(Template)]
#[template(path = "console/client_code.html")]
struct Code {
    frame: Frame,
    client: Client,
    environment: String,
    snippets: Vec<Snippet>,
}

/// Shows it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let client = named(&visit).await?;
    let newest = client.secrets.iter().map(|secret| secret.created_at).max();
    let live = client
        .secrets
        .iter()
        .filter(|secret| secret.expires_at.is_none_or(|end| end > visit.now))
        .map(|secret| SecretRow {
            still_used: newest.is_some_and(|newest| {
                newest > secret.created_at && secret.last_used_at.is_some_and(|used| used > newest)
            }),
            secret: secret.clone(),
        });
    let page = Page {
        frame: visit.frame(&client.name),
        kind: kind_words(client.kind),
        issuer: visit.app.config.issuer.as_str().to_owned(),
        secrets: live.collect(),
        client,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// The code to use it with.
pub async fn code(visit: Visit) -> Result<Response, Trouble> {
    let client = named(&visit).await?;
    let issuer = visit.app.config.issuer.as_str();
    let page = Code {
        frame: visit.frame("Code for this app"),
        environment: environment(issuer, &client, None),
        snippets: snippets(issuer, &client),
        client,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Refuses it everywhere, or no longer.
pub async fn set_enabled(visit: Visit) -> Result<Response, Trouble> {
    let disabled = visit.field("enabled") != "yes";
    let client_id = visit.path("client_id");
    clients::set_disabled(&visit.desk(), client_id, disabled).await?;
    visit.app.forget("clients").await;
    let done = if disabled { "disabled" } else { "enabled" };
    Ok(to(&page_of(client_id), done))
}
