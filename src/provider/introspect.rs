//! `POST /introspect` (RFC 7662): whether a token lives, for the client it was issued to and for the
//! resources it is for. As JSON, or signed (RFC 9701).

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::audit::event::Event;
use crate::clock::Time;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::scope::ScopeSet;
use crate::provider::call::{Call, Refusal, no_store};
use crate::secret::Handle;
use crate::store::clients::Client;
use crate::store::tokens::access::{self, Access};
use crate::store::tokens::refresh;
use crate::token::access_token::{audience, confirmation, row_key};
use crate::token::claims::Facts;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The signed answer's media type (RFC 9701 section 5); its `typ` is the same without the prefix.
const SIGNED: &str = "application/token-introspection+jwt";
const TYP: &str = "token-introspection+jwt";

/// Tells what a token is.
pub async fn introspect(State(app): State<App>, browser: Browser, body: Bytes) -> Response {
    match try_introspect(app, browser, &body).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

async fn try_introspect(app: App, browser: Browser, body: &[u8]) -> Result<Response, Refusal> {
    let call = Call::receive(
        app,
        browser,
        body,
        "/introspect",
        &["token", "token_type_hint"],
    )
    .await?;
    if !call.client.is_confidential() {
        // Section 4: otherwise anybody could try tokens here.
        let reason = "only clients that authenticate may introspect";
        let event = Event::IntrospectTokenError {
            reason: reason.to_owned(),
        };
        call.refused(&event).await?;
        return Err(OAuthError::new(ErrorCode::UnauthorizedClient, reason).into());
    }
    let told = told(&call, call.required("token")?).await?;
    if wants_signed(&call.browser.headers) {
        let jwt = sign(&call, &told)?;
        return Ok((no_store(), [(CONTENT_TYPE, SIGNED)], jwt).into_response());
    }
    Ok((no_store(), Json(told)).into_response())
}

/// What the client may know: of a dead token, and of one that is not its business, only that it is of
/// no use to it (section 2.2).
async fn told(call: &Call, token: &str) -> Result<Map<String, Value>, Refusal> {
    let lane = call.app.db.relaxed_steps();
    let inactive = || Map::from_iter([("active".to_owned(), json!(false))]);
    if let Some(handle) = Handle::parse(token) {
        let known = refresh::find(lane, &handle.hash(), call.now).await?;
        let live = known.filter(|k| !k.used && !k.ended && k.client_id == call.client.client_id);
        let Some(known) = live else {
            return Ok(inactive());
        };
        let about = About {
            client_id: &known.client_id,
            facts: &known.facts,
            scopes: None,
            issued_at: Some(known.created_at),
            expires_at: known.expires_at,
        };
        let mut told = about.told(call)?;
        told.extend(cnf(known.jkt.as_deref(), known.x5t.as_deref()));
        return Ok(told);
    }
    let issuer = call.app.config.issuer.as_str();
    let Some(hash) = row_key(&call.app.keyring.current(), issuer, token) else {
        return Ok(inactive());
    };
    let found = access::find(lane, &hash, call.now).await?;
    let Some(found) = found.filter(|found| may_know(&call.client, found)) else {
        return Ok(inactive());
    };
    if call
        .app
        .client(&found.grant.client_id)
        .await
        .map_err(Failure::from)?
        .is_none()
    {
        return Ok(inactive());
    }
    let about = About {
        client_id: &found.grant.client_id,
        facts: &found.grant.facts,
        scopes: found.scopes.as_deref(),
        issued_at: found.issued_at,
        expires_at: found.expires_at,
    };
    let mut told = about.told(call)?;
    let kind = if found.jkt.is_some() {
        "DPoP"
    } else {
        "Bearer"
    };
    told.insert("token_type".to_owned(), json!(kind));
    told.insert("aud".to_owned(), audience(issuer, &found.audiences));
    told.extend(cnf(found.jkt.as_deref(), found.x5t.as_deref()));
    Ok(told)
}

/// Its own token, or one for a resource that is registered for it: an API is a client of its own.
fn may_know(client: &Client, access: &Access) -> bool {
    let for_it = |audience: &String| client.settings.resources.contains(audience);
    access.grant.client_id == client.client_id || access.audiences.iter().any(for_it)
}

fn cnf(jkt: Option<&str>, x5t: Option<&str>) -> Option<(String, Value)> {
    confirmation(jkt, x5t).map(|cnf| ("cnf".to_owned(), cnf))
}

/// What is told of either kind of token. Nothing of the number.
struct About<'a> {
    client_id: &'a str,
    facts: &'a Value,
    scopes: Option<&'a [String]>,
    issued_at: Option<Time>,
    expires_at: Time,
}

impl About<'_> {
    fn told(&self, call: &Call) -> Result<Map<String, Value>, Failure> {
        let facts = Facts::deserialize(self.facts).map_err(Failure::internal)?;
        let scopes = match self.scopes {
            None => Some(facts.scopes.clone()),
            Some(words) => facts.scopes.narrowed_to(words),
        };
        let scope = scopes.as_ref().map(ScopeSet::text).unwrap_or_default();
        let mut told = Map::new();
        let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
        tell("active", json!(true));
        tell("iss", json!(call.app.config.issuer.as_str()));
        tell("client_id", json!(self.client_id));
        tell("sub", json!(facts.sub));
        tell("scope", json!(scope));
        tell("exp", json!(self.expires_at.timestamp()));
        tell("auth_time", json!(facts.auth_time.timestamp()));
        tell("acr", json!(facts.acr().as_str()));
        if let Some(issued_at) = self.issued_at {
            tell("iat", json!(issued_at.timestamp()));
        }
        Ok(told)
    }
}

fn wants_signed(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .any(|range| range.eq_ignore_ascii_case(SIGNED))
}

/// RFC 9701 section 5: for whoever asks, and of a type of its own, so that it passes for nothing else.
fn sign(call: &Call, told: &Map<String, Value>) -> Result<String, Failure> {
    let settings = &call.client.settings;
    let claims = json!({
        "iss": call.app.config.issuer.as_str(),
        "aud": call.client.client_id,
        "iat": call.now.timestamp(),
        "token_introspection": told,
    });
    let alg = settings.profile.signs_with(settings.introspection_alg);
    let keyring = call.app.keyring.current();
    keyring
        .sign(alg, Some(TYP), &claims)
        .map_err(Failure::internal)
}
