//! `/admin/clients`: a page of clients, searched.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::console::clients::kind_words;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::client_pages::{self, Listed};
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Clients on a page.
const ON_A_PAGE: usize = 50;
/// Longest text searched for, characters.
const LONGEST: usize = 100;

struct Row {
    client: Listed,
    kind: &'static str,
}

#[derive(Template)]
#[template(path = "console/clients.html")]
struct Page {
    frame: Frame,
    search: String,
    rows: Vec<Row>,
    /// The query of the next page.
    next: Option<String>,
    is_first: bool,
}

/// Shows it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let search: String = visit
        .query
        .get("q")
        .unwrap_or_default()
        .trim()
        .chars()
        .take(LONGEST)
        .collect();
    let after = visit.query.get("after").unwrap_or_default();
    let limit = i64::try_from(ON_A_PAGE + 1).unwrap_or(i64::MAX);
    let mut clients = client_pages::page(visit.app.db.relaxed(), &search, after, limit).await?;
    let more = clients.len() > ON_A_PAGE;
    clients.truncate(ON_A_PAGE);
    let next = clients.last().filter(|_| more).map(|last| {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &search)
            .append_pair("after", &last.client_id)
            .finish()
    });
    let page = Page {
        frame: visit.frame("Clients"),
        is_first: after.is_empty(),
        search,
        rows: clients
            .into_iter()
            .map(|client| Row {
                kind: kind_words(client.kind),
                client,
            })
            .collect(),
        next,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}
