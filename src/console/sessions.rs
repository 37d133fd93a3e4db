//! `/admin/sessions`: people's sessions, everybody's or those of a number or an app, and ending them. The
//! number travels in a form's body, from page to page too: an address would be kept in histories.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::Refused;
use crate::admin::page::Wanted;
use crate::admin::sessions::{self, Whose};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::phone::PhoneNumber;
use crate::store::sessions::Seen;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Sessions on a page.
const ON_A_PAGE: u16 = 50;

struct Row {
    id: Uuid,
    number: String,
    operator: String,
    clients: String,
    opened_at: Time,
    ends_at: Time,
}

/// A page of what was found.
struct Found {
    rows: Vec<Row>,
    is_first: bool,
    /// The cursor of the next page.
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "console/sessions.html")]
struct Page {
    frame: Frame,
    number: String,
    client_id: String,
    found: Option<Found>,
    refused: Option<String>,
}

impl Page {
    /// Whether it shows those of one number or app, not everybody's.
    fn is_searched(&self) -> bool {
        !(self.number.is_empty() && self.client_id.is_empty())
    }
}

/// A page of everybody's, newest first.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let after = visit.query.get("after").map(str::to_owned);
    let found = read(&visit, &Whose::Everyone, after).await?;
    Ok(page(&visit, StatusCode::OK, Some(found), None))
}

/// A page of a number's or an app's.
pub async fn find(visit: Visit) -> Result<Response, Trouble> {
    let whose = match whose(&visit) {
        Ok(whose) => whose,
        Err(message) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(page(&visit, status, None, Some(message)));
        }
    };
    let after = Some(visit.field("after")).filter(|after| !after.is_empty());
    let found = read(&visit, &whose, after.map(str::to_owned)).await?;
    Ok(page(&visit, StatusCode::OK, Some(found), None))
}

/// Ends the one that the form names, or all of a number or an app.
pub async fn end(visit: Visit) -> Result<Response, Trouble> {
    let whose = match visit.form.get("session") {
        Some(id) => Whose::One(id.parse().map_err(|_| Refused::NotFound {
            what: "session",
            id: id.chars().take(40).collect(),
        })?),
        None => whose(&visit).map_err(|message| Refused::Invalid {
            field: "number",
            message,
        })?,
    };
    let ended = sessions::end(&visit.desk(), &whose).await?;
    let done = if ended.is_empty() { "nobody" } else { "ended" };
    Ok(to("/admin/sessions", done))
}

fn whose(visit: &Visit) -> Result<Whose, String> {
    let (number, client_id) = (
        visit.field("number").trim(),
        visit.field("client_id").trim(),
    );
    match (number, client_id) {
        ("", "") => Err("Write a number or a client ID.".to_owned()),
        ("", client_id) => Ok(Whose::Client(client_id.to_owned())),
        (number, "") => PhoneNumber::parse(number, None)
            .map(Whose::Number)
            .map_err(|_| "This is no phone number. Write it with its country code, for example +44 7700 900123.".to_owned()),
        _ => Err("Write one of the two.".to_owned()),
    }
}

async fn read(visit: &Visit, whose: &Whose, after: Option<String>) -> Result<Found, Refused> {
    let wanted = Wanted {
        after,
        limit: ON_A_PAGE,
        ..Wanted::default()
    };
    let listed = sessions::page(&visit.desk(), whose, &wanted).await?;
    let row = |(session, number): (Seen, Option<String>)| Row {
        id: session.id,
        number: number.unwrap_or_else(|| "unreadable".to_owned()),
        operator: session.verdict["operator"]
            .as_str()
            .unwrap_or("–")
            .to_owned(),
        clients: session.clients.join(", "),
        opened_at: session.opened_at,
        ends_at: session.idle_expires_at.min(session.expires_at),
    };
    Ok(Found {
        rows: listed.items.into_iter().map(row).collect(),
        is_first: wanted.after.is_none(),
        next: listed.next,
    })
}

fn page(
    visit: &Visit,
    status: StatusCode,
    found: Option<Found>,
    refused: Option<String>,
) -> Response {
    let page = Page {
        frame: visit.frame("Sessions"),
        number: visit.field("number").to_owned(),
        client_id: visit.field("client_id").to_owned(),
        found,
        refused,
    };
    render(status, PageClass::Console, &page)
}
