//! `GET` and `POST /userinfo` (OIDC Core section 5.3): the same claims again, for whoever may present
//! the access token. Reads one row and changes nothing, but that a DPoP proof counts.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::audit::event::{Event, Subject};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::scope::Scope;
use crate::oauth::signing_alg::SigningAlg;
use crate::provider::call::is_form;
use crate::provider::presented::{self, Closed, Refused, Scheme};
use crate::provider::refused;
use crate::store::clients::Client;
use crate::store::db::StoreError;
use crate::store::grants;
use crate::store::tokens::access::Access;
use crate::token::claims::{Facts, release};
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// The token in the `Authorization` header.
pub async fn get(State(app): State<App>, browser: Browser) -> Response {
    answer(&app, &browser, &Method::GET, None).await
}

/// The token in the header, or in a form body (RFC 6750 section 2.2).
pub async fn post(State(app): State<App>, browser: Browser, body: Bytes) -> Response {
    let body = if is_form(&browser.headers) {
        &body[..]
    } else {
        &[]
    };
    match Params::parse(body, app.config.limits.parameters) {
        Ok(form) => answer(&app, &browser, &Method::POST, Some(&form)).await,
        Err(refused) => {
            let error = OAuthError::invalid_request(refused.to_string());
            Closed::Request(error).into_response()
        }
    }
}

async fn answer(app: &App, browser: &Browser, method: &Method, form: Option<&Params>) -> Response {
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    match try_answer(app, browser, method, form).await {
        Ok(Answer::Plain(claims)) => (headers, Json(claims)).into_response(),
        Ok(Answer::Signed(jwt)) => {
            (headers, [(CONTENT_TYPE, "application/jwt")], jwt).into_response()
        }
        Err(refused) => match record(app, browser, &refused).await {
            Ok(()) => refused.closed.into_response(),
            Err(error) => Closed::from(error).into_response(),
        },
    }
}

/// Records that a token was refused; a proof that lacks only our nonce is no refusal.
async fn record(app: &App, browser: &Browser, token: &Refused) -> Result<(), StoreError> {
    let error = match &token.closed {
        Closed::Token(_, error) | Closed::Scope(_, error) => error,
        Closed::Proof(proof) if proof.error.code != ErrorCode::UseDpopNonce => &proof.error,
        Closed::NoToken | Closed::Request(_) | Closed::Proof(_) | Closed::Failure(_) => {
            return Ok(());
        }
    };
    let (grant, client_id) = token.of.clone().unzip();
    let event = Event::UserInfoRequestError {
        grant,
        reason: error.description.clone(),
    };
    let subject = Subject {
        login_id: grant,
        client_id,
        ..Subject::default()
    };
    refused::record(app, browser, subject, &event, app.clock.now()).await
}

enum Answer {
    Plain(Map<String, Value>),
    Signed(String),
}

async fn try_answer(
    app: &App,
    browser: &Browser,
    method: &Method,
    form: Option<&Params>,
) -> Result<Answer, Refused> {
    let now = app.clock.now();
    let presented = presented::read(&browser.headers, form)?;
    let scheme = presented.0;
    let access = presented::check(app, browser, method, "/userinfo", &presented, now).await?;
    let client = app
        .client(&access.grant.client_id)
        .await
        .map_err(Failure::from)?;
    let Some(client) = client else {
        let error = OAuthError::new(ErrorCode::InvalidToken, "the client is disabled");
        return Err(Refused::of(&access, Closed::Token(scheme, error)));
    };
    let claims = claims(app, scheme, &access).map_err(|closed| Refused::of(&access, closed))?;
    match client.settings.userinfo_alg {
        None => Ok(Answer::Plain(claims)),
        Some(alg) => Ok(Answer::Signed(sign(app, &client, alg, claims)?)),
    }
}

fn claims(app: &App, scheme: Scheme, access: &Access) -> Result<Map<String, Value>, Closed> {
    let grant = &access.grant;
    let number = grants::open_number(&app.vault, &grant.id, grant.sealed.as_deref())
        .map_err(Failure::from)?;
    let mut facts = Facts::deserialize(&grant.facts).map_err(Failure::internal)?;
    if let Some(words) = &access.scopes {
        let narrowed = facts.scopes.narrowed_to(words);
        facts.scopes = narrowed.ok_or_else(|| Failure::internal("a scope beyond the grant's"))?;
    }
    if !facts.scopes.has(Scope::Openid) {
        let error = OAuthError::new(ErrorCode::InsufficientScope, "userinfo needs openid");
        return Err(Closed::Scope(scheme, error));
    }
    release(&facts, number.as_ref()).map_err(|error| Failure::internal(error).into())
}

/// OIDC Core section 5.3.2. Without `exp`: it is an answer, not a credential, and must never pass for
/// an ID token.
fn sign(
    app: &App,
    client: &Client,
    alg: SigningAlg,
    mut claims: Map<String, Value>,
) -> Result<String, Closed> {
    claims.insert("iss".to_owned(), json!(app.config.issuer.as_str()));
    claims.insert("aud".to_owned(), json!(client.client_id));
    let alg = client.settings.profile.signs_with(alg);
    let signed = app.keyring.current().sign(alg, None, &claims);
    signed.map_err(|error| Failure::internal(error).into())
}
