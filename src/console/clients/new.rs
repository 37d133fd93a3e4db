//! `/admin/clients/new`: registering an app with three inputs. Everything else has a safe preset.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::client_snippets::{Snippet, environment, snippets};
use crate::admin::clients::{self, NewClient};
use crate::console::clients::{field_of, kind_words, lines};
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::store::clients::{Client, Kind, Settings};
use crate::store::overview;
use crate::web::headers::PageClass;
use crate::web::page::render;

#[derive(Template)]
#[template(path = "console/client_new.html")]
struct Page {
    frame: Frame,
    name: String,
    kind: String,
    redirect_uris: String,
    test: bool,
    /// Whether test apps can sign in here at all.
    offers_test: bool,
    refused: Option<(&'static str, String)>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        let (refused, message) = self.refused.as_ref()?;
        (*refused == field).then_some(message.as_str())
    }

    /// What was refused that is none of the three inputs.
    fn other_error(&self) -> Option<String> {
        let (field, message) = self.refused.as_ref()?;
        let shown = ["name", "kind", "redirect_uris"].contains(field);
        (!shown).then(|| format!("{field}: {message}"))
    }
}

#[derive(Template)]
#[template(path = "console/client_made.html")]
struct Made {
    frame: Frame,
    client: Client,
    kind: &'static str,
    issuer: String,
    secret: Option<String>,
    environment: String,
    snippets: Vec<Snippet>,
}

/// The form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    form(&visit, StatusCode::OK, None).await
}

/// Registers the app and shows its secret, now or never.
pub async fn create(visit: Visit) -> Result<Response, Trouble> {
    let kind = match visit.field("kind") {
        "web" => Kind::Web,
        "spa" => Kind::Spa,
        "native" => Kind::Native,
        _ => {
            let refused = ("kind", "Choose what the app is.".to_owned());
            return form(&visit, StatusCode::UNPROCESSABLE_ENTITY, Some(refused)).await;
        }
    };
    let new = NewClient {
        name: visit.field("name").trim().to_owned(),
        kind,
        auth_method: None,
        redirect_uris: lines(visit.field("redirect_uris")),
        test: visit.field("test") == "yes",
        client_id: None,
        sector: None,
        settings: Settings::default(),
    };
    let made = match clients::create(&visit.desk(), new).await {
        Ok(made) => made,
        Err(refused) => {
            let refused = field_of(refused)?;
            return form(&visit, StatusCode::UNPROCESSABLE_ENTITY, Some(refused)).await;
        }
    };
    // Whoever tries the app at once must not meet what was cached of nobody.
    visit.app.forget("clients").await;
    let issuer = visit.app.config.issuer.as_str().to_owned();
    let secret = made.secret.map(|secret| secret.reveal());
    let page = Made {
        frame: visit.frame("Your app is registered"),
        kind: kind_words(kind),
        environment: environment(&issuer, &made.client, secret.as_deref()),
        snippets: snippets(&issuer, &made.client),
        client: made.client,
        issuer,
        secret,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

async fn form(
    visit: &Visit,
    status: StatusCode,
    refused: Option<(&'static str, String)>,
) -> Result<Response, Trouble> {
    let known = overview::attention(visit.app.db.relaxed(), visit.now, visit.now).await?;
    let first_time = visit.field("kind").is_empty();
    let page = Page {
        frame: visit.frame("Register an app"),
        name: visit.field("name").to_owned(),
        kind: if first_time {
            "web"
        } else {
            visit.field("kind")
        }
        .to_owned(),
        redirect_uris: visit.field("redirect_uris").to_owned(),
        // Where there are only pretend operators, an app for real numbers could not sign in.
        test: if first_time {
            known.live_operators == 0 && known.test_operators > 0
        } else {
            visit.field("test") == "yes"
        },
        offers_test: known.test_operators > 0,
        refused,
    };
    Ok(render(status, PageClass::Console, &page))
}
