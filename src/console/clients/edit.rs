//! `/admin/clients/{client_id}/settings`: what may be changed of a client, and what it may do.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::clients::{self, Editable};
use crate::admin::{Refused, operators};
use crate::console::clients::{field_of, lines, named, page_of};
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::clients::{Client, Confirm, Hint, Settings};
use crate::web::headers::PageClass;
use crate::web::page::render;

struct OperatorChoice {
    alias: String,
    name: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "console/client_edit.html")]
struct Page {
    frame: Frame,
    client_id: String,
    revision: i32,
    name: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    test: bool,
    keeps_secret: bool,
    settings: Settings,
    operators: Vec<OperatorChoice>,
    refused: Option<(&'static str, String)>,
}

impl Page {
    fn confirm_is(&self, word: &str) -> bool {
        confirm_of(word) == self.settings.confirm
    }

    fn text<'a>(&self, value: &'a Option<String>) -> &'a str {
        value.as_deref().unwrap_or_default()
    }

    fn number(&self, value: &Option<u32>) -> String {
        value.map_or_else(String::new, |value| value.to_string())
    }
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let client = named(&visit).await?;
    form(&visit, StatusCode::OK, client, None).await
}

/// Saves what was changed.
pub async fn save(visit: Visit) -> Result<Response, Trouble> {
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    let client_id = visit.path("client_id");
    let numbers = (
        number(&visit, "fresh_for_s"),
        number(&visit, "access_token_s"),
    );
    let saved = match numbers {
        (Ok(fresh_for_s), Ok(access_token_s)) => {
            let edit = |client: &mut Editable| {
                write(&visit, client);
                client.settings.fresh_for_s = fresh_for_s.unwrap_or(0);
                client.settings.access_token_s = access_token_s;
            };
            clients::update(&visit.desk(), client_id, Some(seen), edit).await
        }
        (Err(refused), _) | (_, Err(refused)) => Err(refused),
    };
    match saved {
        Ok(client) => {
            visit.app.forget("clients").await;
            let done = if client.revision == seen {
                "nothing"
            } else {
                "saved"
            };
            Ok(to(&page_of(client_id), done))
        }
        Err(refused) => {
            let refused = field_of(refused)?;
            // What was written stays in the form.
            let mut client = named(&visit).await?;
            let mut fields = Editable {
                name: client.name.clone(),
                auth_method: client.auth_method,
                redirect_uris: client.redirect_uris.clone(),
                test: client.test,
                settings: client.settings.clone(),
                managed_by: client.managed_by.clone(),
            };
            write(&visit, &mut fields);
            client.name = fields.name;
            client.redirect_uris = fields.redirect_uris;
            client.test = fields.test;
            client.settings = fields.settings;
            form(
                &visit,
                StatusCode::UNPROCESSABLE_ENTITY,
                client,
                Some(refused),
            )
            .await
        }
    }
}

/// Writes the form's fields into a client. What the form does not show stays.
fn write(visit: &Visit, client: &mut Editable) {
    let ticked = |name| visit.field(name) == "yes";
    let text = |name| {
        let text = visit.field(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    client.name = visit.field("name").trim().to_owned();
    client.redirect_uris = lines(visit.field("redirect_uris"));
    client.test = ticked("test");
    let settings = &mut client.settings;
    settings.operators = visit.form.all("operators").map(str::to_owned).collect();
    settings.confirm = confirm_of(visit.field("confirm"));
    settings.hint = if ticked("hint_suggestion") {
        Hint::Suggestion
    } else {
        Hint::Fixed
    };
    settings.silent_check = ticked("silent_check");
    settings.require_pkce = ticked("require_pkce");
    settings.require_pushed = ticked("require_pushed");
    settings.claims_in_userinfo_only = ticked("claims_in_userinfo_only");
    settings.post_logout_redirect_uris = lines(visit.field("post_logout_redirect_uris"));
    settings.backchannel_logout_uri = text("backchannel_logout_uri");
}

fn confirm_of(word: &str) -> Confirm {
    match word {
        "always" => Confirm::Always,
        "never" => Confirm::Never,
        _ => Confirm::FirstTime,
    }
}

fn number(visit: &Visit, field: &'static str) -> Result<Option<u32>, Refused> {
    match visit.field(field).trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Refused::Invalid {
            field,
            message: "write a number of seconds".to_owned(),
        }),
    }
}

async fn form(
    visit: &Visit,
    status: StatusCode,
    client: Client,
    refused: Option<(&'static str, String)>,
) -> Result<Response, Trouble> {
    let all = operators::list(&visit.desk()).await?;
    let chosen = &client.settings.operators;
    let page = Page {
        frame: visit.frame("Settings of this app"),
        operators: all
            .into_iter()
            .map(|operator| OperatorChoice {
                chosen: chosen.contains(&operator.alias),
                alias: operator.alias,
                name: operator.name,
            })
            .collect(),
        redirect_uris: client.redirect_uris.join("\n"),
        post_logout_redirect_uris: client.settings.post_logout_redirect_uris.join("\n"),
        keeps_secret: client.is_confidential(),
        client_id: client.client_id,
        revision: client.revision,
        name: client.name,
        test: client.test,
        settings: client.settings,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
