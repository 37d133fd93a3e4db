//! `/admin/operators/{alias}/settings`: every setting of an operator's contract, and new credentials for
//! it. What is stored of those is never shown.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::admin::Refused;
use crate::admin::operators::{self, Editable};
use crate::console::fields::{self, Fault, Inputs};
use crate::console::frame::Frame;
use crate::console::operators::contract::{self, ALL};
use crate::console::rule::to;
use crate::console::trouble::{CHANGED_MEANWHILE, Trouble};
use crate::console::visit::Visit;
use crate::secret::Redacted;
use crate::store::operators::{Credentials, Mode, Operator};
use crate::web::headers::PageClass;
use crate::web::page::render;

/// What the form has besides the settings.
pub(super) const OTHERS: [(&str, &str); 5] = [
    ("alias", "Alias"),
    ("name", "Name"),
    ("client_secret", "Client secret"),
    ("private_key_pem", "Private key"),
    ("kid", "The key's ID there"),
];

#[derive(Template)]
#[template(path = "console/operator_edit.html")]
struct Page {
    frame: Frame,
    alias: String,
    revision: i32,
    name: String,
    test: bool,
    managed_by: Option<String>,
    groups: Vec<Inputs>,
    refused: Option<Fault>,
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let operator = operators::show(&visit.desk(), visit.path("alias")).await?;
    let settings = serde_json::to_value(&operator.settings).unwrap_or(Value::Null);
    let groups = fields::inputs(&ALL, &|_| true, &|field| fields::stored(&settings, field));
    let page = Page {
        frame: visit.frame(&format!("Settings of {}", operator.name)),
        alias: operator.alias,
        revision: operator.revision,
        test: operator.mode == Mode::Test,
        name: operator.name,
        managed_by: operator.managed_by,
        groups,
        refused: None,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// Saves what was changed, unless somebody else did so since the form was opened.
pub async fn save(visit: Visit) -> Result<Response, Trouble> {
    let alias = visit.path("alias");
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    let before = operators::show(&visit.desk(), alias).await?;
    let saved = match contract::written(&visit.form, &before.settings, &|_| true) {
        Ok(settings) => {
            let edit = |fields: &mut Editable| {
                fields.name = visit.field("name").trim().to_owned();
                fields.mode = mode(&visit);
                fields.settings = settings;
                fields.credentials = credentials(&visit);
            };
            operators::update(&visit.desk(), alias, Some(seen), edit).await
        }
        Err(refused) => Err(refused),
    };
    match saved {
        Ok(operator) => {
            visit.app.forget("operators").await;
            let done = if operator.revision == seen {
                "nothing"
            } else {
                "saved"
            };
            Ok(to(&format!("/admin/operators/{alias}"), done))
        }
        Err(Refused::Invalid { field, message }) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(again(&visit, &before, seen, status, (field, message)))
        }
        Err(Refused::Stale) => {
            let told = ("", CHANGED_MEANWHILE.to_owned());
            let (now, status) = (before.revision, StatusCode::CONFLICT);
            Ok(again(&visit, &before, now, status, told))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The form once more with what was written, but for secrets.
fn again(
    visit: &Visit,
    before: &Operator,
    revision: i32,
    status: StatusCode,
    (field, message): (&'static str, String),
) -> Response {
    let groups = fields::inputs(&ALL, &|_| true, &|field| fields::posted(&visit.form, field));
    let page = Page {
        frame: visit.frame(&format!("Settings of {}", before.name)),
        alias: before.alias.clone(),
        revision,
        name: visit.field("name").to_owned(),
        test: mode(visit) == Mode::Test,
        managed_by: before.managed_by.clone(),
        refused: Some(Fault::new(field, message, &groups, &OTHERS)),
        groups,
    };
    render(status, PageClass::Console, &page)
}

/// The mode that a form says.
pub(super) fn mode(visit: &Visit) -> Mode {
    if visit.field("test") == "yes" {
        Mode::Test
    } else {
        Mode::Live
    }
}

/// The credentials that a form holds, if it holds any.
pub(super) fn credentials(visit: &Visit) -> Option<Credentials> {
    let text = |name| {
        let text = visit.field(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let given = Credentials {
        client_secret: text("client_secret").map(Redacted::new),
        private_key_pem: text("private_key_pem").map(Redacted::new),
        kid: text("kid"),
    };
    let any = given.client_secret.is_some() || given.private_key_pem.is_some();
    any.then_some(given)
}
