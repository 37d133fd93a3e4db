//! Metadata and keys. The metadata claims only what the endpoints do.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::network::Network;

const SIGNING: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// `GET /.well-known/openid-configuration` (OpenID Connect Discovery 1.0).
pub(super) async fn metadata(State(network): State<Arc<Network>>) -> Json<Value> {
    Json(json!({
        "issuer": network.issuer,
        "authorization_endpoint": network.url("/authorize"),
        "token_endpoint": network.url("/token"),
        "jwks_uri": network.url("/jwks"),
        "scopes_supported": ["openid", network.persona.verify_scope(), network.persona.share_scope()],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported":
            ["private_key_jwt", "client_secret_basic", "client_secret_post"],
        "token_endpoint_auth_signing_alg_values_supported": SIGNING,
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none"],
        "request_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "request_object_signing_alg_values_supported": SIGNING,
        "authorization_response_iss_parameter_supported": true,
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr"],
    }))
}

/// `GET /jwks`.
pub(super) async fn jwks(State(network): State<Arc<Network>>) -> Json<Value> {
    Json(network.keys.jwks())
}
