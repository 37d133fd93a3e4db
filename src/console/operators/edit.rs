//! `/admin/operators/{alias}/settings`: every setting of an operator's contract, and new credentials for
//! it. What is stored of those is never shown.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;

use crate::admin::Refused;
use crate::admin::operators::{self, Editable};
use crate::console::frame::Frame;
use crate::console::operators::fields::{self, Inputs};
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::secret::Redacted;
use crate::store::operators::{Credentials, Mode, Operator};
use crate::web::headers::PageClass;
use crate::web::page::render;

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
    refused: Option<(String, String)>,
}

impl Page {
    fn is_refused(&self, name: &str) -> bool {
        self.refused
            .as_ref()
            .is_some_and(|(field, _)| field == name)
    }
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let operator = operators::show(&visit.desk(), visit.path("alias")).await?;
    let settings = serde_json::to_value(&operator.settings).unwrap_or(Value::Null);
    let groups = fields::inputs(&|_| true, &|field| fields::stored(&settings, field));
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
    let saved = match fields::written(&visit.form, &before.settings, &|_| true) {
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
            Ok(again(&visit, &before, seen, field, message))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The form once more with what was written, but for secrets.
fn again(visit: &Visit, before: &Operator, seen: i32, field: &str, message: String) -> Response {
    let groups = fields::inputs(&|_| true, &|field| fields::posted(&visit.form, field));
    let page = Page {
        frame: visit.frame(&format!("Settings of {}", before.name)),
        alias: before.alias.clone(),
        revision: seen,
        name: visit.field("name").to_owned(),
        test: mode(visit) == Mode::Test,
        managed_by: before.managed_by.clone(),
        groups,
        refused: Some((field.to_owned(), message)),
    };
    render(StatusCode::UNPROCESSABLE_ENTITY, PageClass::Console, &page)
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
