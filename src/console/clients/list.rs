//! `/admin/clients`: a page of clients, searched.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::clients;
use crate::admin::page::Wanted;
use crate::console::clients::kind_words;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::clients::Client;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Clients on a page.
const ON_A_PAGE: u16 = 50;
/// Longest text searched for, characters.
const LONGEST: usize = 100;

struct Row {
    client: Client,
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
    let search = visit.query.get("q").unwrap_or_default().trim();
    let wanted = Wanted {
        search: search
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST)
            .collect(),
        after: visit.query.get("after").map(str::to_owned),
        limit: ON_A_PAGE,
    };
    let found = clients::page(&visit.desk(), &wanted).await?;
    let next = found.next.map(|next| {
        url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &wanted.search)
            .append_pair("after", &next)
            .finish()
    });
    let page = Page {
        frame: visit.frame("Clients"),
        is_first: wanted.after.is_none(),
        search: wanted.search,
        rows: found
            .items
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
