//! Mobile Connect's match call: the number, plain or hashed as the scope said, against the SIM's.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde_json::Value;

use super::api::{Asked, Call, Fault, conclude, read_hash, read_object, take_token};
use super::contract;
use super::journal::Entry;
use super::network::{AccessToken, Network};
use crate::phone::PhoneNumber;

/// `POST` to the match call's path.
pub(super) async fn post(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let called = take_token(&network, &headers).and_then(|token| {
        if !token.scope.verify {
            return Err(Fault::new(403, "FORBIDDEN", "The token has no such scope."));
        }
        let asked = read(&network, &headers, &body, &token)?;
        Ok((token, Call::Verify(asked)))
    });
    conclude(&network, entry, None, called).await
}

fn read(
    network: &Network,
    headers: &HeaderMap,
    body: &[u8],
    token: &AccessToken,
) -> Result<Asked, Fault> {
    let contract::Call::Match { correlated, .. } = network.contract().call else {
        return Err(Fault::argument("There is no match call here."));
    };
    let body = read_object(headers, body)?;
    if correlated {
        if headers
            .get("x-request-consentgranted")
            .is_none_or(|value| value != "true")
        {
            return Err(Fault::new(
                403,
                "FORBIDDEN",
                "Consent is not said to be given.",
            ));
        }
        let address = headers.get("x-request-deviceip");
        let is_none = |value: &http::HeaderValue| {
            let text = value.to_str().unwrap_or("");
            text.parse::<std::net::IpAddr>().is_err()
        };
        if address.is_some_and(is_none) {
            return Err(Fault::argument("X-Request-deviceIp is no address."));
        }
        if body.get("correlation_id").and_then(Value::as_str) != token.correlation.as_deref() {
            return Err(Fault::argument("correlation_id is another."));
        }
    }
    let known = ["mc_claims", "correlation_id"];
    if body
        .keys()
        .any(|name| !known[..1 + usize::from(correlated)].contains(&name.as_str()))
    {
        return Err(Fault::argument("The body has an unknown member."));
    }
    let claims = body.get("mc_claims").and_then(Value::as_object);
    let only = claims
        .filter(|claims| claims.len() == 1)
        .and_then(|claims| claims.iter().next())
        .ok_or(Fault::argument("mc_claims holds exactly one claim."))?;
    match (only.0.as_str(), only.1.as_str(), token.scope.hashed) {
        ("device_msisdn_hash", Some(hash), true) => read_hash(hash),
        ("device_msisdn", Some(text), false) => PhoneNumber::from_e164(text)
            .map(Asked::Number)
            .map_err(|_| Fault::argument("device_msisdn is not E.164.")),
        _ => Err(Fault::argument("The claim is not the one of the scope.")),
    }
}
