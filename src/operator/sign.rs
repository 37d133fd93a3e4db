//! What we sign for operators: client assertions (RFC 7523) and request objects (RFC 9101). The
//! private key is parsed once per revision of the record and lives in aws-lc-rs only.

use std::fmt;

use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::secret::{b64, random};
use crate::store::operators::{Credentials, Settings};
use crate::token::signing_key::SigningKey;

/// How long what we sign is good, seconds. Operators refuse more than 300.
const LIFETIME: i64 = 60;

/// A private key of ours, ready to sign.
pub(super) struct Signer {
    key: SigningKey,
    kid: Option<String>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?}, [redacted])", self.key.alg())
    }
}

impl Signer {
    /// Parses the key. The error says what an admin must mend, and nothing of the key.
    pub(super) fn new(
        settings: &Settings,
        credentials: &Credentials,
    ) -> Result<Self, &'static str> {
        let pem = credentials
            .private_key_pem
            .as_ref()
            .ok_or("the record has no private key")?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.reveal().as_bytes())
            .map_err(|_| "the private key is not PKCS#8 PEM")?;
        let der = der.secret_pkcs8_der();
        let key = SigningKey::parse(settings.assertion_alg, der)
            .map_err(|_| "the private key is of another kind than assertion_alg")?;
        Ok(Self {
            key,
            kid: credentials.kid.clone(),
        })
    }

    /// A client assertion for `audience`.
    pub(super) fn client_assertion(&self, client_id: &str, audience: &str, now: Time) -> String {
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), client_id.into());
        self.sign("JWT", claims, client_id, audience, now)
    }

    /// Vonage's JWT of an application: nobody's audience, nobody's issuer.
    pub(super) fn application_jwt(&self, application_id: &str, now: Time) -> String {
        let now = now.timestamp();
        let id = uuid::Builder::from_random_bytes(random()).into_uuid();
        let mut claims = Map::new();
        claims.insert("application_id".to_owned(), application_id.into());
        claims.insert("jti".to_owned(), id.to_string().into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + LIFETIME).into());
        self.compact("JWT", claims)
    }

    /// An assertion that is itself the grant (RFC 7523 section 2.1); `claims` say about whom, for
    /// what.
    pub(super) fn grant_assertion(
        &self,
        claims: Map<String, Value>,
        client_id: &str,
        audience: &str,
        now: Time,
    ) -> String {
        self.sign("JWT", claims, client_id, audience, now)
    }

    /// A request object of `parameters` for `audience`.
    pub(super) fn request_object(
        &self,
        parameters: Map<String, Value>,
        client_id: &str,
        audience: &str,
        now: Time,
    ) -> String {
        self.sign("oauth-authz-req+jwt", parameters, client_id, audience, now)
    }

    fn sign(
        &self,
        typ: &str,
        mut claims: Map<String, Value>,
        client_id: &str,
        audience: &str,
        now: Time,
    ) -> String {
        let now = now.timestamp();
        claims.insert("iss".to_owned(), client_id.into());
        claims.insert("aud".to_owned(), audience.into());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + LIFETIME).into());
        claims.insert("jti".to_owned(), b64(&random::<16>()).into());
        self.compact(typ, claims)
    }

    fn compact(&self, typ: &str, claims: Map<String, Value>) -> String {
        let mut header = json!({ "alg": self.key.alg(), "typ": typ });
        if let Some(kid) = &self.kid {
            header["kid"] = kid.as_str().into();
        }
        let signed = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(Value::Object(claims).to_string().as_bytes())
        );
        let signature = self
            .key
            .signature(signed.as_bytes())
            .expect("a key that was read signs");
        format!("{signed}.{}", b64(&signature))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jsonwebtoken::{Algorithm, DecodingKey, Validation};

    use super::*;
    use crate::clock::Clock;
    use crate::oauth::signing_alg::SigningAlg;
    use crate::secret::Redacted;

    fn credentials(key: &rcgen::KeyPair) -> Credentials {
        Credentials {
            private_key_pem: Some(Redacted::new(key.serialize_pem())),
            kid: Some("key-1".to_owned()),
            ..Credentials::default()
        }
    }

    fn settings(assertion_alg: SigningAlg) -> Settings {
        Settings {
            assertion_alg,
            ..Settings::default()
        }
    }

    #[test]
    fn an_assertion_is_what_the_operator_checks() {
        let now = Clock::system().now();
        let ec = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let rsa = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let ed = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        for (key, alg, algorithm) in [
            (&ec, SigningAlg::ES256, Algorithm::ES256),
            (&rsa, SigningAlg::RS256, Algorithm::RS256),
            (&rsa, SigningAlg::PS256, Algorithm::PS256),
            (&ed, SigningAlg::EdDSA, Algorithm::EdDSA),
        ] {
            let signer = Signer::new(&settings(alg), &credentials(key)).unwrap();
            let public = key.public_key_pem();
            let decoding = match alg {
                SigningAlg::ES256 => DecodingKey::from_ec_pem(public.as_bytes()),
                SigningAlg::EdDSA => DecodingKey::from_ed_pem(public.as_bytes()),
                _ => DecodingKey::from_rsa_pem(public.as_bytes()),
            }
            .unwrap();
            let mut validation = Validation::new(algorithm);
            validation.set_audience(&["https://op/token"]);
            validation.set_issuer(&["us"]);
            let mut seen = HashSet::new();
            for _ in 0..2 {
                let jwt = signer.client_assertion("us", "https://op/token", now);
                let data = jsonwebtoken::decode::<Value>(&jwt, &decoding, &validation).unwrap();
                assert_eq!(data.header.kid.as_deref(), Some("key-1"));
                assert_eq!(data.claims["sub"], "us");
                assert_eq!(data.claims["iat"], now.timestamp());
                assert_eq!(data.claims["exp"], now.timestamp() + 60);
                seen.insert(data.claims["jti"].as_str().unwrap().to_owned());
            }
            assert_eq!(seen.len(), 2, "every assertion has its own jti");
        }
    }

    #[test]
    fn a_request_object_carries_the_parameters_and_no_subject() {
        let now = Clock::system().now();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let signer = Signer::new(&settings(SigningAlg::ES256), &credentials(&key)).unwrap();
        let mut parameters = Map::new();
        parameters.insert("state".to_owned(), "s".into());
        let jwt = signer.request_object(parameters, "us", "https://op/authorize", now);
        let decoding = DecodingKey::from_ec_pem(key.public_key_pem().as_bytes()).unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&["https://op/authorize"]);
        let claims = jsonwebtoken::decode::<Value>(&jwt, &decoding, &validation)
            .unwrap()
            .claims;
        assert_eq!(claims["state"], "s");
        assert_eq!(claims["iss"], "us");
        assert!(claims.get("sub").is_none());
    }

    #[test]
    fn a_key_that_cannot_sign_says_what_to_mend() {
        let ec = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let wrong = Signer::new(&settings(SigningAlg::RS256), &credentials(&ec));
        assert!(wrong.unwrap_err().contains("another kind"));
        let none = Signer::new(&settings(SigningAlg::ES256), &Credentials::default());
        assert!(none.unwrap_err().contains("no private key"));
        let garbage = Credentials {
            private_key_pem: Some(Redacted::new("garbage")),
            ..Credentials::default()
        };
        let garbage = Signer::new(&settings(SigningAlg::ES256), &garbage);
        assert!(garbage.unwrap_err().contains("PEM"));
    }
}
