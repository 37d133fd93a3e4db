//! One signing key: parsed once, its JOSE header written once.
//!
//! jsonwebtoken parses and checks the private key anew for every token (RS256: 665 µs instead of
//! 241 µs), so signing is ours; it still does the public half: JWK, thumbprint, verifying.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::oauth::signing_alg::SigningAlg;
use crate::secret::b64;

/// A private key was refused, or a token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SigningError(&'static str);

/// The private half, per algorithm.
enum Pair {
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
    Es256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key that signs our tokens.
pub struct SigningKey {
    alg: SigningAlg,
    pair: Pair,
    public: Jwk,
    verifier: DecodingKey,
    kid: String,
    /// The first part of every token of the usual type, with its dot.
    header: String,
}

/// RFC 7515 section 4.1, the members we use.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    typ: &'a str,
}

fn encode_header(alg: SigningAlg, kid: &str, typ: &str) -> Result<String, SigningError> {
    let alg = alg.as_str();
    let json = serde_json::to_vec(&Header { alg, kid, typ })
        .map_err(|_| SigningError("the header cannot be written as JSON"))?;
    let mut header = b64(&json);
    header.push('.');
    Ok(header)
}

/// Makes a new private key, as PKCS#8. RSA takes up to half a second: call it off the async threads.
///
/// # Errors
/// If aws-lc-rs fails.
pub fn generate(alg: SigningAlg) -> Result<Zeroizing<Vec<u8>>, SigningError> {
    let failed = |_| SigningError("a new key could not be made");
    let pkcs8 = match alg {
        SigningAlg::RS256 | SigningAlg::PS256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
            pair.as_der().map_err(failed)?.as_ref().to_vec()
        }
        SigningAlg::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
        SigningAlg::EdDSA => {
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
    };
    Ok(Zeroizing::new(pkcs8))
}

impl SigningKey {
    /// Reads a private key.
    ///
    /// # Errors
    /// If it is no PKCS#8 key for this algorithm.
    pub fn parse(alg: SigningAlg, pkcs8: &[u8]) -> Result<Self, SigningError> {
        let refused = |_| SigningError("not a private key of this algorithm");
        let (pair, verifier) = match alg {
            SigningAlg::RS256 | SigningAlg::PS256 => {
                let encoding: &'static dyn RsaEncoding = match alg {
                    SigningAlg::PS256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let pair = RsaKeyPair::from_pkcs8(pkcs8).map_err(refused)?;
                let public = DecodingKey::from_rsa_der(pair.public_key().as_ref());
                (Pair::Rsa(Box::new(pair), encoding), public)
            }
            SigningAlg::ES256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(refused)?;
                let public = DecodingKey::from_ec_der(pair.public_key().as_ref());
                (Pair::Es256(pair), public)
            }
            SigningAlg::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(refused)?;
                let public = DecodingKey::from_ed_der(pair.public_key().as_ref());
                (Pair::Ed25519(pair), public)
            }
        };
        let unpublishable = |_| SigningError("the public key cannot be written as a JWK");
        let mut public =
            Jwk::from_decoding_key(&verifier, Some(algorithm(alg))).map_err(unpublishable)?;
        let kid = public
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(unpublishable)?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let header = encode_header(alg, &kid, "JWT")?;
        Ok(Self {
            alg,
            pair,
            public,
            verifier,
            kid,
            header,
        })
    }

    /// Its algorithm.
    #[must_use]
    pub fn alg(&self) -> SigningAlg {
        self.alg
    }

    /// Its id: the thumbprint of RFC 7638.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public part with `use`, `alg` and `kid`.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// What checks its signatures.
    #[must_use]
    pub fn verifier(&self) -> (&DecodingKey, Algorithm) {
        (&self.verifier, algorithm(self.alg))
    }

    /// A signed token (RFC 7515 section 7.1). `typ` is `JWT` unless told otherwise.
    ///
    /// # Errors
    /// If the claims are no JSON, or aws-lc-rs fails.
    pub fn sign(&self, typ: Option<&str>, claims: &impl Serialize) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(claims)
            .map_err(|_| SigningError("the claims cannot be written as JSON"))?;
        let mut token = match typ {
            None => self.header.clone(),
            Some(typ) => encode_header(self.alg, &self.kid, typ)?,
        };
        token.push_str(&b64(&payload));
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        token.push_str(&b64(&signature));
        Ok(token)
    }

    /// The signature of a message, as JWS has it.
    ///
    /// # Errors
    /// If aws-lc-rs fails.
    pub fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let failed = |_| SigningError("the token could not be signed");
        let rng = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &rng, message, &mut signature)
                    .map_err(failed)?;
                Ok(signature)
            }
            Pair::Es256(pair) => {
                let signature = pair.sign(&rng, message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({} {})", self.alg.as_str(), self.kid)
    }
}

fn algorithm(alg: SigningAlg) -> Algorithm {
    match alg {
        SigningAlg::RS256 => Algorithm::RS256,
        SigningAlg::ES256 => Algorithm::ES256,
        SigningAlg::PS256 => Algorithm::PS256,
        SigningAlg::EdDSA => Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::sha256;

    #[test]
    fn the_kid_is_the_thumbprint_of_the_public_key() {
        let rsa =
            SigningKey::parse(SigningAlg::RS256, &generate(SigningAlg::RS256).unwrap()).unwrap();
        let ec =
            SigningKey::parse(SigningAlg::ES256, &generate(SigningAlg::ES256).unwrap()).unwrap();
        let jwk = |key: &SigningKey| serde_json::to_value(key.public()).unwrap();
        // RFC 7638 section 3.2: the required members only, in lexical order, without spaces
        let member = |jwk: &serde_json::Value, name: &str| jwk[name].to_string();
        let (r, e) = (jwk(&rsa), jwk(&ec));
        let canonical = format!(
            r#"{{"e":{},"kty":"RSA","n":{}}}"#,
            member(&r, "e"),
            member(&r, "n")
        );
        assert_eq!(rsa.kid(), b64(&sha256(canonical.as_bytes())));
        let canonical = format!(
            r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
            member(&e, "x"),
            member(&e, "y")
        );
        assert_eq!(ec.kid(), b64(&sha256(canonical.as_bytes())));
    }

    #[test]
    fn a_key_of_another_algorithm_is_refused() {
        let rsa = generate(SigningAlg::RS256).unwrap();
        let ec = generate(SigningAlg::ES256).unwrap();
        assert!(SigningKey::parse(SigningAlg::ES256, &rsa).is_err());
        assert!(SigningKey::parse(SigningAlg::RS256, &ec).is_err());
        assert!(SigningKey::parse(SigningAlg::RS256, b"").is_err());
    }

    #[test]
    fn the_header_says_what_kind_of_token_it_is() {
        let key =
            SigningKey::parse(SigningAlg::ES256, &generate(SigningAlg::ES256).unwrap()).unwrap();
        for (typ, expected) in [(None, "JWT"), (Some("logout+jwt"), "logout+jwt")] {
            let token = key.sign(typ, &serde_json::json!({})).unwrap();
            let header = jsonwebtoken::decode_header(&token).unwrap();
            assert_eq!(header.typ.as_deref(), Some(expected));
            assert_eq!(header.kid.as_deref(), Some(key.kid()));
        }
    }
}
