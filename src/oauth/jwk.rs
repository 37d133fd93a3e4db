//! Other people's public keys: a JWK set (RFC 7517) read with care, and signatures checked with it.
//! What is not known is skipped (RFC 7517 section 5); a private or symmetric key spoils the whole set,
//! because whoever publishes one has lost it.

use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::oauth::signing_alg::SigningAlg;
use crate::secret::from_b64;

/// Keys in one set, at most: each may have to be tried.
pub const MOST_KEYS: usize = 20;

/// The members that make a JWK private or symmetric (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a JWK set is of no use; the text tells its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadKeySet(pub &'static str);

/// The public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// A curve's JOSE name and the uncompressed point on it.
    Ec {
        /// The curve.
        curve: String,
        /// `04 ‖ x ‖ y`.
        point: Vec<u8>,
    },
    /// Ed25519.
    Ed25519(Vec<u8>),
}

impl Material {
    /// An RSA key, however its numbers are padded.
    #[must_use]
    pub fn rsa(n: &[u8], e: &[u8]) -> Self {
        Self::Rsa {
            n: unsigned(n),
            e: unsigned(e),
        }
    }
}

/// One key of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its name, if it has one.
    pub kid: Option<String>,
    /// The key.
    pub material: Material,
    /// The first certificate of `x5c`, DER.
    pub certificate: Option<Vec<u8>>,
    signs: Signs,
}

/// What its owner lets a key sign.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Signs {
    /// Whatever its type can.
    Any,
    /// Only with the algorithm in `alg`.
    Only(SigningAlg),
    /// Nothing: it is for encryption, or for an algorithm we do not have.
    Nothing,
}

/// A JWK set.
#[derive(Clone, Debug, Default)]
pub struct KeySet(Vec<PublicKey>);

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// [`BadKeySet`] if it is none, or holds what nobody should have published.
    pub fn parse(set: &Value) -> Result<Self, BadKeySet> {
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(BadKeySet("is no JWK set: it has no array `keys`"))?;
        if keys.len() > MOST_KEYS {
            return Err(BadKeySet("has more than 20 keys"));
        }
        let mut read = Vec::with_capacity(keys.len());
        for key in keys {
            let key = key
                .as_object()
                .ok_or(BadKeySet("has a key that is no JSON object"))?;
            read.extend(PublicKey::parse(key)?);
        }
        Ok(Self(read))
    }

    /// All keys whose type is known.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }

    /// The keys that may have signed with `alg` under the name `kid`. A key without a name may be
    /// meant by any; a signature without one may be any key's (RFC 7515 section 4.1.4).
    pub fn candidates(
        &self,
        kid: Option<&str>,
        alg: SigningAlg,
    ) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().filter(move |key| {
            let named = match (kid, key.kid.as_deref()) {
                (Some(wanted), Some(name)) => wanted == name,
                _ => true,
            };
            named && key.can_sign(alg)
        })
    }
}

impl PublicKey {
    /// Reads one key; `None` if its type is not known.
    ///
    /// # Errors
    /// [`BadKeySet`] if it is private, weak or malformed.
    pub fn parse(key: &Map<String, Value>) -> Result<Option<Self>, BadKeySet> {
        let symmetric = key.get("kty").is_some_and(|kty| kty == "oct");
        if symmetric || PRIVATE.iter().any(|member| key.contains_key(*member)) {
            return Err(BadKeySet(
                "holds a private or symmetric key; give the public halves, and replace this key",
            ));
        }
        let text = |member: &str| key.get(member).and_then(Value::as_str);
        let bytes = |member: &str| {
            text(member)
                .and_then(from_b64)
                .ok_or(BadKeySet("has a key with a member missing or malformed"))
        };
        let material = match text("kty") {
            Some("RSA") => {
                let (n, e) = (unsigned(&bytes("n")?), unsigned(&bytes("e")?));
                if !(256..=1024).contains(&n.len()) {
                    return Err(BadKeySet(
                        "has an RSA key of less than 2048 or over 8192 bits",
                    ));
                }
                Material::Rsa { n, e }
            }
            Some("EC") => {
                let curve = text("crv").unwrap_or_default();
                let length = match curve {
                    "P-256" => 32,
                    "P-384" => 48,
                    "P-521" => 66,
                    _ => return Ok(None),
                };
                let (x, y) = (bytes("x")?, bytes("y")?);
                if x.len() != length || y.len() != length {
                    return Err(BadKeySet("has an EC key whose point has the wrong length"));
                }
                Material::Ec {
                    curve: curve.to_owned(),
                    point: [&[4], x.as_slice(), y.as_slice()].concat(),
                }
            }
            Some("OKP") if text("crv") == Some("Ed25519") => {
                let x = bytes("x")?;
                if x.len() != 32 {
                    return Err(BadKeySet("has an Ed25519 key of the wrong length"));
                }
                Material::Ed25519(x)
            }
            _ => return Ok(None),
        };
        let certificate = key
            .get("x5c")
            .and_then(|chain| chain.get(0))
            .and_then(Value::as_str)
            .and_then(|text| STANDARD.decode(text).ok());
        let for_signatures = text("use").is_none_or(|purpose| purpose == "sig")
            && key
                .get("key_ops")
                .and_then(Value::as_array)
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let signs = match text("alg") {
            _ if !for_signatures => Signs::Nothing,
            None => Signs::Any,
            // RFC 9864 renamed it.
            Some("Ed25519") => Signs::Only(SigningAlg::EdDSA),
            Some(alg) => SigningAlg::parse(alg).map_or(Signs::Nothing, Signs::Only),
        };
        Ok(Some(Self {
            kid: text("kid").map(str::to_owned),
            material,
            certificate,
            signs,
        }))
    }

    /// Whether it may sign with this algorithm.
    #[must_use]
    pub fn can_sign(&self, alg: SigningAlg) -> bool {
        let fits = match &self.material {
            Material::Rsa { .. } => matches!(alg, SigningAlg::RS256 | SigningAlg::PS256),
            Material::Ec { curve, .. } => alg == SigningAlg::ES256 && curve == "P-256",
            Material::Ed25519(_) => alg == SigningAlg::EdDSA,
        };
        fits && match &self.signs {
            Signs::Any => true,
            Signs::Only(one) => *one == alg,
            Signs::Nothing => false,
        }
    }

    /// Whether `signature` over `message` is this key's, by an algorithm it may sign with.
    #[must_use]
    pub fn verifies(&self, alg: SigningAlg, message: &[u8], signature: &[u8]) -> bool {
        if !self.can_sign(alg) {
            return false;
        }
        match &self.material {
            Material::Rsa { n, e } => {
                let scheme: &'static RsaParameters = match alg {
                    SigningAlg::PS256 => &RSA_PSS_2048_8192_SHA256,
                    _ => &RSA_PKCS1_2048_8192_SHA256,
                };
                let key = PublicKeyComponents { n, e };
                key.verify(scheme, message, signature).is_ok()
            }
            Material::Ec { point, .. } => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(message, signature)
                .is_ok(),
            Material::Ed25519(x) => UnparsedPublicKey::new(&ED25519, x)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

/// Without the leading zeros that some libraries write, so that two spellings are equal.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0);
    bytes[start.unwrap_or(bytes.len())..].to_vec()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    };
    use serde_json::json;

    use super::*;
    use crate::secret::b64;

    fn ec() -> (EcdsaKeyPair, Value) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
        (pair, json!({"kty": "EC", "crv": "P-256", "x": x, "y": y}))
    }

    fn with(mut key: Value, member: &str, value: Value) -> Value {
        key[member] = value;
        key
    }

    fn set(keys: &[Value]) -> Result<KeySet, BadKeySet> {
        KeySet::parse(&json!({ "keys": keys }))
    }

    #[test]
    fn a_signature_is_checked_with_the_key_s_own_algorithm_only() {
        let (pair, key) = ec();
        let signature = pair.sign(&SystemRandom::new(), b"m").unwrap();
        let read = set(&[with(key, "kid", json!("a"))]).unwrap();
        let key = &read.keys()[0];
        assert!(key.verifies(SigningAlg::ES256, b"m", signature.as_ref()));
        assert!(!key.verifies(SigningAlg::ES256, b"n", signature.as_ref()));
        for alg in [SigningAlg::RS256, SigningAlg::PS256, SigningAlg::EdDSA] {
            assert!(!key.verifies(alg, b"m", signature.as_ref()), "{alg:?}");
        }
        let pair = Ed25519KeyPair::generate().unwrap();
        let x = b64(pair.public_key().as_ref());
        let read = set(&[json!({"kty": "OKP", "crv": "Ed25519", "x": x})]).unwrap();
        let signature = pair.sign(b"m");
        assert!(read.keys()[0].verifies(SigningAlg::EdDSA, b"m", signature.as_ref()));
    }

    #[test]
    fn a_key_is_found_by_name_and_what_it_is_for() {
        let (_, key) = ec();
        let named = with(key.clone(), "kid", json!("a"));
        let read = set(&[
            named.clone(),
            with(with(key.clone(), "kid", json!("b")), "use", json!("enc")),
            with(with(key.clone(), "kid", json!("c")), "alg", json!("ES512")),
        ])
        .unwrap();
        let count = |kid, alg| read.candidates(kid, alg).count();
        assert_eq!(count(Some("a"), SigningAlg::ES256), 1);
        assert_eq!(count(None, SigningAlg::ES256), 1);
        for (kid, alg) in [
            (Some("b"), SigningAlg::ES256),
            (Some("c"), SigningAlg::ES256),
            (Some("d"), SigningAlg::ES256),
            (Some("a"), SigningAlg::RS256),
        ] {
            assert_eq!(count(kid, alg), 0, "{kid:?} {alg:?}");
        }
        let nameless = set(&[key]).unwrap();
        assert_eq!(nameless.candidates(Some("x"), SigningAlg::ES256).count(), 1);
    }

    #[test]
    fn what_nobody_should_publish_spoils_the_set_and_what_is_unknown_is_skipped() {
        let (_, key) = ec();
        for bad in [
            with(key.clone(), "d", json!("AAAA")),
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "oct"}),
            json!({"kty": "RSA", "n": b64(&[0xff; 128]), "e": "AQAB"}),
            json!({"kty": "RSA", "e": "AQAB"}),
            with(key.clone(), "x", json!("AAAA")),
            json!("text"),
        ] {
            assert!(set(std::slice::from_ref(&bad)).is_err(), "{bad}");
        }
        assert!(KeySet::parse(&json!([])).is_err());
        assert!(set(&vec![key.clone(); MOST_KEYS + 1]).is_err());
        let unknown = json!({"kty": "AKP", "pub": "AAAA"});
        let x448 = json!({"kty": "OKP", "crv": "X448", "x": "AAAA"});
        assert_eq!(set(&[unknown, x448, key]).unwrap().keys().len(), 1);
    }
}
