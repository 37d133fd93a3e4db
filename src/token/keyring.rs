//! The keys that sign our tokens, parsed, as one immutable snapshot; a new one replaces it whole
//! when the database says that keys moved.

use bytes::Bytes;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::newest::Newest;
use crate::oauth::signing_alg::SigningAlg;
use crate::store::keys::Status;
use crate::token::signing_key::{SigningError, SigningKey};

/// The `typ` of a JWT access token (RFC 9068 section 2.1).
pub const ACCESS_TOKEN: &str = "at+jwt";

/// A token is not one of ours, or not for this.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token of ours")]
pub struct NotOurs;

/// No key of this algorithm signs, or signing failed.
#[derive(Debug, thiserror::Error)]
pub enum CannotSign {
    /// The keyring has no active key for it.
    #[error("no active {0} key")]
    NoKey(&'static str),
    /// The key could not.
    #[error(transparent)]
    Failed(#[from] SigningError),
}

/// Every published key. What signs is what is active, and nothing else.
#[derive(Debug)]
pub struct Keyring {
    keys: Vec<(Status, SigningKey)>,
    jwks: Bytes,
}

impl Keyring {
    /// Puts keys together; retired ones are left out.
    ///
    /// # Errors
    /// If the public parts cannot be written as JSON.
    pub fn new(keys: Vec<(Status, SigningKey)>) -> Result<Self, serde_json::Error> {
        let keys: Vec<_> = keys
            .into_iter()
            .filter(|(status, _)| *status != Status::Retired)
            .collect();
        let set = JwkSet {
            keys: keys.iter().map(|(_, key)| key.public().clone()).collect(),
        };
        Ok(Self {
            jwks: Bytes::from(serde_json::to_vec(&set)?),
            keys,
        })
    }

    /// The key of this algorithm that signs now.
    #[must_use]
    pub fn active(&self, alg: SigningAlg) -> Option<&SigningKey> {
        self.keys
            .iter()
            .find(|(status, key)| *status == Status::Active && key.alg() == alg)
            .map(|(_, key)| key)
    }

    /// Signs claims with the active key of an algorithm. `typ` is `JWT` unless told otherwise.
    ///
    /// # Errors
    /// If there is no such key, the claims are no JSON, or aws-lc-rs fails.
    pub fn sign(
        &self,
        alg: SigningAlg,
        typ: Option<&str>,
        claims: &impl Serialize,
    ) -> Result<String, CannotSign> {
        let key = self.active(alg).ok_or(CannotSign::NoKey(alg.as_str()))?;
        Ok(key.sign(typ, claims)?)
    }

    /// The JWK set (RFC 7517 section 5) of all published keys: next, active and retiring.
    #[must_use]
    pub fn jwks(&self) -> Bytes {
        self.jwks.clone()
    }

    /// The claims of an ID token of ours, also an expired one: an `id_token_hint`. The caller
    /// checks that `aud` holds its client.
    ///
    /// # Errors
    /// [`NotOurs`] if it was not signed by a published key, names another issuer, or is of another
    /// type: a logout token must not pass for an ID token.
    pub fn verify(&self, issuer: &str, token: &str) -> Result<Map<String, Value>, NotOurs> {
        // A signed userinfo answer has no `exp`, so that it is never one.
        let required = &["iss", "sub", "aud", "exp"];
        self.signed_here(issuer, token, "JWT", required)
    }

    /// The claims of a JWT access token of ours, also of an expired one.
    ///
    /// # Errors
    /// [`NotOurs`] if it was not signed by a published key, names another issuer, or is of another
    /// type.
    pub fn verify_access_token(
        &self,
        issuer: &str,
        token: &str,
    ) -> Result<Map<String, Value>, NotOurs> {
        self.signed_here(issuer, token, ACCESS_TOKEN, &["iss", "aud", "exp"])
    }

    fn signed_here(
        &self,
        issuer: &str,
        token: &str,
        typ: &str,
        required: &[&str],
    ) -> Result<Map<String, Value>, NotOurs> {
        let header = decode_header(token).map_err(|_| NotOurs)?;
        let kid = header.kid.ok_or(NotOurs)?;
        if header.typ.as_deref() != Some(typ) {
            return Err(NotOurs);
        }
        let (_, key) = self
            .keys
            .iter()
            .find(|(_, key)| key.kid() == kid)
            .ok_or(NotOurs)?;
        let (verifier, algorithm) = key.verifier();
        // The algorithm is the key's, never the header's word.
        let mut validation = Validation::new(algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(required);
        validation.set_issuer(&[issuer]);
        decode(token, verifier, &validation)
            .map(|token| token.claims)
            .map_err(|_| NotOurs)
    }
}

/// The keyring everybody shares; replaced whole, read without a lock.
pub type LiveKeyring = Newest<Keyring>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{b64, from_b64};
    use crate::token::signing_key::generate;
    use serde_json::json;

    const ISSUER: &str = "https://id.example";
    const ALGS: [SigningAlg; 4] = SigningAlg::ALL;

    fn key(alg: SigningAlg) -> SigningKey {
        SigningKey::parse(alg, &generate(alg).unwrap()).unwrap()
    }

    fn keyring() -> Keyring {
        let keys = ALGS.map(|alg| (Status::Active, key(alg)));
        Keyring::new(keys.into()).unwrap()
    }

    fn claims() -> Value {
        json!({ "iss": ISSUER, "sub": "s", "aud": "app", "exp": 1, "n": 7 })
    }

    #[test]
    fn what_it_signs_any_library_verifies_with_the_published_set() {
        let keyring = keyring();
        let set: JwkSet = serde_json::from_slice(&keyring.jwks()).unwrap();
        for alg in ALGS {
            let token = keyring.sign(alg, None, &claims()).unwrap();
            let header = decode_header(&token).unwrap();
            let jwk = set.find(header.kid.as_deref().unwrap()).unwrap();
            let verifier = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
            let mut validation = Validation::new(header.alg);
            validation.validate_exp = false;
            validation.set_audience(&["app"]);
            validation.set_issuer(&[ISSUER]);
            let token: jsonwebtoken::TokenData<Value> =
                decode(&token, &verifier, &validation).unwrap();
            assert_eq!(token.claims, claims());
            assert_eq!(format!("{:?}", header.alg), alg.as_str());
        }
    }

    #[test]
    fn the_set_holds_public_parts_of_all_but_retired_keys() {
        let mut keys = Vec::new();
        let mut kids = Vec::new();
        for status in [Status::Next, Status::Active, Status::Retiring] {
            for alg in ALGS {
                let key = key(alg);
                kids.push(key.kid().to_owned());
                keys.push((status, key));
            }
        }
        keys.push((Status::Retired, key(SigningAlg::ES256)));
        let keyring = Keyring::new(keys).unwrap();
        let set: Value = serde_json::from_slice(&keyring.jwks()).unwrap();
        assert_eq!(set.as_object().unwrap().len(), 1);
        let published = set["keys"].as_array().unwrap();
        let mut found: Vec<_> = published
            .iter()
            .map(|k| k["kid"].as_str().unwrap())
            .collect();
        assert_eq!(found, kids);
        found.dedup();
        assert_eq!(found.len(), 12);
        for jwk in published {
            let mut members: Vec<_> = jwk.as_object().unwrap().keys().cloned().collect();
            members.sort_unstable();
            assert_eq!(jwk["use"], "sig");
            match jwk["alg"].as_str().unwrap() {
                "RS256" | "PS256" => {
                    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
                    assert_eq!(from_b64(jwk["n"].as_str().unwrap()).unwrap().len(), 256);
                }
                "ES256" => {
                    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
                    assert_eq!(jwk["crv"], "P-256");
                }
                "EdDSA" => {
                    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
                    assert_eq!(jwk["crv"], "Ed25519");
                }
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn only_the_active_key_signs() {
        let active = key(SigningAlg::ES256);
        let kid = active.kid().to_owned();
        let keyring = Keyring::new(vec![
            (Status::Next, key(SigningAlg::ES256)),
            (Status::Retiring, key(SigningAlg::ES256)),
            (Status::Active, active),
            (Status::Next, key(SigningAlg::RS256)),
        ])
        .unwrap();
        let token = keyring.sign(SigningAlg::ES256, None, &claims()).unwrap();
        assert_eq!(decode_header(&token).unwrap().kid.unwrap(), kid);
        assert!(matches!(
            keyring.sign(SigningAlg::RS256, None, &claims()),
            Err(CannotSign::NoKey("RS256"))
        ));
    }

    #[test]
    fn an_expired_token_of_ours_is_still_a_hint() {
        let keyring = keyring();
        for alg in ALGS {
            let token = keyring.sign(alg, None, &claims()).unwrap();
            let read = keyring.verify(ISSUER, &token).unwrap();
            assert_eq!(Value::Object(read), claims());
        }
    }

    #[test]
    fn what_a_retiring_key_signed_still_verifies_and_a_retired_one_does_not() {
        let old = generate(SigningAlg::ES256).unwrap();
        let parse = || SigningKey::parse(SigningAlg::ES256, &old).unwrap();
        let token = parse().sign(None, &claims()).unwrap();
        for (status, expected) in [(Status::Retiring, true), (Status::Retired, false)] {
            let keyring = Keyring::new(vec![(status, parse())]).unwrap();
            assert_eq!(keyring.verify(ISSUER, &token).is_ok(), expected);
        }
    }

    #[test]
    fn hostile_tokens_are_not_ours() {
        let keyring = keyring();
        let good = keyring.sign(SigningAlg::RS256, None, &claims()).unwrap();
        let parts: Vec<&str> = good.split('.').collect();
        let kid = decode_header(&good).unwrap().kid.unwrap();
        let header =
            |alg: &str| b64(format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"JWT"}}"#).as_bytes());
        let mut other_claims = claims();
        other_claims["sub"] = json!("somebody");
        let altered = b64(other_claims.to_string().as_bytes());
        // the public key, which everybody knows, used as a shared secret
        let secret = jsonwebtoken::EncodingKey::from_secret(&keyring.jwks());
        let mut hs256 = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        hs256.kid = Some(kid.clone());
        let foreign = Keyring::new(vec![(Status::Active, key(SigningAlg::RS256))]).unwrap();
        let mut elsewhere = claims();
        elsewhere["iss"] = json!("https://other.example");
        let mut endless = claims();
        endless.as_object_mut().unwrap().remove("exp");
        let mut nobody = claims();
        nobody.as_object_mut().unwrap().remove("iss");
        let hostile = [
            String::new(),
            "..".to_owned(),
            "a.b.c".to_owned(),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}.", header("none"), parts[1]),
            format!("{}.{}.{}", header("ES256"), parts[1], parts[2]),
            format!("{}.{}.{}", header("PS256"), parts[1], parts[2]),
            format!("{}.{altered}.{}", parts[0], parts[2]),
            jsonwebtoken::encode(&hs256, &claims(), &secret).unwrap(),
            foreign.sign(SigningAlg::RS256, None, &claims()).unwrap(),
            keyring.sign(SigningAlg::RS256, None, &elsewhere).unwrap(),
            keyring.sign(SigningAlg::RS256, None, &nobody).unwrap(),
            keyring
                .sign(SigningAlg::RS256, Some("logout+jwt"), &claims())
                .unwrap(),
            keyring
                .sign(SigningAlg::RS256, Some(ACCESS_TOKEN), &claims())
                .unwrap(),
            keyring.sign(SigningAlg::RS256, None, &endless).unwrap(),
        ];
        assert!(keyring.verify(ISSUER, &good).is_ok());
        for token in hostile {
            assert_eq!(keyring.verify(ISSUER, &token), Err(NotOurs), "{token}");
        }
    }
}
