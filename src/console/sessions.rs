//! `/admin/sessions`: finding people's sessions by number or app, and ending them. The number travels
//! in a form's body: an address would be kept in histories.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::Refused;
use crate::admin::page::Wanted;
use crate::admin::sessions::{self, Whose};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::phone::PhoneNumber;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// Sessions shown.
const MOST: u16 = 100;

struct Found {
    number: String,
    operator: String,
    clients: String,
    opened_at: Time,
    ends_at: Time,
}

#[derive(Template)]
#[template(path = "console/sessions.html")]
struct Page {
    frame: Frame,
    number: String,
    client_id: String,
    found: Option<Vec<Found>>,
    most: usize,
    refused: Option<String>,
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&visit, StatusCode::OK, None, None))
}

/// What it finds.
pub async fn find(visit: Visit) -> Result<Response, Trouble> {
    let whose = match whose(&visit) {
        Ok(whose) => whose,
        Err(message) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(page(&visit, status, None, Some(message)));
        }
    };
    let wanted = Wanted {
        limit: MOST,
        ..Wanted::default()
    };
    let listed = sessions::page(&visit.desk(), &whose, &wanted).await?;
    let found = listed.items.into_iter().map(|(session, number)| Found {
        number: number.unwrap_or_else(|| "unreadable".to_owned()),
        operator: session.verdict["operator"]
            .as_str()
            .unwrap_or("–")
            .to_owned(),
        clients: session.clients.join(", "),
        opened_at: session.opened_at,
        ends_at: session.idle_expires_at.min(session.expires_at),
    });
    Ok(page(&visit, StatusCode::OK, Some(found.collect()), None))
}

/// Ends all that were found.
pub async fn end(visit: Visit) -> Result<Response, Trouble> {
    let whose = whose(&visit).map_err(|message| Refused::Invalid {
        field: "number",
        message,
    })?;
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

fn page(
    visit: &Visit,
    status: StatusCode,
    found: Option<Vec<Found>>,
    refused: Option<String>,
) -> Response {
    let page = Page {
        frame: visit.frame("Sessions"),
        number: visit.field("number").to_owned(),
        client_id: visit.field("client_id").to_owned(),
        found,
        most: usize::from(MOST),
        refused,
    };
    render(status, PageClass::Console, &page)
}
