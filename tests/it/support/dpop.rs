//! An app's key for DPoP (RFC 9449): signs whatever a test wants to send.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use numbercloak::clock::Clock;
use numbercloak::secret::{Token, b64, sha256};
use serde_json::{Value, json};

/// A P-256 key.
pub struct ProofKey {
    pair: EcdsaKeyPair,
    clock: Clock,
}

impl ProofKey {
    /// A new one.
    pub fn new(clock: &Clock) -> Self {
        Self {
            pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            clock: clock.clone(),
        }
    }

    /// Its public part.
    pub fn jwk(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
    }

    /// Its thumbprint (RFC 7638).
    pub fn jkt(&self) -> String {
        let jwk = self.jwk();
        let (x, y) = (&jwk["x"], &jwk["y"]);
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{x},"y":{y}}}"#);
        b64(&sha256(canonical.as_bytes()))
    }

    /// The header of a proof.
    pub fn header(&self) -> Value {
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() })
    }

    /// The claims of a proof for a request, with the hash of an access token if one is sent.
    pub fn claims(&self, method: &str, url: &str, token: Option<&str>) -> Value {
        let mut claims = json!({
            "jti": Token::random().reveal(), "htm": method, "htu": url,
            "iat": self.clock.now().timestamp(),
        });
        if let Some(token) = token {
            claims["ath"] = json!(b64(&sha256(token.as_bytes())));
        }
        claims
    }

    /// Whatever header and claims, signed.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let text = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes());
        format!("{text}.{}", b64(signature.unwrap().as_ref()))
    }

    /// A right proof.
    pub fn proof(&self, method: &str, url: &str, token: Option<&str>) -> String {
        self.sign(&self.header(), &self.claims(method, url, token))
    }
}
