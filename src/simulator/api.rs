//! The Number Verification API. The order of checks is CAMARA's safe one: correlator 400, token 401,
//! scope 403, body 400, and what the scenario has in store (authentication method 403 first) last.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Extension, Json};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::contract::{self, Contract, Number};
use super::expiring::key_of;
use super::journal::Entry;
use super::network::{AccessToken, Network};
use super::scenario::{AtApi, AtShare, AtVerify, Effect};
use crate::phone::PhoneNumber;

const CORRELATOR: HeaderName = HeaderName::from_static("x-correlator");
/// How long a late answer takes.
const DELAY: Duration = Duration::from_secs(30);

/// An error, before it has its contract's shape.
pub(super) struct Fault {
    status: u16,
    code: &'static str,
    message: &'static str,
    retry_after: Option<u32>,
}

impl Fault {
    pub(super) fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
            retry_after: None,
        }
    }

    pub(super) fn argument(message: &'static str) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    pub(super) fn unauthenticated(message: &'static str) -> Self {
        Self::new(401, "UNAUTHENTICATED", message)
    }

    /// In CAMARA's shape.
    pub(super) fn into_response(self) -> Response {
        self.shaped(&super::contracts::CAMARA_2_1.call)
    }

    fn shaped(self, call: &contract::Call) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let Self { code, message, .. } = self;
        let body = match call {
            contract::Call::Camara { namespaced, .. } => {
                let code = match code {
                    "INVALID_TOKEN_CONTEXT" if *namespaced => {
                        "NUMBER_VERIFICATION.INVALID_TOKEN_CONTEXT"
                    }
                    other => other,
                };
                json!({ "status": self.status, "code": code, "message": message })
            }
            contract::Call::Match { .. } => match self.status {
                400 => json!({ "error": "invalid_request", "error_description": message }),
                401 => json!({ "code": "UNAUTHORIZED", "message": message }),
                403 => json!({ "code": "FORBIDDEN", "message": message }),
                // Written like this.
                503 => json!({ "code": "SERVICE_UNAVALIBLE", "message": message }),
                _ => json!({ "status": "ERROR", "message": message }),
            },
        };
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Which of the two calls, with what it brought.
pub(super) enum Call {
    Verify(Asked),
    Share,
}

/// What is compared with the SIM's number.
pub(super) enum Asked {
    Number(PhoneNumber),
    /// Hex of SHA-256 in either case.
    Hash(String),
}

/// `POST {root}/verify`.
pub(super) async fn verify(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let correlator = match correlator(&network, &headers) {
        Ok(correlator) => correlator,
        Err(fault) => return finish(fault.shaped(&network.contract().call), None),
    };
    let called = take_token(&network, &headers).and_then(|token| {
        if !token.scope.verify {
            return Err(Fault::new(
                403,
                "PERMISSION_DENIED",
                "The token has no scope for this call.",
            ));
        }
        let asked = read_body(network.contract(), &headers, &body)?;
        check_country(network.contract(), &token, &asked)?;
        Ok((token, Call::Verify(asked)))
    });
    conclude(&network, entry, correlator, called).await
}

/// `GET {root}/device-phone-number`.
pub(super) async fn share(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
) -> Response {
    let correlator = match correlator(&network, &headers) {
        Ok(correlator) => correlator,
        Err(fault) => return finish(fault.shaped(&network.contract().call), None),
    };
    let called = take_token(&network, &headers).and_then(|token| {
        if !token.scope.share {
            return Err(Fault::new(
                403,
                "PERMISSION_DENIED",
                "The token has no scope for this call.",
            ));
        }
        Ok((token, Call::Share))
    });
    conclude(&network, entry, correlator, called).await
}

/// Any path we do not have.
pub(super) async fn not_found() -> Response {
    Fault::new(404, "NOT_FOUND", "There is nothing here.").into_response()
}

/// Answers a call whose token and body were read, or not.
pub(super) async fn conclude(
    network: &Network,
    entry: Entry,
    correlator: Option<HeaderValue>,
    called: Result<(AccessToken, Call), Fault>,
) -> Response {
    let (token, call) = match called {
        Ok(called) => called,
        Err(fault) => {
            return finish(fault.shaped(&network.contract().call), correlator);
        }
    };
    let contract = network.contract();
    let number = &token.number;
    let plain = |call: &Call, number: &PhoneNumber| plain(contract, call, number);
    let verified = |value: Value| verified(contract, value);
    let Some(scenario) = token.scenario else {
        return finish(plain(&call, number), correlator);
    };
    match scenario.effect {
        // The rest of the way is ordinary for what acted earlier, or acts on other calls.
        Effect::Authorize(_)
        | Effect::Callback(_)
        | Effect::Token(_)
        | Effect::IdToken(_)
        | Effect::Discovery(_)
        | Effect::Check(_)
        | Effect::BackChannel(_) => finish(plain(&call, number), correlator),
        Effect::Verify(effect) => {
            network.acted(entry, scenario);
            let response = match (effect, &call) {
                (AtVerify::Different, Call::Verify(_)) => verified(json!(false)),
                (AtVerify::Compare, _) | (AtVerify::Different, Call::Share) => plain(&call, number),
            };
            finish(response, correlator)
        }
        Effect::Share(effect) => {
            network.acted(entry, scenario);
            let response = match (effect, &call) {
                (_, Call::Verify(_)) | (AtShare::Number, Call::Share) => plain(&call, number),
                (AtShare::WithoutPlus, Call::Share) => shared(json!(number.digits())),
                (AtShare::Forbidden, Call::Share) => {
                    Fault::new(403, "PERMISSION_DENIED", scenario.says).shaped(&contract.call)
                }
                (AtShare::NotOffered, Call::Share) => {
                    Fault::new(404, "NOT_FOUND", scenario.says).shaped(&contract.call)
                }
            };
            finish(response, correlator)
        }
        Effect::Api(effect) => {
            network.acted(entry, scenario);
            let response = match effect {
                AtApi::Error(status, code, retry_after) => {
                    let fault = Fault {
                        status,
                        code,
                        message: scenario.says,
                        retry_after,
                    };
                    fault.shaped(&contract.call)
                }
                AtApi::WrongType => match &call {
                    Call::Verify(_) => verified(json!("true")),
                    Call::Share => shared(json!(number.digits().parse::<u64>().unwrap_or(0))),
                },
                AtApi::MissingMember => Json(json!({})).into_response(),
                AtApi::Null => match &call {
                    Call::Verify(_) => verified(Value::Null),
                    Call::Share => shared(Value::Null),
                },
                AtApi::Empty => StatusCode::OK.into_response(),
                AtApi::Html => {
                    Html("<!doctype html><title>Welcome</title><h1>Welcome</h1>").into_response()
                }
                AtApi::WithoutCorrelator => return finish(plain(&call, number), None),
                AtApi::Delay => {
                    tokio::time::sleep(DELAY).await;
                    plain(&call, number)
                }
            };
            finish(response, correlator)
        }
    }
}

/// What an ordinary SIM answers.
fn plain(contract: &Contract, call: &Call, number: &PhoneNumber) -> Response {
    match call {
        Call::Verify(Asked::Number(asked)) => verified(contract, json!(asked == number)),
        Call::Verify(Asked::Hash(hash)) => {
            let same = hash.eq_ignore_ascii_case(&number.sha256_hex());
            verified(contract, json!(same))
        }
        Call::Share => shared(json!(number.e164())),
    }
}

fn verified(contract: &Contract, value: Value) -> Response {
    let member = match contract.call {
        contract::Call::Camara { .. } => "devicePhoneNumberVerified",
        contract::Call::Match { .. } => "device_msisdn_verified",
    };
    Json(json!({ member: value })).into_response()
}

fn shared(value: Value) -> Response {
    Json(json!({ "devicePhoneNumber": value })).into_response()
}

pub(super) fn finish(mut response: Response, correlator: Option<HeaderValue>) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(correlator) = correlator {
        headers.insert(CORRELATOR, correlator);
    }
    response
}

/// The correlator to echo; an empty one is none.
pub(super) fn correlator(
    network: &Network,
    headers: &HeaderMap,
) -> Result<Option<HeaderValue>, Fault> {
    let Some(value) = headers.get(CORRELATOR).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let contract::Call::Camara { correlator, .. } = network.contract().call else {
        return Ok(None);
    };
    let fits = value.to_str().is_ok_and(|text| correlator.accepts(text));
    if fits {
        Ok(Some(value.clone()))
    } else {
        Err(Fault::argument(
            "x-correlator does not have the shape of the specification.",
        ))
    }
}

/// Takes the token out: whatever comes of the call, it was the only one. Some contracts let it be used
/// again.
pub(super) fn take_token(network: &Network, headers: &HeaderMap) -> Result<AccessToken, Fault> {
    let now = network.clock.now();
    let header = headers
        .get(AUTHORIZATION)
        .ok_or(Fault::unauthenticated("There is no Authorization header."))?;
    let token = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .ok_or(Fault::unauthenticated(
            "The Authorization header holds no Bearer token.",
        ))?
        .1;
    let key = key_of(token.trim());
    let token = if network.contract().reusable_token {
        network.tokens.with(now, &key, |token| token.clone())
    } else {
        network.tokens.take(now, &key)
    };
    token
        .filter(|token| token.until > now)
        .ok_or(Fault::unauthenticated(
            "The token is not known, has expired or was used before.",
        ))
}

/// A reusable token is good for one country.
fn check_country(contract: &Contract, token: &AccessToken, asked: &Asked) -> Result<(), Fault> {
    let country = |number: &PhoneNumber| {
        let shown = number.masked();
        shown.split(' ').next().unwrap_or_default().to_owned()
    };
    match asked {
        Asked::Number(asked)
            if contract.reusable_token && country(asked) != country(&token.number) =>
        {
            Err(Fault::new(
                403,
                "PERMISSION_DENIED",
                "The token is for another country.",
            ))
        }
        Asked::Number(_) | Asked::Hash(_) => Ok(()),
    }
}

/// A number in the spelling of the contract.
fn read_number(spelling: Number, text: &str) -> Option<PhoneNumber> {
    let with_plus = match (spelling, text.starts_with('+')) {
        (Number::Plus | Number::OptionalPlus, true) => text.to_owned(),
        (Number::OptionalPlus | Number::Digits, false) => format!("+{text}"),
        (Number::Plus, false) | (Number::Digits, true) => return None,
    };
    PhoneNumber::from_e164(&with_plus).ok()
}

/// The body of `verify` has exactly one member: `phoneNumber` or `hashedPhoneNumber`.
fn read_body(contract: &Contract, headers: &HeaderMap, body: &[u8]) -> Result<Asked, Fault> {
    let members = read_object(headers, body)?;
    let contract::Call::Camara { number, .. } = contract.call else {
        return Err(Fault::argument("This is another call."));
    };
    let only = (members.len() == 1)
        .then(|| members.iter().next())
        .flatten();
    match only.map(|(name, value)| (name.as_str(), value.as_str())) {
        Some(("phoneNumber", Some(text))) => read_number(number, text)
            .map(Asked::Number)
            .ok_or(Fault::argument("phoneNumber is not E.164 as agreed.")),
        Some(("hashedPhoneNumber", Some(text))) => read_hash(text),
        _ => Err(Fault::argument(
            "Exactly one of phoneNumber and hashedPhoneNumber is needed.",
        )),
    }
}

/// A hash, in either case.
pub(super) fn read_hash(text: &str) -> Result<Asked, Fault> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(Asked::Hash(text.to_owned()))
    } else {
        Err(Fault::argument("The hash is not SHA-256 in hex."))
    }
}

/// A JSON object.
pub(super) fn read_object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Fault> {
    if body.is_empty() {
        return Err(Fault::argument("There is no body."));
    }
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !kind.starts_with("application/json") {
        return Err(Fault::new(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "The body is not application/json.",
        ));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Fault::argument("The body is not a JSON object.")),
    }
}
