//! A key that the operator signs ID tokens with: RSA, as most do, or P-256.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use serde_json::{Value, json};

use crate::secret::b64;

/// The algorithm of its ID tokens (RFC 7518 section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum IdTokenAlg {
    /// What nearly every operator uses.
    #[default]
    Rs256,
    /// An eighth of the work: for load runs, where the operator shares our processors.
    Es256,
}

pub(super) enum SigningKey {
    Rs256(RsaKeyPair),
    Es256(EcdsaKeyPair),
}

impl SigningKey {
    /// A new one. An RSA key takes a moment of CPU.
    pub(super) fn generate(alg: IdTokenAlg) -> Result<Self, Unspecified> {
        Ok(match alg {
            IdTokenAlg::Rs256 => Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048)?),
            IdTokenAlg::Es256 => {
                Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?)
            }
        })
    }

    /// A new one of the same kind.
    pub(super) fn another(&self) -> Result<Self, Unspecified> {
        Self::generate(match self {
            Self::Rs256(_) => IdTokenAlg::Rs256,
            Self::Es256(_) => IdTokenAlg::Es256,
        })
    }

    /// The JOSE name of its algorithm.
    pub(super) fn alg(&self) -> &'static str {
        match self {
            Self::Rs256(_) => "RS256",
            Self::Es256(_) => "ES256",
        }
    }

    /// The public key's bytes: what a key id is made of.
    pub(super) fn public_bytes(&self) -> &[u8] {
        match self {
            Self::Rs256(key) => key.public_key().as_ref(),
            Self::Es256(key) => key.public_key().as_ref(),
        }
    }

    /// The public key as a JWK (RFC 7517).
    pub(super) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Rs256(key) => {
                let public = key.public_key();
                json!({
                    "kty": "RSA",
                    "use": "sig",
                    "alg": self.alg(),
                    "kid": kid,
                    "n": b64(public.modulus().big_endian_without_leading_zero()),
                    "e": b64(public.exponent().big_endian_without_leading_zero()),
                })
            }
            Self::Es256(key) => {
                // Uncompressed (SEC 1 section 2.3.3): 4, x, y.
                let point = key.public_key().as_ref();
                json!({
                    "kty": "EC",
                    "crv": "P-256",
                    "use": "sig",
                    "alg": self.alg(),
                    "kid": kid,
                    "x": b64(&point[1..33]),
                    "y": b64(&point[33..]),
                })
            }
        }
    }

    pub(super) fn sign(&self, input: &[u8]) -> Vec<u8> {
        let chance = SystemRandom::new();
        match self {
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &chance, input, &mut signature)
                    .expect("an RSA key of 2048 bits can sign SHA-256");
                signature
            }
            Self::Es256(key) => key
                .sign(&chance, input)
                .expect("a P-256 key can sign SHA-256")
                .as_ref()
                .to_vec(),
        }
    }

    /// The public key in PEM.
    pub(super) fn public_pem(&self) -> String {
        let der: Result<PublicKeyX509Der<'_>, Unspecified> = match self {
            Self::Rs256(key) => key.public_key().as_der(),
            Self::Es256(key) => key.public_key().as_der(),
        };
        let der = der.expect("a public key that was generated can be written");
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            STANDARD.encode(der.as_ref())
        )
    }
}
