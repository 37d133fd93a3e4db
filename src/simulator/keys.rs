//! The operator's signing key, parsed once, and the ways of signing an ID token right and wrong.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{error::Unspecified, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::secret::{b64, random, sha256};

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signing {
    /// RS256 with the published key.
    Published,
    /// RS256 with a new key, published from now on.
    Rotated,
    /// RS256 with a key that was never published.
    Unpublished,
    /// `alg` none, no signature.
    None,
    /// HS256 with the public key in PEM as the secret: the classic confusion.
    HmacWithPublicKey,
}

/// The new key's id.
const ROTATED: &str = "rotated";

pub(super) struct Keys {
    published: KeyPair,
    kid: String,
    rotated: OnceLock<KeyPair>,
    unpublished: OnceLock<KeyPair>,
    /// Makes pairwise subjects; gone with the process, as are the accounts.
    pairwise: hmac::Key,
}

impl Keys {
    /// Makes new ones. Takes a moment of CPU: call it off the async threads.
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let published = KeyPair::generate(KeySize::Rsa2048)?;
        let kid = b64(&sha256(published.public_key().as_ref())[..12]);
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
        let mut keys = vec![jwk(&self.published, &self.kid)];
        keys.extend(self.rotated.get().map(|key| jwk(key, ROTATED)));
        json!({ "keys": keys })
    }

    /// A compact JWS over `claims`.
    pub(super) fn sign(&self, claims: &Value, how: Signing) -> String {
        let header = match how {
            Signing::Published => json!({ "typ": "JWT", "alg": "RS256", "kid": self.kid }),
            Signing::Rotated => json!({ "typ": "JWT", "alg": "RS256", "kid": ROTATED }),
            Signing::Unpublished => json!({ "typ": "JWT", "alg": "RS256", "kid": "unpublished" }),
            Signing::None => json!({ "typ": "JWT", "alg": "none" }),
            Signing::HmacWithPublicKey => json!({ "typ": "JWT", "alg": "HS256", "kid": self.kid }),
        };
        let input = format!(
            "{}.{}",
            b64(header.to_string().as_bytes()),
            b64(claims.to_string().as_bytes())
        );
        let signature = match how {
            Signing::Published => rs256(&self.published, input.as_bytes()),
            Signing::Rotated => rs256(another(&self.rotated), input.as_bytes()),
            Signing::Unpublished => rs256(another(&self.unpublished), input.as_bytes()),
            Signing::None => Vec::new(),
            Signing::HmacWithPublicKey => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.public_pem().as_bytes());
                hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
            }
        };
        format!("{input}.{}", b64(&signature))
    }

    /// A subject that differs between clients and cannot be turned back into the number.
    pub(super) fn pairwise(&self, client_id: &str, number: &str) -> String {
        b64(hmac::sign(&self.pairwise, format!("{client_id}\0{number}").as_bytes()).as_ref())
    }

    fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self
            .published
            .public_key()
            .as_der()
            .expect("a public key that was generated can be written");
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        )
    }
}

fn another(place: &OnceLock<KeyPair>) -> &KeyPair {
    place.get_or_init(|| {
        KeyPair::generate(KeySize::Rsa2048).expect("a key could be made before, so it can be again")
    })
}

fn jwk(key: &KeyPair, kid: &str) -> Value {
    let public = key.public_key();
    json!({
        "kty": "RSA",
        "use": "sig",
        "alg": "RS256",
        "kid": kid,
        "n": b64(public.modulus().big_endian_without_leading_zero()),
        "e": b64(public.exponent().big_endian_without_leading_zero()),
    })
}

fn rs256(key: &KeyPair, input: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        input,
        &mut signature,
    )
    .expect("an RSA key of 2048 bits can sign SHA-256");
    signature
}
