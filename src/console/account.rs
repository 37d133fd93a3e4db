//! `/admin/account`: one's own sessions.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::{Refused, staff_sessions};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::staff_sessions::Seen;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/account.html")]
struct Page {
    frame: Frame,
    sessions: Vec<Seen>,
    this: Uuid,
}

/// Lists them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let staff = visit.staff();
    let page = Page {
        frame: visit.frame("Your account"),
        sessions: staff_sessions::list(&visit.desk(), staff.staff).await?,
        this: staff.session,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// The session that a form names.
pub fn named(visit: &Visit) -> Result<Uuid, Refused> {
    let given = visit.field("session");
    Uuid::parse_str(given).map_err(|_| Refused::NotFound {
        what: "session",
        id: given.chars().take(40).collect(),
    })
}

/// Ends one of them; nobody else's.
pub async fn end(visit: Visit) -> Result<Response, Trouble> {
    let session = named(&visit)?;
    let staff = visit.staff();
    staff_sessions::end(&visit.desk(), (staff.staff, &staff.email), session).await?;
    Ok(to("/admin/account", "session"))
}

/// Ends all of them but this one.
pub async fn end_others(visit: Visit) -> Result<Response, Trouble> {
    let staff = visit.staff();
    let who = (staff.staff, staff.email.as_str());
    staff_sessions::end_all(&visit.desk(), who, Some(staff.session)).await?;
    Ok(to("/admin/account", "ended"))
}
