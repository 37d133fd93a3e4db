//! `GET` and `POST /userinfo` (OIDC Core section 5.3): the same claims again, for whoever holds the
//! access token. Reads one row and changes nothing.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use serde::Deserialize as _;

use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::secret::Token;
use crate::store::grants;
use crate::token::claims::{Facts, release};
use crate::web::app::App;
use crate::web::failure::Failure;

/// The token in the `Authorization` header.
pub async fn get(State(app): State<App>, headers: HeaderMap) -> Response {
    answer(&app, bearer(&headers)).await
}

/// The token in the header, or in a form body (RFC 6750 section 2.2).
pub async fn post(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let form = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    let body = if form { &body[..] } else { &[] };
    let form = match Params::parse(body, app.config.limits.parameters) {
        Ok(form) => form,
        Err(refused) => {
            let error = OAuthError::invalid_request(refused.to_string());
            return refuse(StatusCode::BAD_REQUEST, Some(error));
        }
    };
    if form.repeated(&["access_token"]).is_some() {
        return refuse(
            StatusCode::BAD_REQUEST,
            Some(OAuthError::invalid_request("the token was sent twice")),
        );
    }
    let in_body = form.get("access_token").map(str::to_owned);
    match (bearer(&headers), in_body) {
        (Some(_), Some(_)) => refuse(
            StatusCode::BAD_REQUEST,
            Some(OAuthError::invalid_request("the token was sent twice")),
        ),
        (Some(token), None) | (None, Some(token)) => answer(&app, Some(token)).await,
        (None, None) => answer(&app, None).await,
    }
}

/// What a browser asks before a single-page app's request with an `Authorization` header.
pub async fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim().to_owned())
}

async fn answer(app: &App, token: Option<String>) -> Response {
    let Some(token) = token else {
        return refuse(StatusCode::UNAUTHORIZED, None);
    };
    match claims(app, &token).await {
        Ok(Some(claims)) => (
            [
                (CACHE_CONTROL, "no-store"),
                (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            ],
            Json(claims),
        )
            .into_response(),
        Ok(None) => refuse(
            StatusCode::UNAUTHORIZED,
            Some(OAuthError::new(
                ErrorCode::InvalidToken,
                "the access token is unknown, expired or revoked",
            )),
        ),
        Err(failure) => (failure.status, [(CACHE_CONTROL, "no-store")]).into_response(),
    }
}

async fn claims(
    app: &App,
    token: &str,
) -> Result<Option<serde_json::Map<String, serde_json::Value>>, Failure> {
    let Some(token) = Token::parse(token) else {
        return Ok(None);
    };
    let now = app.clock.now();
    let Some(grant) = grants::find_by_token(app.db.relaxed_steps(), &token.hash(), now).await?
    else {
        return Ok(None);
    };
    let client = app.client(&grant.client_id).await?;
    if client.is_none() {
        return Ok(None);
    }
    let number = grants::open_number(&app.vault, &grant.id, grant.sealed.as_deref())?;
    let facts = Facts::deserialize(&grant.facts).map_err(Failure::internal)?;
    release(&facts, number.as_ref())
        .map(Some)
        .map_err(Failure::internal)
}

/// RFC 6750 section 3: no error code at all if no token was sent.
fn refuse(status: StatusCode, error: Option<OAuthError>) -> Response {
    let challenge = match &error {
        None => "Bearer".to_owned(),
        Some(error) => format!(
            "Bearer error=\"{}\", error_description=\"{}\"",
            error.code.as_str(),
            error.description
        ),
    };
    let mut response = match error {
        None => status.into_response(),
        Some(error) => (status, Json(error)).into_response(),
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&challenge) {
        headers.insert(WWW_AUTHENTICATE, value);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}
