//! A key that an operator publishes, made ready when its key set is read. The crate's own key type
//! would do its arithmetic in Rust and parse the modulus for every login; aws-lc-rs takes a seventh
//! of the time for it, and is what everything else of ours verifies with.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use openidconnect::core::{
    CoreJsonWebKey, CoreJsonWebKeyType, CoreJsonWebKeyUse, CoreJwsSigningAlgorithm,
};
use openidconnect::{JsonWebKey, JsonWebKeyAlgorithm, JsonWebKeyId, SignatureVerificationError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::secret::from_b64;

/// A published key; clones share it.
#[derive(Clone)]
pub(super) struct PublishedKey(Arc<Prepared>);

struct Prepared {
    described: CoreJsonWebKey,
    verifier: Option<Verifier>,
}

/// What checks signatures of the algorithms that operators sign with.
enum Verifier {
    Rsa {
        pkcs1: ParsedPublicKey,
        pss: ParsedPublicKey,
    },
    P256(ParsedPublicKey),
    Ed25519(ParsedPublicKey),
}

impl Verifier {
    /// Absent for keys of other kinds, which verify nothing.
    fn of(jwk: &Value) -> Option<Self> {
        let bytes = |name: &str| from_b64(jwk.get(name)?.as_str()?);
        match jwk.get("kty")?.as_str()? {
            "RSA" => {
                let (n, e) = (bytes("n")?, bytes("e")?);
                let key = RsaPublicKeyComponents {
                    n: without_leading_zeros(&n),
                    e: without_leading_zeros(&e),
                };
                Some(Self::Rsa {
                    pkcs1: key.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?,
                    pss: key.to_parsed_public_key(&RSA_PSS_2048_8192_SHA256).ok()?,
                })
            }
            "EC" if jwk.get("crv")?.as_str()? == "P-256" => {
                // SEC 1 section 2.3.3, uncompressed.
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .ok()
                    .map(Self::P256)
            }
            "OKP" if jwk.get("crv")?.as_str()? == "Ed25519" => {
                ParsedPublicKey::new(&ED25519, bytes("x")?)
                    .ok()
                    .map(Self::Ed25519)
            }
            _ => None,
        }
    }
}

/// Some operators write a sign byte before the modulus, which RFC 7518 section 6.3.1.1 forbids.
fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

impl JsonWebKey for PublishedKey {
    type KeyUse = CoreJsonWebKeyUse;
    type SigningAlgorithm = CoreJwsSigningAlgorithm;

    fn key_id(&self) -> Option<&JsonWebKeyId> {
        self.0.described.key_id()
    }

    fn key_type(&self) -> &CoreJsonWebKeyType {
        self.0.described.key_type()
    }

    fn key_use(&self) -> Option<&CoreJsonWebKeyUse> {
        self.0.described.key_use()
    }

    fn signing_alg(&self) -> JsonWebKeyAlgorithm<&CoreJwsSigningAlgorithm> {
        self.0.described.signing_alg()
    }

    /// The crate asks for one only to check HMACs, which we never allow: it verifies nothing.
    fn new_symmetric(key: Vec<u8>) -> Self {
        Self(Arc::new(Prepared {
            described: CoreJsonWebKey::new_symmetric(key),
            verifier: None,
        }))
    }

    fn verify_signature(
        &self,
        algorithm: &CoreJwsSigningAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignatureVerificationError> {
        let key = match (&self.0.verifier, algorithm) {
            (Some(Verifier::Rsa { pkcs1, .. }), CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256) => {
                pkcs1
            }
            (Some(Verifier::Rsa { pss, .. }), CoreJwsSigningAlgorithm::RsaSsaPssSha256) => pss,
            (Some(Verifier::P256(key)), CoreJwsSigningAlgorithm::EcdsaP256Sha256)
            | (Some(Verifier::Ed25519(key)), CoreJwsSigningAlgorithm::EdDsa) => key,
            _ => {
                let reason = "the key does not fit the algorithm".to_owned();
                return Err(SignatureVerificationError::InvalidKey(reason));
            }
        };
        key.verify_sig(message, signature)
            .map_err(|_| SignatureVerificationError::CryptoError("bad signature".to_owned()))
    }

    fn hash_bytes(
        &self,
        bytes: &[u8],
        algorithm: &CoreJwsSigningAlgorithm,
    ) -> Result<Vec<u8>, String> {
        self.0.described.hash_bytes(bytes, algorithm)
    }
}

impl<'de> Deserialize<'de> for PublishedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let jwk = Value::deserialize(deserializer)?;
        Ok(Self(Arc::new(Prepared {
            verifier: Verifier::of(&jwk),
            described: serde_json::from_value(jwk).map_err(serde::de::Error::custom)?,
        })))
    }
}

impl Serialize for PublishedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.described.serialize(serializer)
    }
}

impl fmt::Debug for PublishedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PublishedKey")
            .field(&self.key_id())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    };
    use serde_json::json;

    use super::*;
    use crate::secret::b64;

    const MESSAGE: &[u8] = b"header.payload";

    fn read(jwk: Value) -> PublishedKey {
        serde_json::from_value(jwk).unwrap()
    }

    fn rsa_signature(key: &RsaKeyPair, padding: &'static dyn RsaEncoding) -> Vec<u8> {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature)
            .unwrap();
        signature
    }

    #[test]
    fn an_rsa_key_verifies_its_own_signatures_of_both_paddings_and_nothing_else() {
        use CoreJwsSigningAlgorithm::{
            EcdsaP256Sha256, RsaSsaPkcs1V15Sha256, RsaSsaPkcs1V15Sha384, RsaSsaPssSha256,
        };
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let n = pair
            .public_key()
            .modulus()
            .big_endian_without_leading_zero();
        let e = pair
            .public_key()
            .exponent()
            .big_endian_without_leading_zero();
        let signed_modulus = [&[0], n].concat();
        for n in [n, &signed_modulus] {
            let key = read(json!({ "kty": "RSA", "kid": "1", "n": b64(n), "e": b64(e) }));
            let pkcs1 = rsa_signature(&pair, &RSA_PKCS1_SHA256);
            let pss = rsa_signature(&pair, &RSA_PSS_SHA256);
            let verify =
                |alg, message, signature: &[u8]| key.verify_signature(&alg, message, signature);
            assert!(verify(RsaSsaPkcs1V15Sha256, MESSAGE, &pkcs1).is_ok());
            assert!(verify(RsaSsaPssSha256, MESSAGE, &pss).is_ok());
            assert!(verify(RsaSsaPssSha256, MESSAGE, &pkcs1).is_err());
            assert!(verify(RsaSsaPkcs1V15Sha256, MESSAGE, &pss).is_err());
            assert!(verify(RsaSsaPkcs1V15Sha256, b"header.forged", &pkcs1).is_err());
            assert!(verify(RsaSsaPkcs1V15Sha384, MESSAGE, &pkcs1).is_err());
            assert!(verify(EcdsaP256Sha256, MESSAGE, &pkcs1).is_err());
        }
    }

    #[test]
    fn a_p256_key_verifies_its_own_signatures_and_nothing_else() {
        use CoreJwsSigningAlgorithm::{EcdsaP256Sha256, RsaSsaPkcs1V15Sha256};
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
        let key = read(json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y }));
        let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
        let verify = |alg, message| key.verify_signature(&alg, message, signature.as_ref());
        assert!(verify(EcdsaP256Sha256, MESSAGE).is_ok());
        assert!(verify(EcdsaP256Sha256, b"header.forged").is_err());
        assert!(verify(RsaSsaPkcs1V15Sha256, MESSAGE).is_err());
        let other = read(json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y }));
        let refused = other.verify_signature(&EcdsaP256Sha256, MESSAGE, signature.as_ref());
        assert!(refused.is_err());
    }

    #[test]
    fn weak_and_broken_keys_verify_nothing() {
        let alg = CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256;
        for n in [b64(&[0xff; 128]), b64(&[]), "%".to_owned()] {
            let key = read(json!({ "kty": "RSA", "n": n, "e": "AQAB" }));
            assert!(
                key.verify_signature(&alg, MESSAGE, &[1; 128]).is_err(),
                "{n}"
            );
        }
        let secret = PublishedKey::new_symmetric(vec![1; 32]);
        let hmac = CoreJwsSigningAlgorithm::HmacSha256;
        assert!(secret.verify_signature(&hmac, MESSAGE, &[1; 32]).is_err());
    }
}
