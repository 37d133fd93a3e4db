//! `/admin/operators/new/discovery`: an operator that no preset knows. Its issuer is typed, its discovery
//! document read through the guarded client, and what it says is shown in a form; only what is confirmed
//! there is stored.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use serde_json::Value;

use crate::admin::operators::{self, NewOperator};
use crate::admin::{Refused, operator_discovery};
use crate::console::fields::{self, Fault, Field, Inputs};
use crate::console::frame::Frame;
use crate::console::operators::contract::{self, ALL};
use crate::console::operators::edit::{OTHERS, credentials, mode};
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::operators::Mode;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// What the form asks for; the rest is CAMARA's preset and can be edited later.
const SHOWN: [&str; 15] = [
    "issuer",
    "discovery",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "api_root",
    "release",
    "client_id",
    "token_auth",
    "prefixes",
    "scope_verify",
    "pkce",
    "signed_request",
    "id_token_algs",
    "require_iss",
];

#[derive(Template)]
#[template(path = "console/operator_import.html")]
struct Ask {
    frame: Frame,
    issuer: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "console/operator_found.html")]
struct Page {
    frame: Frame,
    alias: String,
    name: String,
    test: bool,
    callback_start: String,
    groups: Vec<Inputs>,
    refused: Option<Fault>,
}

/// Asks for the issuer.
pub async fn ask(visit: Visit) -> Result<Response, Trouble> {
    Ok(asked(&visit, StatusCode::OK, None))
}

fn asked(visit: &Visit, status: StatusCode, refused: Option<String>) -> Response {
    let page = Ask {
        frame: visit.frame("Connect by discovery"),
        issuer: visit.field("issuer").to_owned(),
        refused,
    };
    render(status, PageClass::Console, &page)
}

/// Reads the document and shows what it says. Nothing is stored.
pub async fn look(visit: Visit) -> Result<Response, Trouble> {
    let issuer = visit.field("issuer").trim();
    match operator_discovery::look_up(&visit.app.outbound, issuer).await {
        Ok(found) => {
            let settings = serde_json::to_value(&found).unwrap_or(Value::Null);
            let text = |field: &Field| fields::stored(&settings, field);
            Ok(form(&visit, StatusCode::OK, &text, None))
        }
        Err(Refused::Invalid { message, .. }) => Ok(asked(
            &visit,
            StatusCode::UNPROCESSABLE_ENTITY,
            Some(message),
        )),
        Err(refused) => Err(refused.into()),
    }
}

/// Adds the operator as the form says; its page offers the test next.
pub async fn add(visit: Visit) -> Result<Response, Trouble> {
    let added = match contract::written(&visit.form, &operator_discovery::start()?, &|name| {
        SHOWN.contains(&name)
    }) {
        Ok(settings) => {
            let new = NewOperator {
                alias: visit.field("alias").trim().to_owned(),
                name: visit.field("name").trim().to_owned(),
                mode: mode(&visit),
                settings,
                credentials: credentials(&visit).unwrap_or_default(),
            };
            operators::add(&visit.desk(), new).await
        }
        Err(refused) => Err(refused),
    };
    let (field, message) = match added {
        Ok(operator) => {
            visit.app.forget("operators").await;
            let page = format!("/admin/operators/{}?done=added", operator.alias);
            return Ok(Redirect::to(&page).into_response());
        }
        Err(Refused::Invalid { field, message }) => (field, message),
        Err(Refused::Taken { field, value }) => (field, format!("{value} is taken")),
        Err(refused) => return Err(refused.into()),
    };
    let text = |field: &Field| fields::posted(&visit.form, field);
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(form(&visit, status, &text, Some((field, message))))
}

fn form(
    visit: &Visit,
    status: StatusCode,
    text: &dyn Fn(&Field) -> String,
    refused: Option<(&'static str, String)>,
) -> Response {
    let groups = fields::inputs(&ALL, &|name| SHOWN.contains(&name), text);
    let refused = refused.map(|(field, message)| Fault::new(field, message, &groups, &OTHERS));
    let page = Page {
        frame: visit.frame("Connect by discovery"),
        alias: visit.field("alias").to_owned(),
        name: visit.field("name").to_owned(),
        test: mode(visit) == Mode::Test,
        callback_start: visit.app.config.issuer.url("/broker/"),
        groups,
        refused,
    };
    render(status, PageClass::Console, &page)
}
