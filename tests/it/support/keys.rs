//! A key pair of a client.

use numbercloak::clock::Time;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::secret::Token;
use numbercloak::token::signing_key::{SigningKey, generate};
use serde_json::{Value, json};

/// A key that only its client has.
pub struct ClientKey(SigningKey);

impl ClientKey {
    /// A new one.
    pub fn new(alg: SigningAlg) -> Self {
        Self(SigningKey::parse(alg, &generate(alg).unwrap()).unwrap())
    }

    /// The set with its public part, for registration.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.0.public()] })
    }

    /// A signed JWT.
    pub fn sign(&self, typ: &str, claims: &Value) -> String {
        self.0.sign(Some(typ), claims).unwrap()
    }

    /// The form fields that authenticate a client (RFC 7523 section 2.2).
    pub fn assertion(&self, client_id: &str, issuer: &str, now: Time) -> Vec<(String, String)> {
        let claims = json!({
            "iss": client_id, "sub": client_id, "aud": issuer, "jti": Token::random().reveal(),
            "iat": now.timestamp(), "exp": now.timestamp() + 60,
        });
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        vec![
            ("client_id".to_owned(), client_id.to_owned()),
            ("client_assertion_type".to_owned(), kind.to_owned()),
            ("client_assertion".to_owned(), self.sign("JWT", &claims)),
        ]
    }
}
