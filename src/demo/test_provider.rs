//! The smallest OpenID Provider that the demo app can be tested with. It signs whatever claims a test
//! hands it, so that a test can make it lie.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::secret::{b64, sha256};

pub const CLIENT_ID: &str = "demo";
pub const CLIENT_SECRET: &str = "a secret: with + and /";

/// Where the provider signs from.
pub enum Key {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

impl Key {
    pub fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::Rs256(_) => "RS256",
        }
    }

    fn jwk(&self) -> Value {
        let mut jwk = match self {
            Self::Es256(key) => {
                // 0x04, then x and y.
                let point = key.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
            }
            Self::Rs256(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                json!({
                    "kty": "RSA",
                    "n": b64(n.big_endian_without_leading_zero()),
                    "e": b64(e.big_endian_without_leading_zero()),
                })
            }
        };
        jwk["kid"] = json!("k1");
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm());
        jwk
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "typ": "JWT", "kid": "k1" });
        let text = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let signature = match self {
            Self::Es256(key) => key
                .sign(&SystemRandom::new(), text.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    text.as_bytes(),
                    &mut signature,
                )
                .unwrap();
                signature
            }
        };
        format!("{text}.{}", b64(&signature))
    }
}

/// What the next code is worth.
#[derive(Default)]
pub struct Grant {
    pub code: String,
    pub challenge: String,
    pub id_token: Value,
    pub userinfo: Value,
}

struct Inner {
    issuer: String,
    key: Key,
    /// Another key than the published one, to sign with.
    foreign_key: Mutex<Option<Key>>,
    grant: Mutex<Grant>,
}

pub struct TestProvider(Arc<Inner>);

impl TestProvider {
    pub async fn start(key: Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = Arc::new(Inner {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            key,
            foreign_key: Mutex::default(),
            grant: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(inner)
    }

    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Hands out a code that is worth `grant`.
    pub fn grant(&self, grant: Grant) {
        *self.0.grant.lock().unwrap() = grant;
    }

    /// From now on signs with a key that it does not publish.
    pub fn sign_with_a_foreign_key(&self) {
        *self.0.foreign_key.lock().unwrap() = Some(Key::es256());
    }
}

async fn metadata(State(provider): State<Arc<Inner>>) -> Json<Value> {
    let issuer = &provider.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn jwks(State(provider): State<Arc<Inner>>) -> Json<Value> {
    Json(json!({ "keys": [provider.key.jwk()] }))
}

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    code: String,
    code_verifier: String,
    redirect_uri: String,
}

async fn token(
    State(provider): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(request): Form<TokenRequest>,
) -> Response {
    let refuse = |error: &str| {
        let body = Json(json!({ "error": error, "error_description": "as the test wanted" }));
        (StatusCode::BAD_REQUEST, body).into_response()
    };
    // RFC 6749 section 2.3.1: both parts are form-encoded first.
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let expected = STANDARD.encode(format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET)));
    if headers.get(header::AUTHORIZATION).unwrap() != &format!("Basic {expected}") {
        return refuse("invalid_client");
    }
    let grant = std::mem::take(&mut *provider.grant.lock().unwrap());
    if request.grant_type != "authorization_code"
        || !request.redirect_uri.ends_with("/callback")
        || request.code != grant.code
        || b64(&sha256(request.code_verifier.as_bytes())) != grant.challenge
    {
        return refuse("invalid_grant");
    }
    let foreign_key = provider.foreign_key.lock().unwrap();
    let key = foreign_key.as_ref().unwrap_or(&provider.key);
    // The token carries what userinfo answers: no state to keep.
    let access_token = b64(grant.userinfo.to_string().as_bytes());
    Json(json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": 600,
        "id_token": key.sign(&grant.id_token),
    }))
    .into_response()
}

async fn userinfo(headers: HeaderMap) -> Json<Value> {
    let bearer = headers[header::AUTHORIZATION].to_str().unwrap();
    let token = bearer.strip_prefix("Bearer ").unwrap();
    Json(serde_json::from_slice(&crate::secret::from_b64(token).unwrap()).unwrap())
}
