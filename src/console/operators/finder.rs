//! `/admin/telco-finder`: the service that is asked which operator a number is with; at most one. What is
//! stored of its secret is never shown.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::admin::{Refused, finder};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::rule::to;
use crate::console::trouble::{CHANGED_MEANWHILE, Trouble};
use crate::console::visit::Visit;
use crate::secret::Redacted;
use crate::store::finder::{Finder, FinderAuth, Settings};
use crate::web::headers::PageClass;
use crate::web::page::render;

const HOME: &str = "/admin/telco-finder";

/// The ways to authenticate: their word, and what it means.
const WAYS: [(FinderAuth, &str, &str); 4] = [
    (FinderAuth::None, "none", "not at all"),
    (
        FinderAuth::Basic,
        "basic",
        "client ID and secret (HTTP Basic)",
    ),
    (FinderAuth::Bearer, "bearer", "the secret is the token"),
    (
        FinderAuth::ClientCredentials,
        "client_credentials",
        "a token from its token endpoint (client credentials)",
    ),
];

/// The form as it is shown.
#[derive(Default)]
struct Fields {
    revision: i32,
    url: String,
    auth: String,
    token_endpoint: String,
    client_id: String,
    scope: String,
    timeout_ms: String,
    prefixes: String,
}

/// What is asked now.
struct Known {
    settings: Settings,
    way: &'static str,
    has_secret: bool,
    managed_by: Option<String>,
    updated_at: Time,
}

#[derive(Template)]
#[template(path = "console/telco_finder.html")]
struct Page {
    frame: Frame,
    known: Option<Known>,
    fields: Fields,
    /// The field, and what is told.
    refused: Option<(&'static str, String)>,
}

impl Page {
    fn error(&self, field: &str) -> Option<&str> {
        let (refused, message) = self.refused.as_ref()?;
        (*refused == field).then_some(message.as_str())
    }

    /// What a field says about itself, for who hears the page.
    fn told_by(&self, field: &str) -> String {
        match self.error(field) {
            Some(_) => format!("{field}-error {field}-hint"),
            None => format!("{field}-hint"),
        }
    }

    fn ways(&self) -> &'static [(FinderAuth, &'static str, &'static str)] {
        &WAYS
    }
}

/// What is set, and the form.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let known = finder::show(&visit.desk()).await?;
    let fields = stored(known.as_ref());
    Ok(page(&visit, StatusCode::OK, known, fields, None))
}

/// Sets it, unless somebody else did so since the form was opened.
pub async fn save(visit: Visit) -> Result<Response, Trouble> {
    let seen = visit.field("revision").parse::<i32>().ok();
    let seen = seen.ok_or(Refused::Stale)?;
    let desk = visit.desk();
    let secret = Some(visit.field("secret").trim()).filter(|secret| !secret.is_empty());
    let secret = secret.map(|secret| Redacted::new(secret.to_owned()));
    let saved = match settings(&visit) {
        Ok(settings) => finder::put(&desk, settings, secret.as_ref(), (Some(seen), None)).await,
        Err(refused) => Err(refused),
    };
    let (status, refused) = match saved {
        Ok(_) => {
            visit.app.forget("operators").await;
            return Ok(to(HOME, "saved"));
        }
        Err(Refused::Invalid { field, message }) => {
            (StatusCode::UNPROCESSABLE_ENTITY, (field, message))
        }
        Err(Refused::Stale) => (StatusCode::CONFLICT, ("", CHANGED_MEANWHILE.to_owned())),
        Err(refused) => return Err(refused.into()),
    };
    let known = finder::show(&desk).await?;
    let revision = match status {
        StatusCode::CONFLICT => known.as_ref().map_or(0, |known| known.revision),
        // What others saved since the form was opened is found at the next try.
        _ => seen,
    };
    let fields = posted(&visit, revision);
    Ok(page(&visit, status, known, fields, Some(refused)))
}

/// Asks none any more, if the person ticked that they know what that means.
pub async fn remove(visit: Visit) -> Result<Response, Trouble> {
    let desk = visit.desk();
    if visit.field("sure") != "yes" {
        let known = finder::show(&desk).await?;
        let fields = stored(known.as_ref());
        let told = "Nothing was done. Tick that you know what this does.".to_owned();
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(page(&visit, status, known, fields, Some(("sure", told))));
    }
    let seen = visit.field("revision").parse::<i32>().ok();
    match finder::remove_seen(&desk, Some(seen.ok_or(Refused::Stale)?)).await {
        Ok(removed) => {
            visit.app.forget("operators").await;
            Ok(to(HOME, if removed { "removed" } else { "nothing" }))
        }
        Err(Refused::Stale) => {
            let known = finder::show(&desk).await?;
            let fields = stored(known.as_ref());
            let told = Some(("", CHANGED_MEANWHILE.to_owned()));
            Ok(page(&visit, StatusCode::CONFLICT, known, fields, told))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The contract that the form describes.
fn settings(visit: &Visit) -> Result<Settings, Refused> {
    let text = |name| {
        let text = visit.field(name).trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let refuse = |field, message: &str| Refused::Invalid {
        field,
        message: message.to_owned(),
    };
    let way = WAYS
        .iter()
        .find(|(_, word, _)| *word == visit.field("auth"));
    let (auth, _, _) = way.ok_or_else(|| refuse("auth", "choose one of the list"))?;
    let usual = Settings::default();
    let timeout_ms = match text("timeout_ms") {
        None => usual.timeout_ms,
        Some(text) => text
            .parse()
            .map_err(|_| refuse("timeout_ms", "write a whole number"))?,
    };
    let prefixes = visit.field("prefixes").split([',', ' ', '\n', '\r', '\t']);
    let prefixes = prefixes.map(|prefix| prefix.trim_start_matches('+'));
    Ok(Settings {
        url: text("url").unwrap_or_default(),
        auth: *auth,
        token_endpoint: text("token_endpoint"),
        client_id: text("client_id"),
        scope: text("scope"),
        timeout_ms,
        prefixes: prefixes
            .filter(|prefix| !prefix.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

fn stored(known: Option<&Finder>) -> Fields {
    let usual = Settings::default();
    let settings = known.map_or(&usual, |known| &known.settings);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    Fields {
        revision: known.map_or(0, |known| known.revision),
        url: settings.url.clone(),
        auth: word_of(settings.auth).0.to_owned(),
        token_endpoint: text(&settings.token_endpoint),
        client_id: text(&settings.client_id),
        scope: text(&settings.scope),
        timeout_ms: settings.timeout_ms.to_string(),
        prefixes: settings.prefixes.join(" "),
    }
}

/// What was written, but for the secret.
fn posted(visit: &Visit, revision: i32) -> Fields {
    let text = |name| visit.field(name).to_owned();
    Fields {
        revision,
        url: text("url"),
        auth: text("auth"),
        token_endpoint: text("token_endpoint"),
        client_id: text("client_id"),
        scope: text("scope"),
        timeout_ms: text("timeout_ms"),
        prefixes: text("prefixes"),
    }
}

fn word_of(auth: FinderAuth) -> (&'static str, &'static str) {
    let found = WAYS.iter().find(|(way, _, _)| *way == auth);
    found.map_or(("", ""), |(_, word, says)| (*word, *says))
}

fn page(
    visit: &Visit,
    status: StatusCode,
    known: Option<Finder>,
    fields: Fields,
    refused: Option<(&'static str, String)>,
) -> Response {
    let page = Page {
        frame: visit.frame("Telco finder"),
        known: known.map(|known| Known {
            way: word_of(known.settings.auth).1,
            has_secret: known.sealed_credentials.is_some(),
            managed_by: known.managed_by,
            updated_at: known.updated_at,
            settings: known.settings,
        }),
        fields,
        refused,
    };
    render(status, PageClass::Console, &page)
}
