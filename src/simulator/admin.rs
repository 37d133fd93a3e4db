//! `/sim/admin`: devices behind addresses, the next answer, latency and the journal, as a page and as
//! JSON. Without a login: the pretend operator listens where only its developer is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chrono::TimeDelta;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::journal::Received;
use super::network::{Device, Network};
use super::pages;
use super::parameters::Parameters;
use super::scenario::Scenario;
use super::sims::{self, Trouble};
use crate::phone::PhoneNumber;

/// Rows of the journal on the page.
const SHOWN: usize = 100;
/// Most addresses in the table.
const MOST_ADDRESSES: usize = 10_000;
/// Longest latency, milliseconds.
const LONGEST_LATENCY: u64 = 120_000;

#[derive(Template)]
#[template(path = "simulator/admin.html")]
struct Page {
    issuer: String,
    persona: &'static str,
    clients: Vec<String>,
    addresses: Vec<(String, String)>,
    next: Option<&'static Scenario>,
    latency: u128,
    sims: Vec<sims::Shown>,
    has_phone: bool,
    journal: Vec<Received>,
}

/// `GET /sim/admin`.
pub(super) async fn page(State(network): State<Arc<Network>>) -> Response {
    let mut journal = network.journal.entries();
    journal.reverse();
    journal.truncate(SHOWN);
    let addresses = network.addresses();
    pages::render(
        StatusCode::OK,
        &Page {
            issuer: network.issuer.clone(),
            persona: network.persona.name(),
            clients: network.client_ids(),
            addresses: addresses
                .iter()
                .map(|(ip, device)| (ip.to_string(), device.shown()))
                .collect(),
            next: network.peek_override(),
            latency: network.latency().as_millis(),
            sims: network.sims.shown(),
            has_phone: network.radio().is_some(),
            journal,
        },
    )
}

/// `GET /sim/admin/state`.
pub(super) async fn state(State(network): State<Arc<Network>>) -> Json<Value> {
    let addresses: Vec<_> = network
        .addresses()
        .into_iter()
        .map(|(address, sim)| json!({ "address": address, "sim": sim }))
        .collect();
    Json(json!({
        "issuer": network.issuer,
        "persona": network.persona.name(),
        "clients": network.client_ids(),
        "addresses": addresses,
        "sims": network.sims.shown(),
        "override": network.peek_override().map(|scenario| scenario.code),
        "latency_milliseconds": u64::try_from(network.latency().as_millis()).unwrap_or(u64::MAX),
    }))
}

/// `GET /sim/admin/journal`: oldest first.
pub(super) async fn journal(State(network): State<Arc<Network>>) -> Json<Vec<Received>> {
    Json(network.journal.entries())
}

/// `POST /sim/admin/addresses` with `address` and `sim` (a number, `wifi`, or empty to forget it).
pub(super) async fn set_address(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(&headers, &body, |given| {
        let address: IpAddr = given.get("address")?.trim().parse().ok()?;
        let device = match given.get("sim") {
            None => None,
            Some(text) => Some(Device::parse(text)?),
        };
        if device.is_some() && network.addresses().len() >= MOST_ADDRESSES {
            return None;
        }
        network.set_address(address, device);
        Some(())
    })
}

/// `POST /sim/admin/override` with `code` (empty to take it back).
pub(super) async fn set_override(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(&headers, &body, |given| {
        let scenario = match given.get("code") {
            None => None,
            Some(code) => Some(Scenario::with_code(code.trim().parse().ok()?)?),
        };
        network.set_override(scenario);
        Some(())
    })
}

/// `POST /sim/admin/latency` with `milliseconds`.
pub(super) async fn set_latency(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(&headers, &body, |given| {
        let milliseconds: u64 = given.get("milliseconds")?.trim().parse().ok()?;
        if milliseconds > LONGEST_LATENCY {
            return None;
        }
        network.set_latency(Duration::from_millis(milliseconds));
        Some(())
    })
}

/// `POST /sim/admin/sims` with `sim`, and its `fault` (a magic number's code), `delay_milliseconds`,
/// `swapped_hours_ago` and `recycled_days_ago`; without all of them, it is an ordinary SIM again.
pub(super) async fn set_sim(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(&headers, &body, |given| {
        let number = PhoneNumber::parse(given.get("sim")?, None).ok()?;
        let fault = match given.get("fault") {
            None => None,
            Some(code) => Some(Scenario::with_code(code.trim().parse().ok()?)?),
        };
        let delay: u64 = match given.get("delay_milliseconds") {
            None => 0,
            Some(text) => text.trim().parse().ok()?,
        };
        let trouble = Trouble {
            fault,
            delay: Duration::from_millis(delay),
        };
        let ago = |name, hours: u32| match given.get(name) {
            None => Some(None),
            Some(text) => {
                let many: u32 = text.trim().parse().ok()?;
                let hours = i64::from(many.checked_mul(hours)?);
                Some(Some(network.clock.now() - TimeDelta::hours(hours)))
            }
        };
        let swapped = ago("swapped_hours_ago", 1)?;
        let recycled = ago("recycled_days_ago", 24)?;
        if delay > LONGEST_LATENCY || !network.sims.set(&number, trouble) {
            return None;
        }
        network.history.set_swapped(&number, swapped);
        network.history.set_recycled(&number, recycled);
        Some(())
    })
}

/// `POST /sim/admin/reset`.
pub(super) async fn reset(
    State(network): State<Arc<Network>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(&headers, &body, |_| {
        network.reset();
        Some(())
    })
}

/// Applies what a form or a JSON object says: a form goes back to the page, JSON gets 204. Nothing
/// changes on a request that another site made the browser send.
fn change(
    headers: &HeaderMap,
    body: &[u8],
    apply: impl FnOnce(&Parameters) -> Option<()>,
) -> Response {
    change_at("/sim/admin", headers, body, apply)
}

/// The same for a form of another page.
pub(super) fn change_at(
    page: &str,
    headers: &HeaderMap,
    body: &[u8],
    apply: impl FnOnce(&Parameters) -> Option<()>,
) -> Response {
    if pages::is_cross_site(headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let is_json = kind.starts_with("application/json");
    let given = if is_json {
        from_json(body)
    } else {
        Some(Parameters::parse(body))
    };
    match (given.as_ref().and_then(apply), is_json) {
        (Some(()), true) => StatusCode::NO_CONTENT.into_response(),
        (Some(()), false) => Redirect::to(page).into_response(),
        (None, true) => StatusCode::BAD_REQUEST.into_response(),
        (None, false) => pages::refuse("Something in the form is not understood."),
    }
}

fn from_json(body: &[u8]) -> Option<Parameters> {
    let Value::Object(members) = serde_json::from_slice(body).ok()? else {
        return None;
    };
    let pairs = members.into_iter().map(|(name, value)| {
        let text = match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        (name, text)
    });
    Some(Parameters::new(pairs.collect()))
}
