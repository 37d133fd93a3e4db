//! `POST /revoke` (RFC 7009): a client gives a token back. An access token ends alone; a refresh token
//! ends the grant with everything that came of it.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use uuid::Uuid;

use crate::audit::event::Event;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::provider::call::{Call, Refusal, no_store};
use crate::secret::Handle;
use crate::store::audit::Appended;
use crate::store::tokens::{access, refresh};
use crate::token::access_token::row_key;
use crate::web::app::App;
use crate::web::browser::Browser;

/// Ends the token of a request. What is unknown, or over, is ended already: 200 as well (section 2.2).
pub async fn revoke(State(app): State<App>, browser: Browser, body: Bytes) -> Response {
    match try_revoke(app, browser, &body).await {
        Ok(()) => (StatusCode::OK, no_store()).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn try_revoke(app: App, browser: Browser, body: &[u8]) -> Result<(), Refusal> {
    let call = Call::receive(app, browser, body, "/revoke", &["token", "token_type_hint"]).await?;
    let token = call.required("token")?;
    // The hint is not needed: the two kinds are told apart by their shape.
    if let Some(handle) = Handle::parse(token) {
        return revoke_family(&call, &handle.hash()).await;
    }
    let issuer = call.app.config.issuer.as_str();
    match row_key(&call.app.keyring.current(), issuer, token) {
        Some(hash) => revoke_access(&call, &hash).await,
        None => Ok(()),
    }
}

async fn revoke_family(call: &Call, hash: &[u8]) -> Result<(), Refusal> {
    let db = &call.app.db;
    let Some(known) = refresh::find(db.relaxed_steps(), hash, call.now).await? else {
        return Ok(());
    };
    is_own(call, known.grant_id, &known.client_id).await?;
    refresh::end_family(
        db.durable_steps(),
        hash,
        &known.client_id,
        call.now,
        record(call, known.grant_id, "refresh_token"),
    )
    .await?;
    Ok(())
}

async fn revoke_access(call: &Call, hash: &[u8]) -> Result<(), Refusal> {
    let db = &call.app.db;
    let Some(known) = access::find(db.relaxed_steps(), hash, call.now).await? else {
        return Ok(());
    };
    is_own(call, known.grant.id, &known.grant.client_id).await?;
    let records = record(call, known.grant.id, "access_token");
    access::revoke(db.durable_steps(), hash, records).await?;
    Ok(())
}

/// Section 2.1: a token of another client is refused, and stays.
async fn is_own(call: &Call, grant: Uuid, client_id: &str) -> Result<(), Refusal> {
    if call.client.client_id == client_id {
        return Ok(());
    }
    let reason = "the token was issued to another client";
    let event = Event::RevokeGrantError {
        grant,
        reason: reason.to_owned(),
    };
    call.refused(&event).await?;
    Err(OAuthError::new(ErrorCode::InvalidGrant, reason).into())
}

fn record(call: &Call, grant: Uuid, token: &str) -> Appended {
    let event = Event::RevokeGrant {
        grant,
        token: token.to_owned(),
    };
    let recorder = call.browser.recorder(&call.app, call.now);
    Appended::new([recorder.record(call.subject(Some(grant)), &event)])
}
