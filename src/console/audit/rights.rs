//! `/admin/audit/rights`: who may see what is personal in full.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::unmask_rights::{self, Holder};
use crate::console::frame::{Frame, role_word};
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::staff::Role;
use crate::web::headers::PageClass;
use crate::web::page::render;

struct Row {
    email: String,
    role: &'static str,
    may: bool,
    is_owner: bool,
}

#[derive(Template)]
#[template(path = "console/audit_rights.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
}

/// Shows them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let row = |holder: Holder| Row {
        role: role_word(holder.role),
        is_owner: holder.role == Role::Owner,
        may: holder.role == Role::Owner || holder.may_unmask,
        email: holder.email,
    };
    let holders = unmask_rights::list(&visit.desk()).await?;
    let page = Page {
        frame: visit.frame("Who sees numbers in full"),
        rows: holders.into_iter().map(row).collect(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Gives the right, or takes it.
pub async fn set(visit: Visit) -> Result<Response, Trouble> {
    let may = visit.field("may") == "yes";
    unmask_rights::set(&visit.desk(), visit.field("email"), may, None).await?;
    Ok(to("/admin/audit/rights", "saved"))
}
