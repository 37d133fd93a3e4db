//! `POST /par` (RFC 9126): a client pushes its authorization request, and its browser brings only a
//! reference. Nobody in between can read or change it, and its faults are told the client at once.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;

use crate::audit::event::{Event, Subject};
use crate::clock::Time;
use crate::oauth::error::OAuthError;
use crate::oauth::params::Params;
use crate::oauth::request::AuthorizeError;
use crate::phone::PhoneNumber;
use crate::provider::client_auth::{Refused, authenticate};
use crate::provider::dpop;
use crate::secret::{Handle, new_id};
use crate::store::audit::{self, Appended};
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::pushed;
use crate::web::app::App;
use crate::web::authorization::{self, URN, Unpacked};
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The answer (RFC 9126 section 2.2).
#[derive(Serialize)]
struct Pushed {
    request_uri: String,
    expires_in: u64,
}

/// What authenticates the client, and is no part of the request.
const CREDENTIALS: &[&str] = &["client_secret", "client_assertion", "client_assertion_type"];

/// Keeps a request for the browser that will bring its reference.
pub async fn push(State(app): State<App>, browser: Browser, body: Bytes) -> Response {
    match try_push(&app, &browser, &body).await {
        Ok(pushed) => {
            let headers = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
            (StatusCode::CREATED, headers, Json(pushed)).into_response()
        }
        Err(refused) => refused.into_response(),
    }
}

async fn try_push(app: &App, browser: &Browser, body: &[u8]) -> Result<Pushed, PushError> {
    let now = app.clock.now();
    let form = read(&browser.headers, body, app.config.limits.parameters)?;
    let client = authenticate(app, browser, &form, "/par", now).await?;
    let kept = keep(app, browser, &client, form, now).await;
    if let Err(PushError::Request(error) | PushError::Proof(dpop::Refused { error, .. })) = &kept {
        let event = Event::PushedAuthorizationRequestError {
            error: error.code.as_str().to_owned(),
            reason: error.description.clone(),
        };
        let record = browser.recorder(app, now).record(about(&client), &event);
        audit::append(app.db.relaxed(), [record]).await?;
    }
    kept
}

fn about(client: &Client) -> Subject {
    Subject {
        client_id: Some(client.client_id.clone()),
        ..Subject::default()
    }
}

async fn keep(
    app: &App,
    browser: &Browser,
    client: &Client,
    form: Params,
    now: Time,
) -> Result<Pushed, PushError> {
    // A reference to a reference (RFC 9126 section 2.1).
    if form.all("request_uri").next().is_some() {
        return Err(OAuthError::invalid_request("request_uri cannot be pushed").into());
    }
    let unpacked = authorization::unpack(app, client, form, now).await?;
    let unpacked = bound_to_the_proof(app, browser, unpacked, now).await?;
    let request = authorization::check(&unpacked, client)?;
    let number = request.number.as_ref().map(PhoneNumber::e164);
    let lifetime = app.config.login.pushed_request;
    let event = Event::PushedAuthorizationRequest {
        number_hinted: number.is_some(),
        until: now + lifetime,
    };
    let recorder = browser.recorder(app, now);
    let record = match &request.number {
        Some(number) => recorder.record_of(number, about(client), &event),
        None => recorder.record(about(client), &event),
    };
    let number_hashes: Vec<Vec<u8>> = number
        .into_iter()
        .flat_map(|number| app.vault.search_hashes(number))
        .map(|(_, hash)| hash)
        .collect();
    let handle = Handle::random(new_id(now));
    pushed::insert(
        app.db.relaxed_steps(),
        &handle,
        &client.client_id,
        &authorization::seal(&app.vault, &handle.id, &without_credentials(unpacked)),
        &number_hashes,
        now + lifetime,
        Appended::new([record]),
    )
    .await?;
    Ok(Pushed {
        request_uri: format!("{URN}{}", handle.reveal()),
        expires_in: lifetime.as_secs(),
    })
}

/// A DPoP proof that comes with the request binds its code, as `dpop_jkt` would (RFC 9449 section 10.1).
async fn bound_to_the_proof(
    app: &App,
    browser: &Browser,
    mut unpacked: Unpacked,
    now: Time,
) -> Result<Unpacked, PushError> {
    let request = dpop::Request {
        method: &Method::POST,
        path: "/par",
        access_token: None,
    };
    let Some(proof) = dpop::proof(app, &browser.headers, request, now)? else {
        return Ok(unpacked);
    };
    match unpacked.params.get("dpop_jkt") {
        Some(named) if named != proof.jkt => {
            return Err(dpop::invalid("dpop_jkt names another key than the proof's").into());
        }
        Some(_) => {}
        None => {
            let mut pairs = unpacked.params.into_pairs();
            pairs.push(("dpop_jkt".to_owned(), proof.jkt.clone()));
            unpacked.params = Params::of(pairs);
        }
    }
    if dpop::count(app, &proof).await? {
        Ok(unpacked)
    } else {
        Err(dpop::replayed().into())
    }
}

fn read(headers: &HeaderMap, body: &[u8], most: usize) -> Result<Params, OAuthError> {
    let essence = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    if !essence.is_some_and(|e| e.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(OAuthError::invalid_request(
            "the body must be application/x-www-form-urlencoded",
        ));
    }
    let form = Params::parse(body, most)
        .map_err(|refused| OAuthError::invalid_request(refused.to_string()))?;
    match form.with_nul() {
        Some(_) => Err(OAuthError::invalid_request("a parameter holds a NUL")),
        None => Ok(form),
    }
}

fn without_credentials(unpacked: Unpacked) -> Unpacked {
    let mut pairs = unpacked.params.into_pairs();
    pairs.retain(|(name, _)| !CREDENTIALS.contains(&name.as_str()));
    Unpacked {
        params: Params::of(pairs),
        signed: unpacked.signed,
    }
}

/// Why a request is not kept (RFC 9126 section 2.3).
enum PushError {
    Request(OAuthError),
    Refused(Refused),
    Proof(dpop::Refused),
}

impl From<dpop::Refused> for PushError {
    fn from(refused: dpop::Refused) -> Self {
        Self::Proof(refused)
    }
}

impl From<OAuthError> for PushError {
    fn from(error: OAuthError) -> Self {
        Self::Request(error)
    }
}

impl From<AuthorizeError> for PushError {
    fn from(error: AuthorizeError) -> Self {
        match error {
            AuthorizeError::Page(error) | AuthorizeError::Redirect(_, error) => error.into(),
        }
    }
}

impl From<Refused> for PushError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<StoreError> for PushError {
    fn from(error: StoreError) -> Self {
        Self::Refused(Refused::Failure(Failure::from(error)))
    }
}

impl IntoResponse for PushError {
    fn into_response(self) -> Response {
        match self {
            Self::Request(error) => {
                let headers = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
                (StatusCode::BAD_REQUEST, headers, Json(error)).into_response()
            }
            Self::Proof(refused) => {
                let headers = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
                let error = refused.error.clone();
                let mut response = (StatusCode::BAD_REQUEST, headers, Json(error)).into_response();
                refused.add_nonce(&mut response);
                response
            }
            Self::Refused(refused) => {
                let mut response = refused.into_response();
                // No page ever pushes a request: a browser's client has no use for it.
                response
                    .headers_mut()
                    .remove(http::header::ACCESS_CONTROL_ALLOW_ORIGIN);
                response
            }
        }
    }
}
