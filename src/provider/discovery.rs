//! `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0) and `GET /jwks`: what is
//! on, and nothing that is not.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use serde_json::json;

use crate::oauth::acr::Acr;
use crate::oauth::prompt::Prompt;
use crate::oauth::scope::Scope;
use crate::oauth::signing_alg::SigningAlg;
use crate::web::app::App;

/// How long both documents may be cached. The next signing key is in the JWKS for much longer before
/// it signs, so a cached one is never too old.
const CACHED: &str = "public, max-age=300";

/// The provider's metadata.
pub async fn configuration(State(app): State<App>) -> Response {
    let issuer = &app.config.issuer;
    let document = json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": issuer.url("/authorize"),
        "token_endpoint": issuer.url("/token"),
        "userinfo_endpoint": issuer.url("/userinfo"),
        "jwks_uri": issuer.url("/jwks"),
        "end_session_endpoint": issuer.url("/logout"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise", "public"],
        "id_token_signing_alg_values_supported": SigningAlg::names(SigningAlg::ALL),
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic", "client_secret_post", "none"
        ],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": Prompt::ALL.map(Prompt::as_str),
        "acr_values_supported": Acr::OFFERED.map(Acr::as_str),
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "auth_time", "acr", "amr", "sid",
            "txn", "phone_number", "phone_number_verified", "number_verification"
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
        "ui_locales_supported": crate::web::text::Language::tags().collect::<Vec<_>>(),
    });
    public("application/json", document.to_string())
}

/// The public halves of every key that a live token may be signed with, and of the next one.
pub async fn jwks(State(app): State<App>) -> Response {
    public("application/json", app.keyring.current().jwks())
}

fn public(content_type: &'static str, body: impl IntoResponse) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, CACHED),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (headers, body).into_response()
}
