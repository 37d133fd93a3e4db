//! Pages of the pretend operator: plain HTML without JavaScript, for a phone first.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, LOCATION,
    REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

use super::expiring::key_of;
use super::handle::Handle;
use super::network::{Device, Network, PICK_LIFE};
use super::parameters::Parameters;
use super::scenario::TABLE;

const STYLE: &str = include_str!("../../templates/simulator/style.css");
/// No `form-action`: the consent form must be able to end at the client.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "simulator/message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "simulator/picker.html")]
struct Picker<'a> {
    current: Option<String>,
    return_to: &'a str,
    problem: Option<String>,
    typed: &'a str,
}

#[derive(Template)]
#[template(path = "simulator/consent.html")]
struct Consent<'a> {
    client: &'a str,
    ticket: &'a str,
}

#[derive(Template)]
#[template(path = "simulator/links.html")]
struct Links<'a> {
    title: &'a str,
    text: &'a str,
    location: &'a str,
    times: Vec<usize>,
    printed: bool,
}

#[derive(Template)]
#[template(path = "simulator/numbers.html")]
struct Numbers {
    rows: Vec<(String, &'static str, &'static str)>,
}

/// Renders a page with the headers every page has.
pub(super) fn render(status: StatusCode, page: &impl Template) -> Response {
    let Ok(html) = page.render() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(html)).into_response()
}

/// A page that only says something.
pub(super) fn message(status: StatusCode, title: &str, text: &str) -> Response {
    render(status, &Message { title, text })
}

/// A page with status 400.
pub(super) fn refuse(text: &str) -> Response {
    message(StatusCode::BAD_REQUEST, "This does not work", text)
}

/// The consent page.
pub(super) fn consent(client: &str, ticket: &str) -> Response {
    render(StatusCode::OK, &Consent { client, ticket })
}

/// A page with the callback as one or more links.
pub(super) fn links(title: &str, text: &str, location: &str, times: usize) -> Response {
    let times = (1..=times).collect();
    render(
        StatusCode::OK,
        &Links {
            title,
            text,
            location,
            times,
            printed: false,
        },
    )
}

/// A page with the callback as text.
pub(super) fn printed(location: &str) -> Response {
    let (title, text) = (
        "Delivered elsewhere",
        "Open this address in another browser.",
    );
    render(
        StatusCode::OK,
        &Links {
            title,
            text,
            location,
            times: Vec::new(),
            printed: true,
        },
    )
}

/// The picker within an authorization: it goes on with `query` afterwards.
pub(super) fn pick_first(query: &str) -> Response {
    let page = Picker {
        current: None,
        return_to: query,
        problem: None,
        typed: "+990 70 0000",
    };
    render(StatusCode::OK, &page)
}

/// `GET /sim`: what this browser is.
pub(super) async fn picker(State(network): State<Arc<Network>>, headers: HeaderMap) -> Response {
    let current = network
        .picked(cookie(&headers))
        .map(|device| device.shown());
    let page = Picker {
        current,
        return_to: "",
        problem: None,
        typed: "+990 70 0000",
    };
    render(StatusCode::OK, &page)
}

/// `POST /sim`: the browser is this SIM from now on, or on Wi-Fi, or whatever is hinted.
pub(super) async fn pick(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if is_cross_site(&headers) {
        return message(
            StatusCode::FORBIDDEN,
            "Not from here",
            "This form belongs to another page.",
        );
    }
    let form = Parameters::parse(&body);
    let return_to = form.get("return_to").unwrap_or("");
    let now = network.clock.now();
    let picked = match form.get("be") {
        Some("wifi") => Some(Device::Wifi),
        Some("hinted") => None,
        _ => {
            let typed = form.get("sim").unwrap_or("");
            match crate::phone::PhoneNumber::parse(typed, None) {
                Ok(number) => Some(Device::Sim(number)),
                Err(why) => {
                    let problem = Some(format!("That is no number a SIM could have: {why}."));
                    let current = network
                        .picked(cookie(&headers))
                        .map(|device| device.shown());
                    let page = Picker {
                        current,
                        return_to,
                        problem,
                        typed,
                    };
                    return render(StatusCode::BAD_REQUEST, &page);
                }
            }
        }
    };
    if let Some(old) = cookie(&headers) {
        network.picks.take(now, &key_of(old));
    }
    let secure = if network.issuer.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let (value, age) = match picked {
        Some(device) => (network.picks.issue(now, device), PICK_LIFE.as_secs()),
        None => (String::new(), 0),
    };
    let cookie = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}",
        Handle::COOKIE
    );
    // Only ever a path of ours, whatever the form says.
    let location = if return_to.is_empty() {
        "/sim".to_owned()
    } else {
        format!(
            "{}?{}",
            network.contract().authorize,
            Parameters::parse(return_to.as_bytes()).encode()
        )
    };
    let (Ok(cookie), Ok(location)) = (
        HeaderValue::from_str(&cookie),
        HeaderValue::from_str(&location),
    ) else {
        return refuse("This cannot be kept.");
    };
    let headers = [
        (SET_COOKIE, cookie),
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// `GET /sim/numbers`: the magic numbers, as JSON for who accepts only that.
pub(super) async fn numbers(headers: HeaderMap) -> Response {
    let accept = headers
        .get(ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if accept.contains("application/json") {
        let rows: Vec<_> = TABLE
            .iter()
            .map(|row| {
                json!({ "number": row.number(), "code": row.code, "stage": row.effect.stage(), "says": row.says })
            })
            .collect();
        return Json(rows).into_response();
    }
    let rows = TABLE
        .iter()
        .map(|row| (row.number(), row.effect.stage(), row.says))
        .collect();
    render(StatusCode::OK, &Numbers { rows })
}

/// `GET /sim/style.css`.
pub(super) async fn style() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "max-age=3600"),
    ];
    (headers, STYLE).into_response()
}

/// What the browser's cookie of ours holds.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, value)| *name == Handle::COOKIE && !value.is_empty())
        .map(|(_, value)| value)
}

/// Whether a browser says that another site sent this form.
pub(super) fn is_cross_site(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none")
}
