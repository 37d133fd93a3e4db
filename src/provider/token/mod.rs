//! `POST /token` (RFC 6749 section 3.2): read, authenticate the client, see what it holds the keys
//! of, and go by the grant type. [`code`] and [`refresh`] each take one guarded statement; [`issue`]
//! signs what comes of it.

mod binding;
mod code;
mod issue;
mod refresh;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::audit::event::Event;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::provider::call::{Call, Refusal, no_store};
use crate::store::audit;
use crate::web::app::App;
use crate::web::browser::Browser;
use binding::Binding;
use issue::Tokens;

/// Parameters that may come once; `resource` may come several times (RFC 8707 section 2).
const ONCE: &[&str] = &[
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
];

/// Exchanges a code or a refresh token for tokens.
pub async fn exchange(State(app): State<App>, browser: Browser, body: Bytes) -> Response {
    match try_exchange(app, browser, &body).await {
        Ok(tokens) => (no_store(), Json(tokens)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn try_exchange(app: App, browser: Browser, body: &[u8]) -> Result<Tokens, Refusal> {
    let call = Call::receive(app, browser, body, "/token", ONCE).await?;
    let refuse_type = |reason| OAuthError::new(ErrorCode::UnsupportedGrantType, reason);
    match call.form.get("grant_type") {
        Some("authorization_code") => code::redeem(&call).await,
        Some("refresh_token") => refresh::refresh(&call).await,
        None => Err(OAuthError::invalid_request("grant_type is missing").into()),
        Some(_) => {
            Err(refuse_type("grant_type must be authorization_code or refresh_token").into())
        }
    }
}

/// The resources the request names (RFC 8707 section 2.2), each of them registered.
fn resources(call: &Call) -> Result<Vec<String>, OAuthError> {
    let mut resources: Vec<String> = Vec::new();
    for resource in call.form.all("resource") {
        if !call.client.settings.resources.iter().any(|r| r == resource) {
            return Err(invalid_target(
                "a resource is not registered for this client",
            ));
        }
        if !resources.iter().any(|r| r == resource) {
            resources.push(resource.to_owned());
        }
    }
    Ok(resources)
}

fn invalid_target(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidTarget, description)
}

fn invalid_grant(description: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidGrant, description)
}

/// Records a request that was refused for what it is, before its code or token was looked up.
async fn refused_unread(
    call: &Call,
    refusal: Refusal,
    event: impl FnOnce(String) -> Event,
) -> Refusal {
    let reason = match &refusal {
        Refusal::OAuth(error) => error.description.clone(),
        // A missing nonce is no fault but a step.
        Refusal::Proof(refused) if refused.error.code != ErrorCode::UseDpopNonce => {
            refused.error.description.clone()
        }
        Refusal::Proof(_) | Refusal::Client(_) | Refusal::Failure(_) => return refusal,
    };
    let recorder = call.browser.recorder(&call.app, call.now);
    let record = recorder.record(call.subject(None), &event(reason));
    match audit::append_alone(&call.app.db, call.app.db.relaxed(), [record]).await {
        Ok(()) => refusal,
        Err(error) => error.into(),
    }
}

/// Records a refusal that changed nothing but what it says itself.
async fn record(call: &Call, grant: Uuid, event: &Event) -> Result<(), Refusal> {
    let recorder = call.browser.recorder(&call.app, call.now);
    let record = recorder.record(call.subject(Some(grant)), event);
    audit::append_alone(&call.app.db, call.app.db.relaxed(), [record]).await?;
    Ok(())
}
