//! Metadata and keys. The metadata claims only what the endpoints do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde_json::json;

use super::api::not_found;
use super::contract::{ClientAuth, Scopes};
use super::network::Network;
use super::scenario::AtDiscovery;

const SIGNING: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
pub(super) async fn metadata(State(network): State<Arc<Network>>) -> Response {
    let contract = network.contract();
    let issuer = match network.disarm(&[AtDiscovery::NotFound, AtDiscovery::OtherIssuer]) {
        Some(AtDiscovery::NotFound) => return not_found().await,
        Some(_) => "https://other-operator.example",
        None => network.issuer.as_str(),
    };
    let (verify, share) = match contract.scopes {
        Scopes::Words(names) | Scopes::Hash(names) | Scopes::Either(names, _) => {
            (names.verify, names.share)
        }
        Scopes::Match | Scopes::Purpose(_) => ("", ""),
    };
    let methods: Vec<&str> = contract
        .client_auth
        .iter()
        .filter_map(|method| match method {
            ClientAuth::Basic => Some("client_secret_basic"),
            ClientAuth::Post => Some("client_secret_post"),
            ClientAuth::Assertion => Some("private_key_jwt"),
            ClientAuth::Application => None,
        })
        .collect();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": network.url(contract.authorize),
        "token_endpoint": network.url(contract.token),
        "jwks_uri": network.url("/jwks"),
        "scopes_supported": ["openid", verify, share],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": [network.keys.alg()],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": SIGNING,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none"],
        "request_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "request_object_signing_alg_values_supported": SIGNING,
        "authorization_response_iss_parameter_supported": contract.iss,
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr"],
    }))
    .into_response()
}

/// `GET /jwks`.
pub(super) async fn jwks(State(network): State<Arc<Network>>) -> Response {
    if network.disarm(&[AtDiscovery::KeysDown]).is_some() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    Json(network.keys.jwks()).into_response()
}
