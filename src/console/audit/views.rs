//! `/admin/audit/views`: searches that somebody saved for themselves.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::audit_views;
use crate::admin::{Refused, audit_views::View};
use crate::console::audit::filter::{Chip, Filter, Wrong};
use crate::console::audit::search::USUAL;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/audit_views.html")]
struct Page {
    frame: Frame,
    views: Vec<View>,
    usual: &'static [(&'static str, &'static str)],
    chips: Vec<Chip>,
    /// What would be saved.
    filters: String,
    /// Whether something of the search cannot be saved.
    is_personal: bool,
}

/// Shows them, and a form that saves the search in the address.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let filter = Filter::read(&visit.app.vault, visit.now, &visit.query, &["done"]);
    let filter = filter.map_err(refused)?;
    let kept = filter.kept();
    let chips = Filter::parse(&visit.app.vault, visit.now, &kept).map_err(refused)?;
    let page = Page {
        frame: visit.frame("Saved views"),
        views: audit_views::list(&visit.desk(), visit.staff().staff).await?,
        usual: &USUAL,
        chips: chips.chips(),
        is_personal: filter.is_personal(),
        filters: kept,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Saves one.
pub async fn save(visit: Visit) -> Result<Response, Trouble> {
    let filter = Filter::parse(&visit.app.vault, visit.now, visit.field("filters"));
    let kept = filter.map_err(refused)?.kept();
    let name = visit.field("name").trim();
    audit_views::save(&visit.desk(), visit.staff().staff, name, &kept).await?;
    Ok(to("/admin/audit/views", "saved"))
}

/// Removes one.
pub async fn remove(visit: Visit) -> Result<Response, Trouble> {
    let id: Uuid = visit.field("view").parse().map_err(|_| Refused::NotFound {
        what: "view",
        id: visit.field("view").chars().take(40).collect(),
    })?;
    audit_views::remove(&visit.desk(), visit.staff().staff, id).await?;
    Ok(to("/admin/audit/views", "removed"))
}

/// A filter that cannot be, as a refusal.
pub fn refused(wrong: Wrong) -> Trouble {
    Refused::Invalid {
        field: wrong.field,
        message: wrong.message.trim_end_matches('.').to_owned(),
    }
    .into()
}
