//! Who calls: client authentication (RFC 6749 section 2.3, OIDC Core section 9, RFC 8705 section 2),
//! the same at every endpoint that programs call. One method per client: the one it is registered
//! with. Failures are counted and recorded here, whatever the endpoint.

mod assertion;
mod certificate;
mod presented;

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderValue, StatusCode};

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::secret::{Token, same};
use crate::store::audit;
use crate::store::clients::{AuthMethod, Client};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;
use crate::web::limits::TooMany;
use presented::{Presented, Proof};

/// The methods that are on, for metadata.
pub fn methods(app: &App) -> Vec<&'static str> {
    let mtls = app.config.mtls.is_some();
    [
        (AuthMethod::ClientSecretBasic, true),
        (AuthMethod::ClientSecretPost, true),
        (AuthMethod::PrivateKeyJwt, true),
        (
            AuthMethod::TlsClientAuth,
            mtls && app.client_authorities.is_some(),
        ),
        (AuthMethod::SelfSignedTlsClientAuth, mtls),
        (AuthMethod::None, true),
    ]
    .into_iter()
    .filter(|(_, on)| *on)
    .map(|(method, _)| method.as_str())
    .collect()
}

/// Why a client is refused. It is the answer, too (RFC 6749 section 5.2).
#[derive(Debug)]
pub enum Refused {
    /// `invalid_request`: the request itself is wrong.
    Request(&'static str),
    /// `invalid_client`. `basic`: whether HTTP Basic was tried, which adds its challenge.
    Client {
        /// What was wrong, for the developer.
        reason: &'static str,
        /// Whether HTTP Basic was tried.
        basic: bool,
    },
    /// Too many failures for this client from this address; seconds to wait.
    TooMany(u64),
    /// We failed.
    Failure(Failure),
}

/// The client behind a request to `endpoint` (its path, such as `/token`, whose URL an assertion may
/// name as its audience).
///
/// # Errors
/// [`Refused`].
pub async fn authenticate(
    app: &App,
    browser: &Browser,
    form: &Params,
    endpoint: &str,
    now: Time,
) -> Result<Arc<Client>, Refused> {
    let wrong = match tried(app, browser, form, endpoint, now).await {
        Ok(client) => return Ok(client),
        Err(No::Other(refused)) => return Err(refused),
        Err(No::Wrong(wrong)) => wrong,
    };
    // Only failures count, so the right proof always gets in.
    let name = wrong.client_id.as_deref().unwrap_or_default();
    if let Err(TooMany(wait)) = app.throttles.client_failed(name, browser.address) {
        return Err(Refused::TooMany(wait));
    }
    let (reason, basic) = (wrong.reason, wrong.basic);
    let subject = Subject {
        client_id: wrong.client_id.map(|id| id.chars().take(200).collect()),
        ..Subject::default()
    };
    let event = Event::ClientLoginError {
        reason: reason.to_owned(),
    };
    let record = browser.recorder(app, now).record(subject, &event);
    audit::append_alone(&app.db, app.db.relaxed(), [record])
        .await
        .map_err(|error| Refused::Failure(error.into()))?;
    Err(Refused::Client { reason, basic })
}

/// A proof that is not right.
struct Wrong {
    reason: &'static str,
    /// The client it said it is.
    client_id: Option<String>,
    basic: bool,
}

enum No {
    Wrong(Wrong),
    Other(Refused),
}

impl From<Failure> for No {
    fn from(failure: Failure) -> Self {
        Self::Other(Refused::Failure(failure))
    }
}

async fn tried(
    app: &App,
    browser: &Browser,
    form: &Params,
    endpoint: &str,
    now: Time,
) -> Result<Arc<Client>, No> {
    let Presented { client_id, proof } = presented::read(&browser.headers, form)?;
    let wrong = |reason| {
        No::Wrong(Wrong {
            reason,
            client_id: Some(client_id.clone()),
            basic: matches!(proof, Proof::Basic(_)),
        })
    };
    let client = app
        .client(&client_id)
        .await
        .map_err(Failure::from)?
        .ok_or_else(|| wrong("the client is unknown or disabled"))?;
    let accepted = match (client.auth_method, &proof) {
        (AuthMethod::ClientSecretBasic, Proof::Basic(secret))
        | (AuthMethod::ClientSecretPost, Proof::Post(secret)) => {
            secret_is_right(app, &client, secret, now)
        }
        (AuthMethod::PrivateKeyJwt, Proof::Assertion(jwt)) => {
            assertion::accept(app, &client, jwt, endpoint, now).await?
        }
        (AuthMethod::TlsClientAuth | AuthMethod::SelfSignedTlsClientAuth, Proof::None) => {
            certificate::accept(app, &client, browser.certificate.as_ref(), now).await
        }
        (AuthMethod::None, Proof::None) => Ok(()),
        _ => Err("the client is registered for another authentication method"),
    };
    accepted.map(|()| client).map_err(wrong)
}

fn secret_is_right(
    app: &App,
    client: &Client,
    secret: &str,
    now: Time,
) -> Result<(), &'static str> {
    // Every live secret is compared, so that the time tells nothing about which one fits.
    let hash = Token::parse(secret).map(|token| token.hash());
    let right = client.secrets.iter().fold(None, |right, live| {
        let fits = hash.as_ref().is_some_and(|hash| same(hash, &live.hash));
        let counts = fits && live.expires_at.is_none_or(|end| end > now);
        if counts { Some(live.id) } else { right }
    });
    let id = right.ok_or("the client secret is wrong")?;
    app.secret_uses.used(id, now);
    Ok(())
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = match &self {
            Self::Request(reason) => (StatusCode::BAD_REQUEST, OAuthError::invalid_request(reason)),
            Self::Client { reason, .. } => (
                StatusCode::UNAUTHORIZED,
                OAuthError::new(ErrorCode::InvalidClient, reason),
            ),
            Self::TooMany(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                OAuthError::new(
                    ErrorCode::InvalidClient,
                    "too many failed attempts; wait and try again",
                ),
            ),
            Self::Failure(failure) => {
                let code = if failure.status == StatusCode::SERVICE_UNAVAILABLE {
                    ErrorCode::TemporarilyUnavailable
                } else {
                    ErrorCode::ServerError
                };
                let description = format!("reference {}", failure.reference);
                (failure.status, OAuthError::new(code, description))
            }
        };
        let mut response = (status, Json(error)).into_response();
        let headers = response.headers_mut();
        // No cookie counts here, so there is nothing another site could ride on.
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
        match self {
            Self::Client { basic: true, .. } => {
                let challenge = HeaderValue::from_static("Basic realm=\"numbercloak\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            Self::TooMany(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            _ => {}
        }
        response
    }
}
