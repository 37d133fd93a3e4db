//! `/admin/clients/{client_id}/branding`: what people see of an app: its logo, its colour, its pages.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::accent::Accent;
use crate::admin::clients::{self, Editable};
use crate::admin::{Refused, client_logo};
use crate::console::clients::{field_of, named};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::clients::Client;
use crate::web::brand::Brand;
use crate::web::headers::PageClass;
use crate::web::page::{self, render};

#[derive(Template)]
#[template(path = "console/client_branding.html")]
struct Page {
    frame: Frame,
    client_id: String,
    revision: i32,
    app: page::App,
    /// What its people see now.
    brand: Brand,
    /// What becomes of the colour, a sentence each.
    explained: Vec<String>,
    fields: Fields,
    refused: Option<(&'static str, String)>,
}

/// The form as it was written.
struct Fields {
    accent: String,
    client_uri: String,
    policy_uri: String,
    tos_uri: String,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        let (refused, message) = self.refused.as_ref()?;
        (*refused == field).then_some(message.as_str())
    }
}

/// The forms, and how it looks.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let client = named(&visit).await?;
    Ok(page(&visit, StatusCode::OK, &client, None, None))
}

/// Saves colour and pages.
pub async fn save(visit: Visit) -> Result<Response, Trouble> {
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    let written = Fields {
        accent: visit.field("accent").trim().to_owned(),
        client_uri: visit.field("client_uri").trim().to_owned(),
        policy_uri: visit.field("policy_uri").trim().to_owned(),
        tos_uri: visit.field("tos_uri").trim().to_owned(),
    };
    let saved = match accent(&written.accent) {
        Ok(accent) => {
            let edit = |client: &mut Editable| {
                let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
                client.settings.accent = accent;
                client.settings.client_uri = text(&written.client_uri);
                client.settings.policy_uri = text(&written.policy_uri);
                client.settings.tos_uri = text(&written.tos_uri);
            };
            let client_id = visit.path("client_id");
            clients::update(&visit.desk(), client_id, Some(seen), edit).await
        }
        Err(refused) => Err(refused),
    };
    match saved {
        Ok(client) => {
            visit.app.forget("clients").await;
            let done = if client.revision == seen {
                "nothing"
            } else {
                "saved"
            };
            Ok(to(&here(&client.client_id), done))
        }
        Err(refused) => {
            let refused = field_of(refused)?;
            let client = named(&visit).await?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(page(&visit, status, &client, Some(written), Some(refused)))
        }
    }
}

/// Takes a picture in.
pub async fn upload(visit: Visit) -> Result<Response, Trouble> {
    let client_id = visit.path("client_id");
    let set = match visit.file.clone() {
        Some(file) => client_logo::set(&visit.desk(), client_id, file.into(), None).await,
        None => Err(Refused::Invalid {
            field: "logo",
            message: "choose a picture first".to_owned(),
        }),
    };
    match set {
        Ok(_) => {
            visit.app.forget("clients").await;
            Ok(to(&here(client_id), "picture"))
        }
        Err(refused) => {
            let refused = field_of(refused)?;
            let client = named(&visit).await?;
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(page(&visit, status, &client, None, Some(refused)))
        }
    }
}

/// Takes it away.
pub async fn remove(visit: Visit) -> Result<Response, Trouble> {
    let client_id = visit.path("client_id");
    client_logo::remove(&visit.desk(), client_id, None).await?;
    visit.app.forget("clients").await;
    Ok(to(&here(client_id), "no-picture"))
}

fn accent(written: &str) -> Result<Option<Accent>, Refused> {
    if written.is_empty() {
        return Ok(None);
    }
    written.parse().map(Some).map_err(|error| Refused::Invalid {
        field: "accent",
        message: format!("{error}"),
    })
}

fn here(client_id: &str) -> String {
    format!("/admin/clients/{client_id}/branding")
}

fn page(
    visit: &Visit,
    status: StatusCode,
    client: &Client,
    written: Option<Fields>,
    refused: Option<(&'static str, String)>,
) -> Response {
    let settings = &client.settings;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let domain = |uri: &String| url::Url::parse(uri).ok()?.host_str().map(str::to_owned);
    let page = Page {
        frame: visit.frame("Branding"),
        client_id: client.client_id.clone(),
        revision: client.revision,
        app: page::App {
            name: client.name.clone(),
            domain: client
                .redirect_uris
                .iter()
                .find_map(domain)
                .unwrap_or_else(|| client.sector.clone()),
        },
        brand: Brand::of(client),
        explained: settings.accent.map(Accent::explained).unwrap_or_default(),
        fields: written.unwrap_or_else(|| Fields {
            accent: settings.accent.map_or_else(String::new, String::from),
            client_uri: text(&settings.client_uri),
            policy_uri: text(&settings.policy_uri),
            tos_uri: text(&settings.tos_uri),
        }),
        refused,
    };
    render(status, PageClass::Console, &page)
}
