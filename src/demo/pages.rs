//! The demo's pages, and the same as JSON for scripts (`Accept: application/json`).

mod cookie;
mod views;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Form, Query, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use cookie::Cookie;

use super::Settings;
use super::failure::Failure;
use super::pending::Pending;
use super::relying_party::{RelyingParty, SignedIn};
use crate::phone::PhoneNumber;
use crate::secret::Token;

/// More sign-ins than a demo sees at once.
const MOST_PENDING: usize = 1000;

/// No scripts, no frames, nothing from elsewhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; \
                                       base-uri 'none'; frame-ancestors 'none'";

const STYLE: &str = include_str!("../../templates/demo/demo.css");

struct App {
    relying_party: RelyingParty,
    pending: Pending,
    simulator_url: Option<String>,
    cookie: Cookie,
    /// `localhost:PORT` if we are `127.0.0.1:PORT`.
    other_name: Option<String>,
    url: String,
}

/// All routes of the demo app at `url`.
pub(super) fn router(relying_party: RelyingParty, settings: &Settings, url: &str) -> Router {
    let app = App {
        relying_party,
        pending: Pending::new(MOST_PENDING),
        simulator_url: settings.simulator_url.clone(),
        cookie: Cookie::new(url),
        other_name: url
            .strip_prefix("http://127.0.0.1:")
            .map(|port| format!("localhost:{port}")),
        url: url.to_owned(),
    };
    Router::new()
        .route("/", get(start_page))
        .route("/sign-in", post(sign_in))
        .route("/callback", get(callback))
        .route("/sign-out", get(sign_out))
        .route("/demo.css", get(style))
        .layer(DefaultBodyLimit::max(4096))
        .layer(from_fn(add_headers))
        .with_state(Arc::new(app))
}

#[derive(Deserialize)]
struct Number {
    #[serde(default)]
    number: String,
}

/// What the start page's field holds: nothing said, the test number that matches, so that with the
/// simulator two buttons suffice.
#[derive(Deserialize)]
struct Prefilled {
    number: Option<String>,
}

const MATCHES: &str = "+990 70 0000";

/// `/`, with the number filled in if a link of ours says so.
async fn start_page(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Query(Prefilled { number }): Query<Prefilled>,
) -> Response {
    // Our cookie and our redirect URI know one name only: a sign-in begun under the other would come
    // back to a browser without its cookie.
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if app.other_name.is_some() && host == app.other_name.as_deref() {
        return Redirect::to(&app.url).into_response();
    }
    let simulator = app.simulator_url.as_deref();
    let usual = if simulator.is_some() { MATCHES } else { "" };
    views::start(number.as_deref().unwrap_or(usual), None, simulator)
}

/// Starts a sign-in. Answers with a page that leaves by itself, not with a redirect: Chromium applies
/// our `form-action` to every hop that follows a form, so the issuer, the operator and whatever the
/// operator redirects to would have to stand in it. That is so for GET forms too.
async fn sign_in(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Form(Number { number }): Form<Number>,
) -> Response {
    let as_json = wants_json(&headers);
    // Without this any site could make a phone run a sign-in here.
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        let failure = Failure {
            status: StatusCode::FORBIDDEN,
            ..Failure::refused("not_our_form", "")
        };
        return answer_failure(&failure, as_json);
    }
    let number = match number.trim() {
        "" => None,
        text => match PhoneNumber::parse(text, None) {
            Ok(number) => Some(number.e164().to_owned()),
            Err(error) if as_json => {
                return answer_failure(
                    &Failure::refused("invalid_number", error.to_string()),
                    as_json,
                );
            }
            Err(error) => {
                return views::start(text, Some(error), app.simulator_url.as_deref());
            }
        },
    };
    let departure = match app.relying_party.depart(number).await {
        Ok(departure) => departure,
        Err(failure) => return answer_failure(&failure, as_json),
    };
    let browser = app.cookie.read(&headers).unwrap_or_else(Token::random);
    app.pending.insert(
        &departure.state,
        &browser,
        departure.expected,
        app.relying_party.now(),
    );
    let mut response = if as_json {
        Json(json!({ "ok": true, "authorization_url": departure.url })).into_response()
    } else {
        views::leave(departure.url.as_str())
    };
    response
        .headers_mut()
        .insert(header::SET_COOKIE, app.cookie.set(&browser));
    response
}

/// The redirect URI: checks everything and shows what came.
async fn callback(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let as_json = wants_json(&headers);
    match conclude(&app, &headers, query.as_deref().unwrap_or_default()).await {
        Ok(signed_in) if as_json => Json(json!({
            "ok": true,
            "claims": signed_in.claims,
            "userinfo": signed_in.userinfo,
        }))
        .into_response(),
        Ok(signed_in) => views::signed_in(&signed_in),
        Err(failure) => answer_failure(&failure, as_json),
    }
}

async fn conclude(app: &App, headers: &HeaderMap, query: &str) -> Result<SignedIn, Failure> {
    let answer = Answer::read(query)?;
    // State first: until it matches, nothing in the query was asked for, and nothing of it is shown.
    let expected = app
        .pending
        .take(
            answer.state.as_deref().unwrap_or_default(),
            app.cookie.read(headers).as_ref(),
            app.relying_party.now(),
        )
        .ok_or_else(|| {
            Failure::refused("wrong_state", "The state is not one of this browser’s.")
        })?;
    // RFC 9207: against an issuer that passes on another's answer as its own.
    if answer.iss.as_deref() != Some(app.relying_party.issuer()) {
        return Err(Failure::refused(
            "wrong_issuer",
            "The iss parameter is missing or names another issuer.",
        ));
    }
    if let Some(error) = answer.error {
        return Err(Failure::refused(
            &error,
            answer.error_description.unwrap_or_default(),
        ));
    }
    let code = answer
        .code
        .ok_or_else(|| Failure::refused("bad_answer", "There is neither a code nor an error."))?;
    app.relying_party.conclude(code, expected).await
}

/// The parameters of an authorization response.
#[derive(Default)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Answer {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut answer = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.iss,
                "error" => &mut answer.error,
                "error_description" => &mut answer.error_description,
                _ => continue,
            };
            // RFC 6749 section 3.1: a repeated parameter means that two readers may see two answers.
            if place.replace(value.into_owned()).is_some() {
                return Err(Failure::refused("bad_answer", "A parameter is repeated."));
            }
        }
        Ok(answer)
    }
}

/// Forgets the browser. The session at the issuer is the issuer's business.
async fn sign_out(State(app): State<Arc<App>>) -> impl IntoResponse {
    (
        [(header::SET_COOKIE, app.cookie.clear())],
        Redirect::to("/"),
    )
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

fn answer_failure(failure: &Failure, as_json: bool) -> Response {
    if as_json {
        let body = json!({
            "ok": false,
            "error": failure.error,
            "error_description": failure.description,
            "meaning": failure.meaning(),
        });
        return (failure.status, Json(body)).into_response();
    }
    (failure.status, views::failed(failure)).into_response()
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"))
}

async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The callback's address holds the code.
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
