//! `POST /token` (RFC 6749 section 4.1.3, OIDC Core section 3.1.3): a code in, tokens out. Phases:
//! read, authenticate the client, redeem the code in one statement, sign.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize as _, Serialize};

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::pkce;
use crate::phone::PhoneNumber;
use crate::provider::client_auth::{self, authenticate};
use crate::secret::{Handle, Token};
use crate::store::audit::Appended;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::grants;
use crate::store::path::{self, Redeemed, Redeeming};
use crate::token::claims::Facts;
use crate::token::id_token::IdToken;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The token answer (RFC 6749 section 5.1, OIDC Core section 3.1.3.3).
#[derive(Serialize)]
struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    scope: String,
    id_token: String,
}

/// Exchanges a code for tokens.
pub async fn exchange(State(app): State<App>, browser: Browser, body: Bytes) -> Response {
    match try_exchange(&app, &browser, &body).await {
        Ok(tokens) => (no_store(), Json(tokens)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn try_exchange(app: &App, browser: &Browser, body: &[u8]) -> Result<Tokens, TokenError> {
    let now = app.clock.now();
    let form = read(&browser.headers, body, app.config.limits.parameters)?;
    let client = authenticate(app, browser, &form, "/token", now).await?;
    match form.get("grant_type") {
        Some("authorization_code") => redeem(app, browser, &form, &client, now).await,
        None => Err(OAuthError::invalid_request("grant_type is missing").into()),
        Some(_) => Err(OAuthError::new(
            ErrorCode::UnsupportedGrantType,
            "grant_type must be authorization_code",
        )
        .into()),
    }
}

const KNOWN: &[&str] = &[
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "client_id",
    "client_secret",
];

fn read(headers: &HeaderMap, body: &[u8], most: usize) -> Result<Params, OAuthError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let form = content_type.is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    if !form {
        return Err(OAuthError::invalid_request(
            "the body must be application/x-www-form-urlencoded",
        ));
    }
    let form = Params::parse(body, most)
        .map_err(|refused| OAuthError::invalid_request(refused.to_string()))?;
    if form.with_nul().is_some() {
        return Err(OAuthError::invalid_request("a parameter holds a NUL"));
    }
    match form.repeated(KNOWN) {
        Some(name) => Err(OAuthError::invalid_request(format!(
            "{name} was sent more than once"
        ))),
        None => Ok(form),
    }
}

async fn redeem(
    app: &App,
    browser: &Browser,
    form: &Params,
    client: &Client,
    now: Time,
) -> Result<Tokens, TokenError> {
    let missing = |name| OAuthError::invalid_request(format!("{name} is missing"));
    let code = form.get("code").ok_or_else(|| missing("code"))?;
    let redirect_uri = form
        .get("redirect_uri")
        .ok_or_else(|| missing("redirect_uri"))?;
    let Some(code) = Handle::parse(code) else {
        return Err(invalid_grant("the code is not one of ours"));
    };
    // A malformed verifier fits no challenge; with a code that has none it must not either.
    let challenge = form.get("code_verifier").map(|verifier| {
        pkce::of_verifier(verifier).map_or_else(
            || "malformed".to_owned(),
            |challenge| challenge.as_str().to_owned(),
        )
    });
    let access_token = Token::random();
    let lifetime = client
        .settings
        .access_token_s
        .map_or(app.config.login.access_token, |s| {
            std::time::Duration::from_secs(u64::from(s))
        });
    let subject = || Subject {
        login_id: Some(code.id),
        client_id: Some(client.client_id.clone()),
        ..Subject::default()
    };
    let recorder = browser.recorder(app, now);
    let issued = recorder.record(subject(), &Event::CodeToToken { grant: code.id });
    let redeemed = path::redeem(
        app.db.durable_steps(),
        &Redeeming {
            code_hash: &code.hash(),
            client_id: &client.client_id,
            redirect_uri,
            challenge: challenge.as_deref(),
            token_hash: &access_token.hash(),
            token_expires_at: now + lifetime,
            now,
        },
        Appended::new([issued]),
    )
    .await;
    let refused = |reason: &str, revoked| {
        recorder.record(
            subject(),
            &Event::CodeToTokenError {
                grant: Some(code.id),
                reason: reason.to_owned(),
                revoked,
            },
        )
    };
    match redeemed {
        Ok(Redeemed::Granted {
            facts,
            sealed_number,
        }) => {
            let number = grants::open_number(&app.vault, &code.id, sealed_number.as_deref())
                .map_err(Failure::from)?;
            sign(
                app,
                client,
                &facts,
                number.as_ref(),
                &access_token,
                lifetime,
                now,
            )
        }
        Ok(Redeemed::Burned) => {
            let reason = "the code verifier or the redirect_uri is not the one of the request";
            crate::store::audit::append(app.db.relaxed(), [refused(reason, false)]).await?;
            Err(invalid_grant(reason))
        }
        Err(StoreError::Stale) => {
            let reason = "the code is unknown, expired or used";
            let revoked = grants::end_after_replay(
                app.db.durable_steps(),
                &code.hash(),
                &client.client_id,
                now,
                Appended::new([refused("the code was used before", true)]),
            )
            .await?;
            if !revoked {
                crate::store::audit::append(app.db.relaxed(), [refused(reason, false)]).await?;
            }
            Err(invalid_grant(reason))
        }
        Err(error) => Err(error.into()),
    }
}

fn sign(
    app: &App,
    client: &Client,
    facts: &serde_json::Value,
    number: Option<&PhoneNumber>,
    access_token: &Token,
    lifetime: std::time::Duration,
    now: Time,
) -> Result<Tokens, TokenError> {
    let facts = Facts::deserialize(facts).map_err(Failure::internal)?;
    let access_token = access_token.reveal();
    let id_token = IdToken {
        issuer: app.config.issuer.as_str(),
        client_id: &client.client_id,
        facts: &facts,
        number,
        access_token: &access_token,
        now,
        lifetime: app.config.login.id_token,
    }
    .mint(&app.keyring.current(), client.settings.id_token_alg)
    .map_err(Failure::internal)?;
    Ok(Tokens {
        access_token,
        token_type: "Bearer",
        expires_in: lifetime.as_secs(),
        scope: facts.scopes.text(),
        id_token,
    })
}

/// Why no token is issued.
enum TokenError {
    OAuth(OAuthError),
    Client(client_auth::Refused),
    Failure(Failure),
}

fn invalid_grant(description: &str) -> TokenError {
    OAuthError::new(ErrorCode::InvalidGrant, description).into()
}

impl From<OAuthError> for TokenError {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<client_auth::Refused> for TokenError {
    fn from(refused: client_auth::Refused) -> Self {
        Self::Client(refused)
    }
}

impl From<Failure> for TokenError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// Never cached; and readable by any page, because a single-page app has no server to ask for it. No
/// cookie counts here, so there is nothing another site could ride on.
fn no_store() -> [(HeaderName, HeaderValue); 3] {
    [
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

impl IntoResponse for TokenError {
    /// RFC 6749 section 5.2.
    fn into_response(self) -> Response {
        match self {
            Self::OAuth(error) => {
                (StatusCode::BAD_REQUEST, no_store(), Json(error)).into_response()
            }
            Self::Client(refused) => refused.into_response(),
            Self::Failure(failure) => {
                let code = if failure.status == StatusCode::SERVICE_UNAVAILABLE {
                    ErrorCode::TemporarilyUnavailable
                } else {
                    ErrorCode::ServerError
                };
                let description = format!("reference {}", failure.reference);
                let error = OAuthError::new(code, description);
                (failure.status, no_store(), Json(error)).into_response()
            }
        }
    }
}
