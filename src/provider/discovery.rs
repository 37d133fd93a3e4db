//! `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0) and `GET /jwks`: what is
//! on, and nothing that is not.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::oauth::acr::Acr;
use crate::oauth::claims_request::{EVIDENCE, RECORD, TRUST_FRAMEWORK};
use crate::oauth::dpop;
use crate::oauth::prompt::Prompt;
use crate::oauth::request::Display;
use crate::oauth::response_mode::ResponseMode;
use crate::oauth::scope::Scope;
use crate::oauth::signing_alg::SigningAlg;
use crate::provider::client_auth;
use crate::web::app::App;

/// How long both documents may be cached. The next signing key is in the JWKS for much longer before
/// it signs, so a cached one is never too old.
const CACHED: &str = "public, max-age=300";

/// The provider's metadata.
pub async fn configuration(State(app): State<App>) -> Response {
    let issuer = &app.config.issuer;
    let mut document = json!({
        "issuer": issuer.as_str(),
        "authorization_endpoint": issuer.url("/authorize"),
        "token_endpoint": issuer.url("/token"),
        "userinfo_endpoint": issuer.url("/userinfo"),
        "revocation_endpoint": issuer.url("/revoke"),
        "introspection_endpoint": issuer.url("/introspect"),
        "jwks_uri": issuer.url("/jwks"),
        "end_session_endpoint": issuer.url("/logout"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "response_types_supported": ["code"],
        "response_modes_supported": ResponseMode::WORDS,
        "pushed_authorization_request_endpoint": issuer.url("/par"),
        "require_pushed_authorization_requests": false,
        "require_signed_request_object": false,
        "request_object_signing_alg_values_supported": SigningAlg::names(SigningAlg::ALL),
        "authorization_signing_alg_values_supported": SigningAlg::names(SigningAlg::ALL),
        "display_values_supported": Display::ALL.map(Display::as_str),
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["pairwise", "public"],
        "id_token_signing_alg_values_supported": SigningAlg::names(SigningAlg::ALL),
        "token_endpoint_auth_methods_supported": client_auth::methods(&app),
        "token_endpoint_auth_signing_alg_values_supported": SigningAlg::names(SigningAlg::ALL),
        "revocation_endpoint_auth_methods_supported": client_auth::methods(&app),
        "introspection_endpoint_auth_methods_supported": client_auth::methods(&app)
            .into_iter()
            .filter(|method| *method != "none")
            .collect::<Vec<_>>(),
        "introspection_signing_alg_values_supported": SigningAlg::names(SigningAlg::ALL),
        "userinfo_signing_alg_values_supported": SigningAlg::names(SigningAlg::ALL),
        "dpop_signing_alg_values_supported": SigningAlg::names(dpop::ALGS),
        "tls_client_certificate_bound_access_tokens": app.config.mtls.is_some(),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": Prompt::ALL.map(Prompt::as_str),
        "acr_values_supported": Acr::OFFERED.map(Acr::as_str),
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "nonce", "at_hash", "auth_time", "acr", "amr", "sid",
            "txn", "phone_number", "phone_number_verified", "number_verification",
            "verified_claims"
        ],
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": true,
        "verified_claims_supported": true,
        "trust_frameworks_supported": [TRUST_FRAMEWORK],
        "claims_in_verified_claims_supported": ["phone_number"],
        "evidence_supported": [EVIDENCE],
        "electronic_records_supported": [RECORD],
        "request_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
        "ui_locales_supported": crate::web::text::Language::tags().collect::<Vec<_>>(),
    });
    if app.config.registration.enabled {
        document["registration_endpoint"] = issuer.url("/register").into();
    }
    if let Some(aliases) = mtls_aliases(&app, &document) {
        document["mtls_endpoint_aliases"] = aliases;
    }
    public("application/json", document.to_string())
}

/// The endpoints that clients with certificates call, on the listener that asks for them (RFC 8705
/// section 5).
fn mtls_aliases(app: &App, document: &Value) -> Option<Value> {
    const CALLED_BY_CLIENTS: [&str; 5] = [
        "token_endpoint",
        "revocation_endpoint",
        "introspection_endpoint",
        "pushed_authorization_request_endpoint",
        "userinfo_endpoint",
    ];
    let mtls = app.config.mtls.as_ref()?;
    let aliases = CALLED_BY_CLIENTS.into_iter().filter_map(|name| {
        let path = document[name]
            .as_str()?
            .strip_prefix(app.config.issuer.as_str())?;
        Some((name.to_owned(), Value::from(mtls.url(path))))
    });
    Some(aliases.collect())
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
