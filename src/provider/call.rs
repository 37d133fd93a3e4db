//! What every endpoint for clients' programs begins with, a form and the client behind it, and how
//! it refuses (RFC 6749 sections 2.3 and 5.2).

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_TYPE, PRAGMA,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::provider::{client_auth, dpop, refused};
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// A client's request: its parameters, and who it is.
pub struct Call {
    /// The state.
    pub app: App,
    /// The other end.
    pub browser: Browser,
    /// The parameters.
    pub form: Params,
    /// The client, authenticated.
    pub client: Arc<Client>,
    /// The time of the request.
    pub now: Time,
}

impl Call {
    /// Reads a request to `endpoint` (its path) and authenticates its client. `once` are the endpoint's
    /// own parameters that may not be repeated.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn receive(
        app: App,
        browser: Browser,
        body: &[u8],
        endpoint: &str,
        once: &[&str],
    ) -> Result<Self, Refusal> {
        let now = app.clock.now();
        let form = read(&browser.headers, body, app.config.limits.parameters, once)?;
        let client = client_auth::authenticate(&app, &browser, &form, endpoint, now).await?;
        Ok(Self {
            app,
            browser,
            form,
            client,
            now,
        })
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn required(&self, name: &str) -> Result<&str, OAuthError> {
        self.form
            .get(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing")))
    }

    /// What its audit records belong to.
    #[must_use]
    pub fn subject(&self, grant: Option<uuid::Uuid>) -> Subject {
        Subject {
            // A grant has its login's id.
            login_id: grant,
            client_id: Some(self.client.client_id.clone()),
            ..Subject::default()
        }
    }

    /// Records that the client was refused what its request was about.
    ///
    /// # Errors
    /// The database.
    pub async fn refused(&self, event: &Event) -> Result<(), StoreError> {
        refused::record(
            &self.app,
            &self.browser,
            self.subject(None),
            event,
            self.now,
        )
        .await
    }
}

fn read(
    headers: &HeaderMap,
    body: &[u8],
    most: usize,
    once: &[&str],
) -> Result<Params, OAuthError> {
    if !is_form(headers) {
        return Err(OAuthError::invalid_request(
            "the body must be application/x-www-form-urlencoded",
        ));
    }
    let form = Params::parse(body, most)
        .map_err(|refused| OAuthError::invalid_request(refused.to_string()))?;
    if form.with_nul().is_some() {
        return Err(OAuthError::invalid_request("a parameter holds a NUL"));
    }
    match form.repeated(once) {
        Some(name) => Err(OAuthError::invalid_request(format!(
            "{name} was sent more than once"
        ))),
        None => Ok(form),
    }
}

/// Whether a request says that its body is a form.
#[must_use]
pub fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    content_type.is_some_and(|value| {
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// Why a client's request is refused.
#[derive(Debug)]
pub enum Refusal {
    /// The request is wrong.
    OAuth(OAuthError),
    /// The client is not who it says.
    Client(client_auth::Refused),
    /// The DPoP proof is wrong.
    Proof(dpop::Refused),
    /// We failed.
    Failure(Failure),
}

impl From<OAuthError> for Refusal {
    fn from(error: OAuthError) -> Self {
        Self::OAuth(error)
    }
}

impl From<client_auth::Refused> for Refusal {
    fn from(refused: client_auth::Refused) -> Self {
        Self::Client(refused)
    }
}

impl From<dpop::Refused> for Refusal {
    fn from(refused: dpop::Refused) -> Self {
        Self::Proof(refused)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

/// Never cached; and readable by any page, because a single-page app has no server to ask for it. No
/// cookie counts here, so there is nothing another site could ride on.
#[must_use]
pub fn no_store() -> [(HeaderName, HeaderValue); 4] {
    [
        (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("DPoP-Nonce, Retry-After"),
        ),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

/// What a browser asks before a single-page app's request with headers of its own.
pub async fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, DPoP",
        ),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

impl IntoResponse for Refusal {
    /// RFC 6749 section 5.2.
    fn into_response(self) -> Response {
        match self {
            Self::OAuth(error) => {
                (StatusCode::BAD_REQUEST, no_store(), Json(error)).into_response()
            }
            Self::Proof(refused) => {
                let error = refused.error.clone();
                let mut response =
                    (StatusCode::BAD_REQUEST, no_store(), Json(error)).into_response();
                refused.add_nonce(&mut response);
                response
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
