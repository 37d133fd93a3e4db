//! The token endpoint. A code is spent before anything about it is checked but its client, so that
//! a wrong verifier burns it; a second redemption takes back the token of the first.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::{Html, IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::TimeDelta;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::back_channel;
use super::client::Client;
use super::client_auth::{Denied, authenticate};
use super::contract::{Pkce, TokenErrors};
use super::expiring::{Key, key_of};
use super::id_token;
use super::journal::Entry;
use super::network::{AccessToken, Code, Grant, Network};
use super::parameters::Parameters;
use super::scenario::{AtToken, Effect, Scenario};
use crate::secret::{Token, b64, same, sha256};

/// How long a late answer takes.
const DELAY: Duration = Duration::from_secs(30);

/// `POST /token`.
pub(super) async fn token(
    State(network): State<Arc<Network>>,
    Extension(entry): Extension<Entry>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = query.unwrap_or_default();
    let mut response = match answer(&network, entry, &headers, &query, &body).await {
        Ok(response) => response,
        Err(fault) => fault.into_response(network.contract().token_errors),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// An error answer.
enum Fault {
    /// 400 with this word.
    BadRequest(&'static str, &'static str),
    /// 401 `invalid_client`.
    InvalidClient(&'static str),
}

impl Fault {
    fn into_response(self, shape: TokenErrors) -> Response {
        let (status, error, text) = match self {
            Self::BadRequest(error, text) => (StatusCode::BAD_REQUEST, error, text),
            Self::InvalidClient(text) => (StatusCode::UNAUTHORIZED, "invalid_client", text),
        };
        let body = match shape {
            TokenErrors::OAuth => json!({ "error": error, "error_description": text }),
            TokenErrors::Numeric => json!({ "code": status.as_u16(), "message": text }),
        };
        let mut response = (status, Json(body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"token\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, basic);
        }
        response
    }
}

async fn answer(
    network: &Network,
    entry: Entry,
    headers: &HeaderMap,
    query: &str,
    body: &[u8],
) -> Result<Response, Fault> {
    let contract = network.contract();
    let form = if contract.token_query {
        if !body.is_empty() {
            let text = "the parameters stand in the query string here";
            return Err(Fault::BadRequest("invalid_request", text));
        }
        Parameters::parse(query.as_bytes())
    } else {
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("");
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Fault::BadRequest(
                "invalid_request",
                "the body is not a form",
            ));
        }
        Parameters::parse(body)
    };
    if form.repeated().is_some() {
        return Err(Fault::BadRequest(
            "invalid_request",
            "a parameter is repeated",
        ));
    }
    if contract.discovery
        && let Some(answer) = back_channel::token(network, entry, headers, &form)
    {
        return Ok(answer);
    }
    let client = authenticate(network, headers, &form).map_err(|denied| match denied {
        Denied::InvalidClient(text) => Fault::InvalidClient(text),
        Denied::InvalidRequest(text) => Fault::BadRequest("invalid_request", text),
    })?;
    match form.get("grant_type") {
        Some("authorization_code") => {}
        None => {
            return Err(Fault::BadRequest(
                "invalid_request",
                "grant_type is missing",
            ));
        }
        Some(_) => {
            return Err(Fault::BadRequest(
                "unsupported_grant_type",
                "authorization_code and the back channel's are supported",
            ));
        }
    }
    let Some(code) = form.get("code") else {
        return Err(Fault::BadRequest("invalid_request", "code is missing"));
    };
    let access_token = Token::random().reveal();
    let code = key_of(code);
    let grant = redeem(network, &client, &form, &code, key_of(&access_token))
        .map_err(|text| Fault::BadRequest("invalid_grant", text))?;
    let effect = match grant.scenario {
        Some(scenario) => match scenario.effect {
            Effect::Token(effect) => {
                network.acted(entry, scenario);
                if effect == AtToken::Delay {
                    tokio::time::sleep(DELAY).await;
                }
                if let Some(response) = instead(effect, scenario)? {
                    return Ok(response);
                }
                Some(effect)
            }
            Effect::IdToken(_) => {
                network.acted(entry, scenario);
                None
            }
            Effect::Authorize(_)
            | Effect::Callback(_)
            | Effect::Discovery(_)
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
    let contract = network.contract();
    let named = form.get("redirect_uri");
    if contract.token_redirect_uri && named != Some(grant.redirect_uri.as_str()) {
        return Err("redirect_uri is not the one of the authorization request");
    }
    if !contract.token_redirect_uri && named.is_some() {
        return Err("redirect_uri is not known here");
    }
    let verifier = form
        .get("code_verifier")
        .filter(|_| contract.pkce != Pkce::Unknown);
    match (&grant.challenge, verifier) {
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
fn instead(effect: AtToken, scenario: &'static Scenario) -> Result<Option<Response>, Fault> {
    let html = |status: StatusCode| {
        (
            status,
            Html("<!doctype html><title>Oops</title><h1>Oops</h1>"),
        )
            .into_response()
    };
    let mut response = match effect {
        AtToken::BadRequest(error) => return Err(Fault::BadRequest(error, scenario.says)),
        AtToken::InvalidClient => return Err(Fault::InvalidClient(scenario.says)),
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
        | AtToken::ShortLived => return Ok(None),
    };
    if matches!(effect, AtToken::Unavailable | AtToken::TooManyRequests) {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("30"));
    }
    Ok(Some(response))
}

fn grant_token(
    network: &Network,
    grant: &Grant,
    effect: Option<AtToken>,
    code: &Key,
    access_token: &str,
) -> Result<Response, Fault> {
    let now = network.clock.now();
    let contract = network.contract();
    let mut scope = grant.scope;
    if effect == Some(AtToken::NarrowedScope) {
        (scope.verify, scope.share, scope.narrowed) = (false, false, true);
    }
    let seconds = match effect {
        Some(AtToken::ShortLived) => 1,
        _ => contract.token_life,
    };
    let token = AccessToken {
        scope,
        number: grant.number.clone(),
        scenario: grant.scenario,
        correlation: grant.correlation.clone(),
        until: now + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0)),
    };
    network.tokens.insert(now, key_of(access_token), token);
    // A second redemption may have come in between and found no token to take back.
    let replayed = network
        .codes
        .with(now, code, |state| matches!(state, Code::Spent(None)));
    if replayed == Some(true) {
        network.tokens.take(now, &key_of(access_token));
        return Err(Fault::BadRequest(
            "invalid_grant",
            "the code was used twice",
        ));
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
        _ if contract.expires_in_text || effect == Some(AtToken::ExpiresInString) => {
            body.insert("expires_in".to_owned(), seconds.to_string().into());
        }
        _ => {
            body.insert("expires_in".to_owned(), seconds.into());
        }
    }
    if scope.narrowed {
        body.insert("scope".to_owned(), scope.text(contract).into());
    }
    if contract.id_token && scope.openid && effect != Some(AtToken::WithoutIdToken) {
        body.insert(
            "id_token".to_owned(),
            id_token::issue(network, grant).into(),
        );
    }
    Ok(Json(Value::Object(body)).into_response())
}
