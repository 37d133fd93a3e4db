//! The token endpoint. A code is spent before anything about it is checked but its client, so that
//! a wrong verifier burns it; a second redemption takes back the token of the first.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::TimeDelta;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::back_channel;
use super::client::Client;
use super::client_auth::{Denied, authenticate};
use super::expiring::{Key, key_of};
use super::id_token;
use super::journal::Entry;
use super::network::{AccessToken, Code, Grant, Network, TOKEN_LIFE};
use super::parameters::Parameters;
use super::scenario::{AtToken, Effect, Scenario};
use crate::secret::{Token, b64, same, sha256};

/// How long a late answer takes.
const DELAY: Duration = Duration::from_secs(30);

/// `POST /token`.
pub(super) async fn token(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut response = answer(&network, entry, &headers, &body).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn answer(network: &Network, entry: Entry, headers: &HeaderMap, body: &[u8]) -> Response {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return bad_request("invalid_request", "the body is not a form");
    }
    let form = Parameters::parse(body);
    if form.repeated().is_some() {
        return bad_request("invalid_request", "a parameter is repeated");
    }
    if let Some(answer) = back_channel::token(network, entry, headers, &form) {
        return answer;
    }
    let client = match authenticate(network, headers, &form) {
        Ok(client) => client,
        Err(Denied::InvalidClient(text)) => return invalid_client(text),
        Err(Denied::InvalidRequest(text)) => return bad_request("invalid_request", text),
    };
    match form.get("grant_type") {
        Some("authorization_code") => {}
        None => return bad_request("invalid_request", "grant_type is missing"),
        Some(_) => {
            return bad_request(
                "unsupported_grant_type",
                "authorization_code and the back channel's are supported",
            );
        }
    }
    let Some(code) = form.get("code") else {
        return bad_request("invalid_request", "code is missing");
    };
    let access_token = Token::random().reveal();
    let code = key_of(code);
    let grant = match redeem(network, &client, &form, &code, key_of(&access_token)) {
        Ok(grant) => grant,
        Err(text) => return bad_request("invalid_grant", text),
    };
    let effect = match grant.scenario {
        Some(scenario) => match scenario.effect {
            Effect::Token(effect) => {
                network.acted(entry, scenario);
                if effect == AtToken::Delay {
                    tokio::time::sleep(DELAY).await;
                }
                if let Some(response) = instead(effect, scenario) {
                    return response;
                }
                Some(effect)
            }
            Effect::IdToken(_) => {
                network.acted(entry, scenario);
                None
            }
            Effect::Authorize(_)
            | Effect::Callback(_)
            | Effect::Verify(_)
            | Effect::Share(_)
            | Effect::Api(_)
            | Effect::Check(_)
            | Effect::BackChannel(_) => None,
        },
        None => None,
    };
    grant_token(network, &grant, effect, &code, &access_token)
}

/// Spends the code. Only an attempt by another client leaves it as it is.
fn redeem(
    network: &Network,
    client: &Arc<Client>,
    form: &Parameters,
    code: &Key,
    token: Key,
) -> Result<Box<Grant>, &'static str> {
    enum Found {
        Fresh(Box<Grant>),
        Spent(Option<Key>),
        Foreign,
    }
    let now = network.clock.now();
    let found = network.codes.with(now, code, |state| match state {
        Code::Fresh(grant) if grant.client.id != client.id => Found::Foreign,
        Code::Fresh(_) => match std::mem::replace(state, Code::Spent(Some(token))) {
            Code::Fresh(grant) => Found::Fresh(grant),
            Code::Spent(token) => Found::Spent(token),
        },
        Code::Spent(token) => Found::Spent(token.take()),
    });
    let grant = match found {
        None => return Err("the code is not known or has expired"),
        Some(Found::Foreign) => return Err("the code was given to another client"),
        Some(Found::Spent(token)) => {
            if let Some(token) = token {
                network.tokens.take(now, &token);
            }
            return Err("the code was used before; its token is void");
        }
        Some(Found::Fresh(grant)) => grant,
    };
    if form.get("redirect_uri") != Some(grant.redirect_uri.as_str()) {
        return Err("redirect_uri is not the one of the authorization request");
    }
    match (&grant.challenge, form.get("code_verifier")) {
        (None, None) => {}
        (None, Some(_)) => return Err("a code verifier without a challenge"),
        (Some(_), None) => return Err("the code verifier is missing"),
        (Some(challenge), Some(verifier)) => {
            if !same(
                b64(&sha256(verifier.as_bytes())).as_bytes(),
                challenge.as_bytes(),
            ) {
                return Err("the code verifier does not fit the challenge");
            }
        }
    }
    Ok(grant)
}

/// An answer that takes the token's place.
fn instead(effect: AtToken, scenario: &Scenario) -> Option<Response> {
    let html = |status: StatusCode| {
        (
            status,
            Html("<!doctype html><title>Oops</title><h1>Oops</h1>"),
        )
            .into_response()
    };
    let mut response = match effect {
        AtToken::BadRequest(error) => bad_request(error, scenario.says),
        AtToken::InvalidClient => invalid_client(scenario.says),
        AtToken::NumericCode => {
            let body = json!({ "code": 401, "message": scenario.says });
            (StatusCode::UNAUTHORIZED, Json(body)).into_response()
        }
        AtToken::InternalHtml => html(StatusCode::INTERNAL_SERVER_ERROR),
        AtToken::Unavailable => html(StatusCode::SERVICE_UNAVAILABLE),
        AtToken::TooManyRequests => html(StatusCode::TOO_MANY_REQUESTS),
        AtToken::Truncated => {
            let headers = [(CONTENT_TYPE, "application/json")];
            (headers, r#"{"access_token":"abc","token_ty"#).into_response()
        }
        AtToken::Delay
        | AtToken::WithoutIdToken
        | AtToken::ExpiresInString
        | AtToken::LowerCaseType
        | AtToken::WithoutExpiresIn
        | AtToken::NarrowedScope
        | AtToken::ShortLived => return None,
    };
    if matches!(effect, AtToken::Unavailable | AtToken::TooManyRequests) {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("30"));
    }
    Some(response)
}

fn grant_token(
    network: &Network,
    grant: &Grant,
    effect: Option<AtToken>,
    code: &Key,
    access_token: &str,
) -> Response {
    let now = network.clock.now();
    let mut scope = grant.scope;
    if effect == Some(AtToken::NarrowedScope) {
        (scope.verify, scope.share, scope.narrowed) = (false, false, true);
    }
    let seconds = match effect {
        Some(AtToken::ShortLived) => 1,
        _ => TOKEN_LIFE.as_secs(),
    };
    let token = AccessToken {
        scope,
        number: grant.number.clone(),
        scenario: grant.scenario,
        until: now + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0)),
    };
    network.tokens.insert(now, key_of(access_token), token);
    // A second redemption may have come in between and found no token to take back.
    let replayed = network
        .codes
        .with(now, code, |state| matches!(state, Code::Spent(None)));
    if replayed == Some(true) {
        network.tokens.take(now, &key_of(access_token));
        return bad_request("invalid_grant", "the code was used twice");
    }
    let mut body = Map::new();
    body.insert("access_token".to_owned(), access_token.into());
    let kind = if effect == Some(AtToken::LowerCaseType) {
        "bearer"
    } else {
        "Bearer"
    };
    body.insert("token_type".to_owned(), kind.into());
    match effect {
        Some(AtToken::WithoutExpiresIn) => {}
        Some(AtToken::ExpiresInString) => {
            body.insert("expires_in".to_owned(), seconds.to_string().into());
        }
        _ => {
            body.insert("expires_in".to_owned(), seconds.into());
        }
    }
    if scope.narrowed {
        body.insert("scope".to_owned(), scope.text(network.persona).into());
    }
    if scope.openid && effect != Some(AtToken::WithoutIdToken) {
        body.insert(
            "id_token".to_owned(),
            id_token::issue(network, grant).into(),
        );
    }
    Json(Value::Object(body)).into_response()
}

fn bad_request(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn invalid_client(description: &str) -> Response {
    let body = json!({ "error": "invalid_client", "error_description": description });
    let headers = [(WWW_AUTHENTICATE, "Basic realm=\"token\"")];
    (StatusCode::UNAUTHORIZED, headers, Json(body)).into_response()
}
