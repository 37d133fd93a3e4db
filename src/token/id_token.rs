//! ID tokens (OIDC Core section 2).

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::phone::PhoneNumber;
use crate::secret::{b64, sha256, sha512};
use crate::token::claims::{Facts, NotReleasable, id_token_claims};
use crate::token::keyring::{CannotSign, Keyring};

/// Everything an ID token is made of.
#[derive(Clone, Copy, Debug)]
pub struct IdToken<'a> {
    /// Us.
    pub issuer: &'a str,
    /// The app.
    pub client_id: &'a str,
    /// What was verified.
    pub facts: &'a Facts,
    /// The number, if the grant holds it.
    pub number: Option<&'a PhoneNumber>,
    /// The access token issued with it, as it is given out.
    pub access_token: &'a str,
    /// Whether it answers the authorization request itself: then it repeats the `nonce`. One that
    /// comes with a refresh does not (OIDC Core section 12.2).
    pub first: bool,
    /// When it is issued.
    pub now: Time,
    /// How long it lives; at most an hour counts.
    pub lifetime: Duration,
}

/// Why no ID token was issued.
#[derive(Debug, thiserror::Error)]
pub enum NotIssued {
    /// The claims could not be released.
    #[error(transparent)]
    Claims(#[from] NotReleasable),
    /// It could not be signed.
    #[error(transparent)]
    Signing(#[from] CannotSign),
}

/// The longest an ID token lives, whatever was configured.
const LONGEST: Duration = Duration::from_secs(3600);

impl IdToken<'_> {
    /// Signs it with the active key of the client's algorithm.
    ///
    /// # Errors
    /// [`NotIssued`].
    pub fn mint(&self, keyring: &Keyring, alg: SigningAlg) -> Result<String, NotIssued> {
        Ok(keyring.sign(alg, None, &self.claims(alg)?)?)
    }

    fn claims(&self, alg: SigningAlg) -> Result<Map<String, Value>, NotReleasable> {
        let mut claims = id_token_claims(self.facts, self.number)?;
        let lifetime = self.lifetime.min(LONGEST);
        claims.insert("iss".to_owned(), json!(self.issuer));
        claims.insert("aud".to_owned(), json!(self.client_id));
        claims.insert("iat".to_owned(), json!(self.now.timestamp()));
        claims.insert("exp".to_owned(), json!((self.now + lifetime).timestamp()));
        claims.insert("at_hash".to_owned(), json!(at_hash(alg, self.access_token)));
        if let (Some(nonce), true) = (&self.facts.nonce, self.first) {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        Ok(claims)
    }
}

/// The left half of the access token's hash, by the hash function of the signature's algorithm
/// (OIDC Core section 3.1.3.6).
fn at_hash(alg: SigningAlg, access_token: &str) -> String {
    match alg {
        SigningAlg::RS256 | SigningAlg::PS256 | SigningAlg::ES256 => {
            b64(&sha256(access_token.as_bytes())[..16])
        }
        // Ed25519 hashes with SHA-512 (RFC 8032 section 5.1).
        SigningAlg::EdDSA => b64(&sha512(access_token.as_bytes())[..32]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keys::Status;
    use crate::token::claims::NamedBy;
    use crate::token::claims::tests::{facts, number};
    use crate::token::signing_key::{SigningKey, generate};
    use chrono::DateTime;

    const ISSUER: &str = "https://id.example";

    fn keyring(alg: SigningAlg) -> Keyring {
        let key = SigningKey::parse(alg, &generate(alg).unwrap()).unwrap();
        Keyring::new(vec![(Status::Active, key)]).unwrap()
    }

    fn id_token<'a>(facts: &'a Facts, number: Option<&'a PhoneNumber>) -> IdToken<'a> {
        IdToken {
            issuer: ISSUER,
            client_id: "app",
            facts,
            number,
            access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            first: true,
            now: DateTime::from_timestamp(1_795_301_560, 999_999_000).unwrap(),
            lifetime: Duration::from_secs(600),
        }
    }

    #[test]
    fn it_says_who_for_whom_when_and_how() {
        let facts = facts("openid number_verified", NamedBy::App);
        let number = number();
        for alg in SigningAlg::ALL {
            let keyring = keyring(alg);
            let token = id_token(&facts, Some(&number)).mint(&keyring, alg).unwrap();
            let claims = keyring.verify(ISSUER, &token).unwrap();
            assert_eq!(claims["iss"], ISSUER);
            assert_eq!(claims["aud"], "app");
            assert_eq!(claims["iat"], 1_795_301_560);
            assert_eq!(claims["exp"], 1_795_302_160);
            assert_eq!(claims["nonce"], "n-0S6");
            assert_eq!(claims["auth_time"], 1_795_301_557);
            // the example of OIDC Core appendix A.4
            if alg == SigningAlg::EdDSA {
                assert_eq!(claims["at_hash"].as_str().unwrap().len(), 43);
            } else {
                assert_eq!(claims["at_hash"], "77QmUPtjPfzWtF2AnpK9RQ");
            }
            assert_eq!(claims["phone_number"], number.e164());
            assert_eq!(claims.len(), 9 + 6);
        }
    }

    #[test]
    fn the_nonce_is_there_only_if_it_was_sent_and_never_again() {
        let mut facts = facts("openid", NamedBy::Person);
        let mut refreshed = id_token(&facts, None);
        refreshed.first = false;
        let claims = refreshed.claims(SigningAlg::RS256).unwrap();
        assert!(!claims.contains_key("nonce"));
        facts.nonce = None;
        let claims = id_token(&facts, None).claims(SigningAlg::RS256).unwrap();
        assert!(!claims.contains_key("nonce"));
    }

    #[test]
    fn it_lives_an_hour_at_most() {
        let facts = facts("openid", NamedBy::Person);
        let mut token = id_token(&facts, None);
        token.lifetime = Duration::from_secs(86_400);
        let claims = token.claims(SigningAlg::ES256).unwrap();
        assert_eq!(claims["exp"], 1_795_301_560 + 3600);
    }

    #[test]
    fn none_is_issued_if_the_number_it_must_carry_is_missing() {
        let facts = facts("openid number_verified", NamedBy::App);
        let refused = id_token(&facts, None).mint(&keyring(SigningAlg::ES256), SigningAlg::ES256);
        assert!(matches!(
            refused,
            Err(NotIssued::Claims(NotReleasable::NoNumber))
        ));
    }
}
