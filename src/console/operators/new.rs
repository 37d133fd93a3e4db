//! `/admin/operators/new`: connecting an operator from a preset.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use serde_json::Value;

use crate::admin::Refused;
use crate::admin::operators::{self, NewOperator};
use crate::admin::presets::{self, Credential, Preset};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::secret::Redacted;
use crate::store::operators::{Credentials, Mode, Settings};
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/operator_presets.html")]
struct Choose {
    frame: Frame,
    presets: Vec<(&'static str, &'static Preset)>,
}

#[derive(Template)]
#[template(path = "console/operator_new.html")]
struct Page {
    frame: Frame,
    preset: &'static Preset,
    path: String,
    needs_key: bool,
    alias: String,
    name: String,
    base: String,
    client_id: String,
    prefixes: String,
    test: bool,
    callback_start: String,
    refused: Option<String>,
}

/// The presets.
pub async fn choose(visit: Visit) -> Result<Response, Trouble> {
    let page = Choose {
        frame: visit.frame("Connect an operator"),
        presets: presets::all()
            .iter()
            .map(|(name, preset)| (name.as_str(), preset))
            .collect(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// The form of a preset.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let preset = find(&visit)?;
    Ok(form(&visit, preset, StatusCode::OK, None))
}

/// Adds the operator; its page offers the test next.
pub async fn add(visit: Visit) -> Result<Response, Trouble> {
    let preset = find(&visit)?;
    let added = match read(&visit, preset) {
        Ok(new) => operators::add(&visit.desk(), new).await,
        Err(refused) => Err(refused),
    };
    match added {
        Ok(operator) => {
            visit.app.forget("operators").await;
            let page = format!("/admin/operators/{}?done=added", operator.alias);
            Ok(Redirect::to(&page).into_response())
        }
        Err(refused @ (Refused::Invalid { .. } | Refused::Taken { .. })) => {
            let (status, told) = (StatusCode::UNPROCESSABLE_ENTITY, refused.to_string());
            Ok(form(&visit, preset, status, Some(told)))
        }
        Err(refused) => Err(refused.into()),
    }
}

fn find(visit: &Visit) -> Result<&'static Preset, Trouble> {
    let name = visit.path("preset");
    presets::find(name).map_err(|_| {
        Trouble::Refused(Refused::NotFound {
            what: "preset",
            id: name.chars().take(40).collect(),
        })
    })
}

fn read(visit: &Visit, preset: &Preset) -> Result<NewOperator, Refused> {
    let text = |name| {
        let text = visit.field(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let mode = if visit.field("test") == "yes" {
        Mode::Test
    } else {
        Mode::Live
    };
    let mut members = preset.settings(text("base").as_deref(), mode)?;
    if let Some(client_id) = text("client_id") {
        members.insert("client_id".to_owned(), Value::from(client_id));
    }
    if let Some(prefixes) = text("prefixes") {
        let prefixes = prefixes
            .split([',', ' ', '\n', '\r'])
            .map(|prefix| prefix.trim_start_matches('+'));
        let prefixes: Vec<&str> = prefixes.filter(|prefix| !prefix.is_empty()).collect();
        members.insert("prefixes".to_owned(), Value::from(prefixes));
    }
    let settings: Settings =
        serde_json::from_value(Value::Object(members)).map_err(|error| Refused::Invalid {
            field: "settings",
            message: error.to_string(),
        })?;
    Ok(NewOperator {
        alias: visit.field("alias").trim().to_owned(),
        name: text("name").unwrap_or_else(|| preset.title.clone()),
        mode,
        settings,
        credentials: Credentials {
            client_secret: text("client_secret").map(Redacted::new),
            private_key_pem: text("private_key_pem").map(Redacted::new),
            kid: text("kid"),
        },
    })
}

fn form(
    visit: &Visit,
    preset: &'static Preset,
    status: StatusCode,
    refused: Option<String>,
) -> Response {
    let page = Page {
        frame: visit.frame(&format!("Connect: {}", preset.title)),
        path: format!("/admin/operators/new/{}", visit.path("preset")),
        needs_key: preset.credential == Credential::Key,
        alias: visit.field("alias").to_owned(),
        name: visit.field("name").to_owned(),
        base: visit.field("base").to_owned(),
        client_id: visit.field("client_id").to_owned(),
        prefixes: visit.field("prefixes").to_owned(),
        test: visit.field("test") == "yes",
        callback_start: visit.app.config.issuer.url("/broker/"),
        preset,
        refused,
    };
    render(status, PageClass::Console, &page)
}
