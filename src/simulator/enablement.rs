//! Vonage's Network Enablement: whether a number is covered, and where its browser goes then, without
//! the number in that address.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::client::Client;
use super::client_auth::with_application;
use super::journal::Entry;
use super::network::Network;
use super::parameters::{Parameters, with_query};
use super::scenario::{AtAuthorize, Effect, Scenario};
use super::scope;
use crate::phone::PhoneNumber;

/// `POST` to the path of Network Enablement.
pub(super) async fn post(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(client) = with_application(&network, &headers) else {
        let body = json!({ "title": "Unauthorized", "detail": "Check the application's JWT." });
        return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    };
    match answer(&network, entry, &client, &body) {
        Some(answer) => Json(answer).into_response(),
        None => {
            let body = json!({ "title": "Bad Request", "detail": "Check the parameters." });
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
    }
}

fn answer(network: &Network, entry: Entry, client: &Client, body: &[u8]) -> Option<Value> {
    let asked: Value = serde_json::from_slice(body).ok()?;
    let number = PhoneNumber::from_e164(asked.get("phone_number")?.as_str()?).ok()?;
    let state = asked.get("state")?.as_str()?;
    let scenario = Scenario::of(&number)
        .filter(|row| row.effect == Effect::Authorize(AtAuthorize::NotCovered));
    if let Some(scenario) = scenario {
        network.acted(entry, scenario);
    }
    let mut of_scopes = Map::new();
    for wanted in asked.get("scopes")?.as_array()? {
        let wanted = wanted.as_str()?;
        let known = Parameters::new(vec![("scope".to_owned(), wanted.to_owned())]);
        scope::read(network.contract(), &known).ok()?;
        let answer = if scenario.is_some() {
            json!({ "error": {
                "title": "Number not covered", "error_type": "UNAUTHORIZED",
                "detail": "The number is not on the allow-list.", "instance": "simulator",
            } })
        } else {
            let ticket = network.enabled.issue(network.clock.now(), number.clone());
            let url = with_query(
                &network.url(network.contract().authorize),
                &[
                    ("client_id", client.id.as_str()),
                    ("response_type", "code"),
                    ("scope", &format!("openid {wanted}")),
                    ("redirect_uri", client.redirect_uris.first()?),
                    ("login_hint", &format!("enablement:{ticket}")),
                    ("state", state),
                ],
            );
            json!({ "auth_url": url })
        };
        of_scopes.insert(wanted.to_owned(), answer);
    }
    Some(json!({ "scopes": of_scopes }))
}
