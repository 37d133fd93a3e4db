//! `/admin/sessions/new-owner`: a number belongs to somebody else now. The number travels in a form's body:
//! an address would be kept in histories.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::{Refused, numbers};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::phone::PhoneNumber;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/new_owner.html")]
struct Page {
    frame: Frame,
    number: String,
    reason: String,
    refused: Option<String>,
}

/// What it means, and the form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&visit, StatusCode::OK, None))
}

/// Does it, if the person ticked that they know what that means.
pub async fn set(visit: Visit) -> Result<Response, Trouble> {
    let not = |why: &str| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Ok(page(&visit, status, Some(why.to_owned())))
    };
    let Ok(number) = PhoneNumber::parse(visit.field("number").trim(), None) else {
        return not(
            "This is no phone number. Write it with its country code, for example +44 7700 900123.",
        );
    };
    if visit.field("sure") != "yes" {
        return not("Nothing was done. Tick that you know what this does.");
    }
    match numbers::new_owner(&visit.desk(), &number, visit.field("reason")).await {
        Ok(_) => Ok(to("/admin/sessions", "new_owner")),
        Err(refused @ Refused::Invalid { .. }) => not(&refused.to_string()),
        Err(refused) => Err(refused.into()),
    }
}

fn page(visit: &Visit, status: StatusCode, refused: Option<String>) -> Response {
    let page = Page {
        frame: visit.frame("A number has a new owner"),
        number: visit.field("number").to_owned(),
        reason: visit.field("reason").to_owned(),
        refused,
    };
    render(status, PageClass::Console, &page)
}
