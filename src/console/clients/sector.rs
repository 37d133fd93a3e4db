//! `/admin/clients/{client_id}/sector`: another sector for an app: everybody gets a new `sub` there.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::{Refused, client_sector};
use crate::console::clients::{field_of, named, page_of};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::{CHANGED_MEANWHILE, Trouble};
use crate::console::visit::Visit;
use crate::store::clients::Client;
use crate::web::headers::PageClass;
use crate::web::page::render;

const URI: &str = "sector_identifier_uri";

#[derive(Template)]
#[template(path = "console/client_sector.html")]
struct Page {
    frame: Frame,
    client_id: String,
    name: String,
    sector: String,
    revision: i32,
    managed_by: Option<String>,
    uri: String,
    /// The field, and what is told.
    refused: Option<(&'static str, String)>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        let (refused, message) = self.refused.as_ref()?;
        (*refused == field).then_some(message.as_str())
    }
}

/// What it means.
pub async fn ask(visit: Visit) -> Result<Response, Trouble> {
    let client = named(&visit).await?;
    let uri = client.settings.sector_identifier_uri.clone();
    let revision = client.revision;
    Ok(page(
        &visit,
        client,
        (uri.unwrap_or_default(), revision),
        None,
    ))
}

/// Changes it, if the person ticked that they know what that means.
pub async fn change(visit: Visit) -> Result<Response, Trouble> {
    let (client, uri) = (named(&visit).await?, visit.field(URI).trim());
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    let changing = async {
        if visit.field("sure") != "yes" {
            return Err(Refused::Invalid {
                field: "sure",
                message: "tick that you know what this does".to_owned(),
            });
        }
        let document = match uri {
            "" => None,
            uri => Some(client_sector::fetch(&visit.app.outbound, uri).await?),
        };
        let (id, seen) = (client.client_id.as_str(), Some(seen));
        client_sector::change(&visit.desk(), id, document.as_ref(), seen).await
    };
    let changed = changing.await;
    match changed {
        Ok(client) => {
            visit.app.forget("clients").await;
            Ok(to(&page_of(&client.client_id), "sector"))
        }
        Err(Refused::Stale) => {
            let told = ("", CHANGED_MEANWHILE.to_owned());
            let shown = (uri.to_owned(), client.revision);
            Ok(page(&visit, client, shown, Some(told)))
        }
        Err(refused) => {
            let refused = field_of(refused)?;
            Ok(page(&visit, client, (uri.to_owned(), seen), Some(refused)))
        }
    }
}

fn page(
    visit: &Visit,
    client: Client,
    (uri, revision): (String, i32),
    refused: Option<(&'static str, String)>,
) -> Response {
    let status = match refused {
        None => StatusCode::OK,
        Some(("", _)) => StatusCode::CONFLICT,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = Page {
        frame: visit.frame("Another sector"),
        client_id: client.client_id,
        name: client.name,
        sector: client.sector,
        revision,
        managed_by: client.managed_by,
        uri,
        refused,
    };
    render(status, PageClass::Console, &page)
}
