//! The checks beside Number Verification: SIM swap (CAMARA 2.0) and number recycling. The order of
//! checks is CAMARA's safe one: correlator 400, token 401, scope 403, body 400, identifier 422, and
//! what the number has in store last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::{NaiveDate, TimeDelta};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};

use super::api::{Fault, correlator, finish};
use super::back_channel::{CheckScope, CheckToken};
use super::expiring::key_of;
use super::journal::Entry;
use super::network::Network;
use super::scenario::{AtCheck, Effect, Scenario};
use crate::clock::Time;
use crate::phone::PhoneNumber;

/// How long a late answer takes.
const DELAY: Duration = Duration::from_secs(30);
/// The longest look back, hours.
const LONGEST: u64 = 2_400;
/// How far back swaps are known where the law forbids more, days.
const MONITORED: u32 = 30;

/// What happened to SIMs, as tests and the dev stack set it.
#[derive(Default)]
pub(super) struct History {
    swapped: Mutex<HashMap<String, Time>>,
    recycled: Mutex<HashMap<String, Time>>,
}

impl History {
    pub(super) fn set_swapped(&self, number: &PhoneNumber, at: Option<Time>) {
        set(&self.swapped, number, at);
    }

    pub(super) fn set_recycled(&self, number: &PhoneNumber, at: Option<Time>) {
        set(&self.recycled, number, at);
    }

    pub(super) fn clear(&self) {
        lock(&self.swapped).clear();
        lock(&self.recycled).clear();
    }

    /// When the number moved to its present SIM.
    fn swapped(&self, number: &PhoneNumber, now: Time) -> Option<Time> {
        match at_check(number) {
            Some(AtCheck::Swapped(hours)) => Some(now - TimeDelta::hours(i64::from(hours))),
            _ => lock(&self.swapped).get(number.e164()).copied(),
        }
    }

    /// When the number was given to its present owner.
    fn recycled(&self, number: &PhoneNumber, now: Time) -> Option<Time> {
        match at_check(number) {
            Some(AtCheck::Recycled) => Some(now - TimeDelta::days(1)),
            _ => lock(&self.recycled).get(number.e164()).copied(),
        }
    }
}

fn set(table: &Mutex<HashMap<String, Time>>, number: &PhoneNumber, at: Option<Time>) {
    let mut table = lock(table);
    match at {
        Some(at) => table.insert(number.e164().to_owned(), at),
        None => table.remove(number.e164()),
    };
}

fn lock(table: &Mutex<HashMap<String, Time>>) -> MutexGuard<'_, HashMap<String, Time>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

fn at_check(number: &PhoneNumber) -> Option<AtCheck> {
    match Scenario::of(number)?.effect {
        Effect::Check(effect) => Some(effect),
        _ => None,
    }
}

/// Which of the three calls.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    SwapCheck,
    SwapDate,
    Recycling,
}

impl Call {
    fn is_in(self, scope: CheckScope) -> bool {
        match self {
            Self::SwapCheck => scope.swap_check,
            Self::SwapDate => scope.swap_date,
            Self::Recycling => scope.recycling,
        }
    }
}

/// `POST /sim-swap/v2/check`.
pub(super) async fn swap_check(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&network, entry, &headers, &body, Call::SwapCheck).await
}

/// `POST /sim-swap/v2/retrieve-date`.
pub(super) async fn swap_date(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&network, entry, &headers, &body, Call::SwapDate).await
}

/// `POST /number-recycling/v0.2/check`.
pub(super) async fn recycling(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answer(&network, entry, &headers, &body, Call::Recycling).await
}

async fn answer(
    network: &Network,
    entry: Entry,
    headers: &HeaderMap,
    body: &[u8],
    call: Call,
) -> Response {
    let echoed = match correlator(network, headers) {
        Ok(echoed) => echoed,
        Err(fault) => return finish(fault.into_response(), None),
    };
    match said(network, entry, headers, body, call).await {
        Ok(body) => finish(Json(body).into_response(), echoed),
        Err(fault) => finish(fault.into_response(), echoed),
    }
}

async fn said(
    network: &Network,
    entry: Entry,
    headers: &HeaderMap,
    body: &[u8],
    call: Call,
) -> Result<Value, Fault> {
    let token = take_token(network, headers)?;
    if !call.is_in(token.scope) {
        let text = "The token has no scope for this call.";
        return Err(Fault::new(403, "PERMISSION_DENIED", text));
    }
    let body = read_body(headers, body)?;
    let number = identified(&body, token)?;
    let effect = at_check(&number);
    if let (Some(_), Some(scenario)) = (effect, Scenario::of(&number)) {
        network.acted(entry, scenario);
    }
    let swap = call != Call::Recycling;
    match effect {
        Some(AtCheck::SwapError(status, code)) if swap => {
            return Err(Fault::new(status, code, "Asked for by the number."));
        }
        Some(AtCheck::RecyclingError(status, code)) if !swap => {
            return Err(Fault::new(status, code, "Asked for by the number."));
        }
        Some(AtCheck::Delay) => tokio::time::sleep(DELAY).await,
        _ => {}
    }
    let now = network.clock.now();
    let wrong_type = effect == Some(AtCheck::WrongType);
    let told = |said: bool| {
        if wrong_type {
            json!(said.to_string())
        } else {
            json!(said)
        }
    };
    Ok(match call {
        Call::SwapCheck => {
            let since = now - TimeDelta::hours(read_max_age(&body)?);
            let swapped = network.history.swapped(&number, now);
            json!({ "swapped": told(swapped.is_some_and(|at| at >= since)) })
        }
        Call::SwapDate if effect == Some(AtCheck::Unmonitored) => {
            json!({ "latestSimChange": null, "monitoredPeriod": MONITORED })
        }
        Call::SwapDate => {
            let swapped = network.history.swapped(&number, now);
            json!({ "latestSimChange": swapped })
        }
        Call::Recycling => {
            let since = read_date(&body, now)?;
            let recycled = network.history.recycled(&number, now);
            json!({ "phoneNumberRecycled": told(recycled.is_some_and(|at| at.date_naive() >= since)) })
        }
    })
}

/// Takes the token out: one token, one check.
fn take_token(network: &Network, headers: &HeaderMap) -> Result<CheckToken, Fault> {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value: &HeaderValue| value.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "))
        .ok_or(Fault::unauthenticated("There is no Bearer token."))?;
    network
        .back_channel
        .tokens
        .take(network.clock.now(), &key_of(token.trim()))
        .ok_or(Fault::unauthenticated(
            "The token is not known, has expired or was used before.",
        ))
}

fn read_body(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let kind = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !kind.starts_with("application/json") {
        let text = "The body is not application/json.";
        return Err(Fault::new(415, "UNSUPPORTED_MEDIA_TYPE", text));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Fault::argument("The body is not a JSON object.")),
    }
}

/// A token about a number must come without one, any other with one.
fn identified(body: &Map<String, Value>, token: CheckToken) -> Result<PhoneNumber, Fault> {
    let given = match body.get("phoneNumber") {
        None => None,
        Some(Value::String(text)) => Some(
            PhoneNumber::from_e164(text)
                .map_err(|_| Fault::argument("phoneNumber is not E.164 with a plus sign."))?,
        ),
        Some(_) => return Err(Fault::argument("phoneNumber is no string.")),
    };
    match (token.number, given) {
        (Some(number), None) | (None, Some(number)) => Ok(number),
        (Some(_), Some(_)) => Err(Fault::new(
            422,
            "UNNECESSARY_IDENTIFIER",
            "The token names the number already.",
        )),
        (None, None) => Err(Fault::new(
            422,
            "MISSING_IDENTIFIER",
            "The token names no number.",
        )),
    }
}

fn read_max_age(body: &Map<String, Value>) -> Result<i64, Fault> {
    match body.get("maxAge") {
        None => Ok(240),
        Some(hours) => match hours.as_u64() {
            None => Err(Fault::argument("maxAge is no whole number.")),
            Some(hours @ 1..=LONGEST) => Ok(i64::try_from(hours).unwrap_or(0)),
            Some(_) => Err(Fault::new(400, "OUT_OF_RANGE", "maxAge is 1 to 2400.")),
        },
    }
}

fn read_date(body: &Map<String, Value>, now: Time) -> Result<NaiveDate, Fault> {
    let date = body
        .get("specifiedDate")
        .and_then(Value::as_str)
        .and_then(|text| text.parse::<NaiveDate>().ok())
        .ok_or(Fault::argument("specifiedDate is no date."))?;
    if date > now.date_naive() {
        let text = "specifiedDate is still to come.";
        return Err(Fault::new(400, "OUT_OF_RANGE", text));
    }
    Ok(date)
}
