//! An app's own key: signs assertions, and whatever else a test wants to send.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use numbercloak::clock::Clock;
use numbercloak::secret::{Token, b64};
use serde_json::{Value, json};

enum Pair {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

/// A key with a name.
pub struct ClientKey {
    pair: Pair,
    kid: String,
    clock: Clock,
}

impl ClientKey {
    /// A new P-256 key.
    pub fn new(kid: &str, clock: &Clock) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self {
            pair: Pair::Es256(pair),
            kid: kid.to_owned(),
            clock: clock.clone(),
        }
    }

    /// A new RSA key.
    pub fn rsa(kid: &str, clock: &Clock) -> Self {
        Self {
            pair: Pair::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
            ..Self::new(kid, clock)
        }
    }

    /// Its public part.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Es256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "x": b64(&point[1..33]), "y": b64(&point[33..]) })
            }
            Pair::Rs256(pair) => {
                let public = pair.public_key();
                let n = b64(public.modulus().big_endian_without_leading_zero());
                let e = b64(public.exponent().big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": n, "e": e })
            }
        };
        jwk["kid"] = self.kid.as_str().into();
        jwk
    }

    /// A JWK set of this key alone.
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    /// The header of what it signs.
    pub fn header(&self) -> Value {
        let alg = match self.pair {
            Pair::Es256(_) => "ES256",
            Pair::Rs256(_) => "RS256",
        };
        json!({ "alg": alg, "kid": self.kid })
    }

    /// Signs claims under a header, whatever they say.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| b64(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Es256(pair) => pair
                .sign(&random, message.as_bytes())
                .unwrap()
                .as_ref()
                .to_vec(),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &random,
                    message.as_bytes(),
                    &mut signature,
                )
                .unwrap();
                signature
            }
        };
        format!("{message}.{}", b64(&signature))
    }

    /// The claims of a right assertion.
    pub fn claims(&self, client_id: &str, audience: &str) -> Value {
        let now = self.clock.now().timestamp();
        json!({
            "iss": client_id, "sub": client_id, "aud": audience,
            "jti": Token::random().reveal(), "iat": now, "exp": now + 60,
        })
    }

    /// A right assertion.
    pub fn assertion(&self, client_id: &str, audience: &str) -> String {
        self.sign(&self.header(), &self.claims(client_id, audience))
    }
}
