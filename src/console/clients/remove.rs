//! `/admin/clients/{client_id}/remove`: ending an app for good.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::{Refused, clients};
use crate::console::clients::named;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

const CHANGED: &str =
    "Nothing was done: somebody changed this app since you opened the page. Look at it again.";

#[derive(Template)]
#[template(path = "console/client_remove.html")]
struct Page {
    frame: Frame,
    client_id: String,
    name: String,
    revision: i32,
    managed_by: Option<String>,
    refused: Option<String>,
}

/// What it means.
pub async fn ask(visit: Visit) -> Result<Response, Trouble> {
    page(&visit, StatusCode::OK, None).await
}

/// Ends it, if the person ticked that they know what that means and nobody changed it since they looked.
pub async fn remove(visit: Visit) -> Result<Response, Trouble> {
    if visit.field("sure") != "yes" {
        let told = "Nothing was done. Tick that you know what this does.".to_owned();
        return page(&visit, StatusCode::UNPROCESSABLE_ENTITY, Some(told)).await;
    }
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    match clients::remove(&visit.desk(), visit.path("client_id"), Some(seen)).await {
        Ok(()) => {
            visit.app.forget("clients").await;
            Ok(to("/admin/clients", "app_removed"))
        }
        Err(Refused::Stale) => page(&visit, StatusCode::CONFLICT, Some(CHANGED.to_owned())).await,
        Err(refused) => Err(refused.into()),
    }
}

async fn page(
    visit: &Visit,
    status: StatusCode,
    refused: Option<String>,
) -> Result<Response, Trouble> {
    let client = named(visit).await?;
    let page = Page {
        frame: visit.frame("Remove this app?"),
        client_id: client.client_id,
        name: client.name,
        revision: client.revision,
        managed_by: client.managed_by,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
