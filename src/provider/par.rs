//! `POST /par` (RFC 9126): a client pushes its authorization request, and its browser brings only a
//! reference. Nobody in between can read or change it, and its faults are told the client at once.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, PRAGMA,
};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::audit::event::Event;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::request::AuthorizeError;
use crate::phone::PhoneNumber;
use crate::provider::call::{Call, Refusal};
use crate::provider::dpop;
use crate::secret::{Handle, new_id};
use crate::store::audit::Appended;
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
    let pushed = match Call::receive(app, browser, &body, "/par", &[]).await {
        Ok(call) => match keep(&call).await {
            Ok(pushed) => Ok(pushed),
            Err(refused) => Err(record(&call, refused).await),
        },
        Err(refused) => Err(refused),
    };
    match pushed {
        Ok(pushed) => {
            let headers = [(CACHE_CONTROL, "no-store"), (PRAGMA, "no-cache")];
            (StatusCode::CREATED, headers, Json(pushed)).into_response()
        }
        Err(refused) => {
            let mut response = refused.into_response();
            // No page ever pushes a request: a browser's client has no use for it.
            for header in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS] {
                response.headers_mut().remove(header);
            }
            response
        }
    }
}

async fn keep(call: &Call) -> Result<Pushed, Refusal> {
    let (app, client) = (&call.app, &call.client);
    // A reference to a reference (RFC 9126 section 2.1).
    if call.form.all("request_uri").next().is_some() {
        return Err(OAuthError::invalid_request("request_uri cannot be pushed").into());
    }
    let unpacked = authorization::unpack(app, client, call.form.clone(), call.now)
        .await
        .map_err(told)?;
    let unpacked = bound_to_the_proof(call, unpacked).await?;
    let request = authorization::check(&unpacked, client).map_err(told)?;
    let number = request.number.as_ref().map(PhoneNumber::e164);
    let lifetime = app.config.login.pushed_request;
    let event = Event::PushedAuthorizationRequest {
        number_hinted: number.is_some(),
        until: call.now + lifetime,
    };
    let recorder = call.browser.recorder(app, call.now);
    let record = match &request.number {
        Some(number) => recorder.record_of(number, call.subject(None), &event),
        None => recorder.record(call.subject(None), &event),
    };
    let number_hashes: Vec<Vec<u8>> = number
        .into_iter()
        .flat_map(|number| app.vault.search_hashes(number))
        .map(|(_, hash)| hash)
        .collect();
    let handle = Handle::random(new_id(call.now));
    pushed::insert(
        app.db.relaxed_steps(),
        &handle,
        &client.client_id,
        &authorization::seal(&app.vault, &handle.id, &without_credentials(unpacked)),
        &number_hashes,
        call.now + lifetime,
        Appended::new([record]),
    )
    .await?;
    Ok(Pushed {
        request_uri: format!("{URN}{}", handle.reveal()),
        expires_in: lifetime.as_secs(),
    })
}

/// Whoever pushes is told at once, wherever a browser would have been told (RFC 9126 section 2.3).
fn told(error: AuthorizeError) -> Refusal {
    match error {
        AuthorizeError::Page(error) | AuthorizeError::Redirect(_, error) => error.into(),
    }
}

/// Records what a client that proved itself was refused. A missing nonce is no fault but a step.
async fn record(call: &Call, refused: Refusal) -> Refusal {
    let error = match &refused {
        Refusal::OAuth(error) => error,
        Refusal::Proof(proof) if proof.error.code != ErrorCode::UseDpopNonce => &proof.error,
        Refusal::Proof(_) | Refusal::Client(_) | Refusal::Failure(_) => return refused,
    };
    if call
        .app
        .throttles
        .push_refused(&call.client.client_id)
        .is_err()
    {
        return refused;
    }
    let event = Event::PushedAuthorizationRequestError {
        error: error.code.as_str().to_owned(),
        reason: error.description.clone(),
    };
    let recorder = call.browser.recorder(&call.app, call.now);
    let record = recorder.record(call.subject(None), &event);
    match crate::store::audit::append_alone(&call.app.db, call.app.db.relaxed(), [record]).await {
        Ok(_) => refused,
        Err(error) => Refusal::from(Failure::from(error)),
    }
}

/// A DPoP proof that comes with the request binds its code, as `dpop_jkt` would (RFC 9449 section 10.1).
async fn bound_to_the_proof(call: &Call, mut unpacked: Unpacked) -> Result<Unpacked, Refusal> {
    let request = dpop::Request {
        method: &Method::POST,
        path: "/par",
        access_token: None,
    };
    let Some(proof) = dpop::proof(&call.app, &call.browser.headers, request, call.now)? else {
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
    if dpop::count(&call.app, &proof).await? {
        Ok(unpacked)
    } else {
        Err(dpop::replayed().into())
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
