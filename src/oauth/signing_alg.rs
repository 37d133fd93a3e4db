//! The JOSE signature algorithms we sign with and accept: asymmetric ones, nothing else (RFC 8725
//! section 3.1; FAPI 2.0 security profile section 5.4.1 for all but RS256).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlg {
    /// RSASSA-PKCS1-v1_5: the default every library knows.
    #[default]
    RS256,
    /// RSASSA-PSS.
    PS256,
    /// ECDSA on P-256: smaller and faster.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl SigningAlg {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::RS256, Self::PS256, Self::ES256, Self::EdDSA];

    /// Those that the FAPI profiles allow.
    pub const FAPI: [Self; 3] = [Self::PS256, Self::ES256, Self::EdDSA];

    /// The JOSE name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of a JOSE name. `Ed25519` is what RFC 9864 section 2.2 calls the only curve of
    /// `EdDSA` that we take; newer libraries write it.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDSA);
        }
        Self::ALL.into_iter().find(|alg| alg.as_str() == name)
    }

    /// The names of several, for metadata.
    #[must_use]
    pub fn names<const N: usize>(algs: [Self; N]) -> [&'static str; N] {
        algs.map(Self::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_name_of_eddsa_is_known_and_nothing_symmetric_is() {
        assert_eq!(SigningAlg::parse("Ed25519"), Some(SigningAlg::EdDSA));
        for name in ["none", "HS256", "Ed448", "eddsa", ""] {
            assert_eq!(SigningAlg::parse(name), None, "{name}");
        }
        for alg in SigningAlg::ALL {
            assert_eq!(SigningAlg::parse(alg.as_str()), Some(alg));
        }
    }
}
