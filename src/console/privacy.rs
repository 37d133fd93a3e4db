//! `/admin/privacy`: what people may ask of us about their number (GDPR articles 15 and 17). The number
//! travels in a form's body, and the file that tells everything is named after nobody.

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use uuid::Uuid;

use crate::admin::{Refused, privacy};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::phone::PhoneNumber;
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// The two forms of the page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Export,
    Erase,
}

#[derive(Template)]
#[template(path = "console/privacy.html")]
struct Page {
    frame: Frame,
    number: String,
    ticket: String,
    /// The form, its field, and what is told.
    refused: Option<(Form, &'static str, String)>,
}

impl Page {
    fn error(&self, form: Form, field: &str) -> Option<&str> {
        let (refused, named, message) = self.refused.as_ref()?;
        (*refused == form && *named == field).then_some(message.as_str())
    }

    /// What stands in a form's field for the number.
    fn number(&self, form: Form) -> &str {
        match &self.refused {
            Some((refused, ..)) if *refused == form => &self.number,
            _ => "",
        }
    }
}

#[derive(Template)]
#[template(path = "console/privacy_erased.html")]
struct Erased {
    frame: Frame,
    parts: i64,
    held: i64,
    rows: Vec<(String, i64)>,
    records: Vec<Uuid>,
}

/// What there is, and what it means.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&visit, None))
}

/// Everything that is kept about a number, as a file for its owner.
pub async fn export(visit: Visit) -> Result<Response, Trouble> {
    let number = match number(&visit) {
        Ok(number) => number,
        Err(told) => return Ok(page(&visit, Some((Form::Export, "number", told)))),
    };
    let told = privacy::export(&visit.desk(), &number).await?;
    let text = serde_json::to_string_pretty(&told).map_err(Failure::internal)? + "\n";
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"what-is-kept.json\""),
        ),
    ];
    Ok((headers, text).into_response())
}

/// Erases what is personal about a number, if the person ticked that they know what that means.
pub async fn erase(visit: Visit) -> Result<Response, Trouble> {
    let refuse = |field, told: String| Ok(page(&visit, Some((Form::Erase, field, told))));
    let number = match number(&visit) {
        Ok(number) => number,
        Err(told) => return refuse("number", told),
    };
    if visit.field("sure") != "yes" {
        let told = "Nothing was erased. Tick that you know what this does.";
        return refuse("sure", told.to_owned());
    }
    let ticket = Some(visit.field("ticket").trim()).filter(|ticket| !ticket.is_empty());
    let erased = match privacy::erase(&visit.desk(), &number, ticket).await {
        Ok(erased) => erased,
        Err(Refused::Invalid { field, message }) => {
            return refuse(field, format!("Nothing was erased: {message}."));
        }
        Err(refused) => return Err(refused.into()),
    };
    let page = Erased {
        frame: visit.frame("Erased"),
        parts: erased.parts,
        held: erased.held,
        rows: erased
            .rows
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (words(&kind), count))
            .collect(),
        records: erased.records,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

fn number(visit: &Visit) -> Result<PhoneNumber, String> {
    PhoneNumber::parse(visit.field("number").trim(), None).map_err(|_| {
        "This is no phone number. Write it with its country code, for example +44 7700 900123."
            .to_owned()
    })
}

/// A kind of row, as people read it.
fn words(kind: &str) -> String {
    let mut words = kind.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

fn page(visit: &Visit, refused: Option<(Form, &'static str, String)>) -> Response {
    let status = match refused {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = Page {
        frame: visit.frame("What is kept about a number"),
        number: visit.field("number").to_owned(),
        ticket: visit.field("ticket").to_owned(),
        refused,
    };
    render(status, PageClass::Console, &page)
}
