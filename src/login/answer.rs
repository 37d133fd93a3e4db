//! The way back to the app: an answer, a code or an error, in the mode that the request asked for.
//! Every way back of a login goes through here.
//!
//! `GET /login/{id}/answer` gives the answer of a login that is over, for pages that only have a link:
//! what a form carries or a signature dates cannot stand in one.

use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use chrono::TimeDelta;
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use serde_json::{Map, Value, json};

use crate::login::entry::{Entry, enter};
use crate::login::show;
use crate::login::view::{Leaving, Why};
use crate::oauth::error::OAuthError;
use crate::oauth::redirect::{Answer, VerifiedRedirect};
use crate::oauth::response_mode::{Carrier, ResponseMode};
use crate::store::clients::Client;
use crate::store::logins::{self, Login, Stage};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::brand::Brand;
use crate::web::browser::{Browser, LanguageWish};
use crate::web::failure::Failure;
use crate::web::headers::PageClass;
use crate::web::page::{self, Frame, render};
use crate::web::plain::FormPost;

/// How long a signed answer may travel (JARM section 2.1: at most ten minutes).
const TRAVELS: TimeDelta = TimeDelta::minutes(5);

/// An answer ready to leave.
enum Ready {
    /// By sending the browser there.
    There(String),
    /// By a form that it posts there.
    Posted(String, Vec<(String, String)>),
}

fn ready(
    app: &App,
    client: &Client,
    redirect: &VerifiedRedirect,
    answer: &Answer,
) -> Result<Ready, Failure> {
    let issuer = app.config.issuer.as_str();
    let mut parameters = redirect.parameters(answer, issuer);
    let signed;
    if redirect.mode().is_signed() {
        let expires = app.clock.now() + TRAVELS;
        let mut claims: Map<String, Value> = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        claims.insert("aud".to_owned(), json!(client.client_id));
        claims.insert("exp".to_owned(), json!(expires.timestamp()));
        let keyring = app.keyring.current();
        signed = keyring
            .sign(client.settings.authorization_response_alg, None, &claims)
            .map_err(Failure::internal)?;
        parameters = vec![("response", &signed)];
    }
    Ok(match redirect.mode().carrier() {
        Carrier::Query | Carrier::Fragment => Ready::There(redirect.with(&parameters)),
        Carrier::Form => Ready::Posted(
            redirect.uri().to_owned(),
            parameters
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        ),
    })
}

/// Back to the app at once.
pub fn at_once(
    app: &App,
    browser: &Browser,
    client: &Client,
    redirect: &VerifiedRedirect,
    answer: &Answer,
) -> Result<Response, Failure> {
    Ok(match ready(app, client, redirect, answer)? {
        Ready::There(url) => {
            let headers = [(LOCATION, url.as_str()), (CACHE_CONTROL, "no-store")];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Ready::Posted(action, fields) => {
            let language = browser.language_for(&LanguageWish {
                client: client.settings.default_locale.as_deref(),
                ..LanguageWish::default()
            });
            let frame = Frame {
                app: Some(page::App {
                    name: client.name.clone(),
                    domain: redirect.host(),
                }),
                brand: Brand::of(client),
                ..Frame::branded(&app.config.branding, language)
            };
            posted(frame, action, fields)
        }
    })
}

/// The page that leads back to the app: a form of ours may not be answered with a redirect to it,
/// because browsers apply `form-action` to every hop.
pub fn leaving(
    app: &App,
    frame: Frame,
    client: &Client,
    redirect: &VerifiedRedirect,
    answer: &Answer,
    why: Why,
) -> Result<Response, Failure> {
    Ok(match ready(app, client, redirect, answer)? {
        Ready::There(url) => render(
            StatusCode::OK,
            PageClass::Journey,
            &Leaving { frame, url, why },
        ),
        Ready::Posted(action, fields) => posted(frame, action, fields),
    })
}

fn posted(frame: Frame, action: String, fields: Vec<(String, String)>) -> Response {
    let page = FormPost {
        frame,
        action,
        fields,
    };
    render(StatusCode::OK, PageClass::FormPost, &page)
}

/// The answer as an address, if it can be one: what a form carries cannot, and a signed answer has a
/// time.
pub fn url(app: &App, redirect: &VerifiedRedirect, answer: &Answer) -> Option<String> {
    match redirect.mode() {
        ResponseMode::Query | ResponseMode::Fragment => {
            Some(redirect.with(&redirect.parameters(answer, app.config.issuer.as_str())))
        }
        _ => None,
    }
}

/// The link that gives an app the answer of a login that is over.
pub fn link(app: &App, login: &Login, answer: &Answer) -> String {
    url(app, &login.request.redirect, answer)
        .unwrap_or_else(|| format!("/login/{}/answer", login.id))
}

/// The error an app is told for an outcome.
pub fn of_outcome(outcome: Outcome) -> Answer {
    let error = OAuthError::for_outcome(outcome)
        .or_else(|| OAuthError::for_outcome(Outcome::Expired))
        .expect("expired has an error");
    Answer::from(&error)
}

/// What an app may be told of a login now: its code while it is good; an error any number of times,
/// because it opens nothing.
pub async fn of_login(app: &App, entry: &Entry) -> Result<Option<Answer>, Failure> {
    let Entry { login, now, .. } = entry;
    if login.stage != Stage::Ended {
        let over = *now >= login.expires_at;
        return Ok(over.then(|| of_outcome(Outcome::Expired)));
    }
    if login.outcome == Some(Outcome::Verified)
        && !logins::has_live_code(app.db.relaxed_steps(), login.id, *now).await?
    {
        return Ok(None);
    }
    let stored = login.answer(&app.vault)?;
    let untold = || of_outcome(login.outcome.unwrap_or(Outcome::Expired));
    Ok(Some(stored.unwrap_or_else(untold)))
}

/// Gives the answer of a login that is over to its app.
pub async fn get(
    State(app): State<App>,
    browser: Browser,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let entry = match enter(&app, &browser, &id).await {
        Ok(entry) => entry,
        Err(answer) => return Ok(answer),
    };
    match of_login(&app, &entry).await? {
        Some(answer) => {
            let redirect = &entry.login.request.redirect;
            at_once(&app, &browser, &entry.client, redirect, &answer)
        }
        None => Ok(show::again(entry.login.id)),
    }
}
