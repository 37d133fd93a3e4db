//! What is personal in a record, shown once: to whoever has the right, just proved who they are, and said
//! why. The reason stays in the log.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use crate::admin::{Refused, audit, unmask_rights};
use crate::console::audit::login::id;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/audit_unmasked.html")]
struct Page {
    frame: Frame,
    record: Uuid,
    number: String,
    address: String,
    user_agent: String,
    reason: String,
}

/// Shows it. The answer to a post: going back or loading anew asks again.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let record = id(&visit, "record")?;
    let desk = visit.desk();
    if !unmask_rights::may(&desk).await? {
        return Err(Refused::Invalid {
            field: "right",
            message: "your account may not see what is personal; an owner can allow it".to_owned(),
        }
        .into());
    }
    let personal = audit::unmask(&desk, record, visit.field("reason")).await?;
    let page = Page {
        frame: visit.frame("Shown in full, once"),
        record,
        number: personal.number.unwrap_or_default(),
        address: personal.address.unwrap_or_default(),
        user_agent: personal.user_agent.unwrap_or_default(),
        reason: visit.field("reason").trim().to_owned(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}
