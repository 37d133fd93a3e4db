//! The operator's signing keys, and the ways of signing an ID token right and wrong.

use std::sync::OnceLock;

use aws_lc_rs::{error::Unspecified, hmac};
use serde_json::{Value, json};

use super::signing_key::{IdTokenAlg, SigningKey};
use crate::secret::{b64, random, sha256};

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signing {
    /// With the published key.
    Published,
    /// With a new key, published from now on.
    Rotated,
    /// With a key that was never published.
    Unpublished,
    /// `alg` none, no signature.
    None,
    /// HS256 with the public key in PEM as the secret: the classic confusion.
    HmacWithPublicKey,
}

/// The new key's id.
const ROTATED: &str = "rotated";

pub(super) struct Keys {
    published: SigningKey,
    kid: String,
    rotated: OnceLock<SigningKey>,
    unpublished: OnceLock<SigningKey>,
    /// Makes pairwise subjects; gone with the process, as are the accounts.
    pairwise: hmac::Key,
}

impl Keys {
    /// Makes new ones. Takes a moment of CPU: call it off the async threads.
    pub(super) fn generate(alg: IdTokenAlg) -> Result<Self, Unspecified> {
        let published = SigningKey::generate(alg)?;
        let kid = b64(&sha256(published.public_bytes())[..12]);
        Ok(Self {
            published,
            kid,
            rotated: OnceLock::new(),
            unpublished: OnceLock::new(),
            pairwise: hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()),
        })
    }

    /// The JWK set (RFC 7517): the key, and the new one once it was used.
    pub(super) fn jwks(&self) -> Value {
        let mut keys = vec![self.published.jwk(&self.kid)];
        keys.extend(self.rotated.get().map(|key| key.jwk(ROTATED)));
        json!({ "keys": keys })
    }

    /// The JOSE name of the algorithm.
    pub(super) fn alg(&self) -> &'static str {
        self.published.alg()
    }

    /// A compact JWS over `claims`.
    pub(super) fn sign(&self, claims: &Value, how: Signing) -> String {
        let alg = self.alg();
        let header = match how {
            Signing::Published => json!({ "typ": "JWT", "alg": alg, "kid": self.kid }),
            Signing::Rotated => json!({ "typ": "JWT", "alg": alg, "kid": ROTATED }),
            Signing::Unpublished => json!({ "typ": "JWT", "alg": alg, "kid": "unpublished" }),
            Signing::None => json!({ "typ": "JWT", "alg": "none" }),
            Signing::HmacWithPublicKey => json!({ "typ": "JWT", "alg": "HS256", "kid": self.kid }),
        };
        let input = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let signature = match how {
            Signing::Published => self.published.sign(input.as_bytes()),
            Signing::Rotated => self.another(&self.rotated).sign(input.as_bytes()),
            Signing::Unpublished => self.another(&self.unpublished).sign(input.as_bytes()),
            Signing::None => Vec::new(),
            Signing::HmacWithPublicKey => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.published.public_pem().as_bytes());
                hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{input}.{}", b64(&signature))
    }

    /// A subject that differs between clients and cannot be turned back into the number.
    pub(super) fn pairwise(&self, client_id: &str, number: &str) -> String {
        b64(hmac::sign(&self.pairwise, format!("{client_id}\0{number}").as_bytes()).as_ref())
    }

    fn another<'a>(&self, place: &'a OnceLock<SigningKey>) -> &'a SigningKey {
        place.get_or_init(|| {
            let another = self.published.another();
            another.expect("a key could be made before, so it can be again")
        })
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

    use super::*;

    #[test]
    fn what_is_signed_with_a_published_key_is_verified_with_the_key_set() {
        for (alg, expected) in [
            (IdTokenAlg::Rs256, Algorithm::RS256),
            (IdTokenAlg::Es256, Algorithm::ES256),
        ] {
            let keys = Keys::generate(alg).unwrap();
            let mut validation = Validation::new(expected);
            validation.required_spec_claims.clear();
            let good = |how| {
                let token = keys.sign(&json!({ "a": 1 }), how);
                let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
                let set: JwkSet = serde_json::from_value(keys.jwks()).unwrap();
                let key = DecodingKey::from_jwk(set.find(&kid)?).unwrap();
                Some(jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok())
            };
            assert_eq!(keys.alg(), format!("{expected:?}"));
            assert_eq!(good(Signing::Published), Some(true));
            assert_eq!(good(Signing::Rotated), Some(true));
            assert_eq!(good(Signing::Unpublished), None, "a key nobody can find");
            assert!(keys.published.public_pem().contains("PUBLIC KEY"));
        }
    }
}
