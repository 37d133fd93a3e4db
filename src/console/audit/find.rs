//! `/admin/find`: for support, who look for one sign-in by what a person reads to them.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;

use crate::admin::Refused;
use crate::admin::audit::{self, Query};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/audit_find.html")]
struct Page {
    frame: Frame,
    reference: String,
    error: Option<String>,
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    Ok(page(&visit, None))
}

/// To the login that has the reference.
pub async fn find(visit: Visit) -> Result<Response, Trouble> {
    let query = Query {
        reference: Some(visit.field("reference").trim().to_owned()),
        ..Query::default()
    };
    match audit::list(&visit.desk(), query, 1).await {
        Ok(found) => {
            let login = found
                .entries
                .first()
                .and_then(|entry| entry.body["login_id"].as_str());
            Ok(match login {
                Some(login) => {
                    Redirect::to(&format!("/admin/audit/logins/{login}")).into_response()
                }
                None => page(&visit, Some("No sign-in has this reference.".to_owned())),
            })
        }
        Err(Refused::Invalid { message, .. }) => Ok(page(&visit, Some(format!("{message}.")))),
        Err(other) => Err(other.into()),
    }
}

fn page(visit: &Visit, error: Option<String>) -> Response {
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let page = Page {
        frame: visit.frame("Find a sign-in"),
        reference: visit.field("reference").to_owned(),
        error,
    };
    render(status, PageClass::Console, &page)
}
