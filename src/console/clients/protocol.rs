//! `/admin/clients/{client_id}/protocol`: an app's keys, its algorithms, its profile, and whatever else the
//! specifications let an app settle. What most apps need stands in its settings.

mod contract;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::admin::Refused;
use crate::admin::clients::{self, Editable};
use crate::console::clients::{field_of, named, page_of};
use crate::console::fields::{self, Fault, Inputs};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::{CHANGED_MEANWHILE, Trouble};
use crate::console::visit::Visit;
use crate::store::clients::{AuthMethod, Client, Settings};
use crate::web::headers::PageClass;
use crate::web::page::render;

use contract::{ALL, METHOD};

#[derive(Template)]
#[template(path = "console/client_protocol.html")]
struct Page {
    frame: Frame,
    client_id: String,
    name: String,
    revision: i32,
    managed_by: Option<String>,
    groups: Vec<Inputs>,
    refused: Option<Fault>,
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let client = named(&visit).await?;
    let settings = document(&client);
    let groups = fields::inputs(&ALL, &|_| true, &|field| fields::stored(&settings, field));
    Ok(page(&visit, StatusCode::OK, client, groups, None))
}

/// Saves what was changed, unless somebody else did so since the form was opened.
pub async fn save(visit: Visit) -> Result<Response, Trouble> {
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    let mut client = named(&visit).await?;
    let saved = match written(&visit, &client) {
        Ok((method, settings)) => {
            let edit = |fields: &mut Editable| {
                fields.auth_method = method;
                fields.settings = settings;
            };
            clients::update(&visit.desk(), &client.client_id, Some(seen), edit).await
        }
        Err(refused) => Err(refused),
    };
    let (status, refused) = match saved {
        Ok(client) => {
            visit.app.forget("clients").await;
            let done = if client.revision == seen {
                "nothing"
            } else {
                "saved"
            };
            return Ok(to(&page_of(&client.client_id), done));
        }
        Err(Refused::Stale) => (StatusCode::CONFLICT, ("", CHANGED_MEANWHILE.to_owned())),
        Err(other) => {
            // What others saved since the form was opened is found at the next try.
            client.revision = seen;
            (StatusCode::UNPROCESSABLE_ENTITY, field_of(other)?)
        }
    };
    let groups = fields::inputs(&ALL, &|_| true, &|field| fields::posted(&visit.form, field));
    Ok(page(&visit, status, client, groups, Some(refused)))
}

/// What the form's fields are about: the settings, and beside them how the app authenticates.
fn document(client: &Client) -> Value {
    let mut document = serde_json::to_value(&client.settings).expect("settings serialise");
    document[METHOD] = json!(client.auth_method.as_str());
    document
}

/// What the form says. Another profile settles what it leaves no choice about, last.
fn written(visit: &Visit, client: &Client) -> Result<(AuthMethod, Settings), Refused> {
    let mut written = fields::written(&ALL, &visit.form, document(client), &|_| true)?;
    let refuse = |field, message| Refused::Invalid { field, message };
    let method = written.as_object_mut().and_then(|all| all.remove(METHOD));
    let method = serde_json::from_value(method.unwrap_or_default());
    let method = method.map_err(|_| refuse(METHOD, "choose one of the list".to_owned()))?;
    let settings = Settings::from_input(written);
    let mut settings = settings.map_err(|message| refuse("settings", message))?;
    if settings.profile != client.settings.profile {
        settings.adopt(settings.profile);
    }
    Ok((method, settings))
}

fn page(
    visit: &Visit,
    status: StatusCode,
    client: Client,
    groups: Vec<Inputs>,
    refused: Option<(&'static str, String)>,
) -> Response {
    let page = Page {
        frame: visit.frame("Keys and protocol"),
        client_id: client.client_id,
        name: client.name,
        revision: client.revision,
        managed_by: client.managed_by,
        refused: refused.map(|(field, message)| Fault::new(field, message, &groups, &[])),
        groups,
    };
    render(status, PageClass::Console, &page)
}
