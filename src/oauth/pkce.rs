//! PKCE (RFC 7636), S256 only.

use serde::{Deserialize, Serialize};

use crate::secret::{b64, same, sha256};

/// A code challenge: 43 characters of base64url, the SHA-256 of a verifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Challenge(String);

impl Challenge {
    /// Reads `code_challenge`; `None` unless it has the exact shape of an S256 challenge.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let shape = text.len() == 43 && text.bytes().all(is_base64url);
        shape.then(|| Self(text.to_owned()))
    }

    /// The challenge as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `verifier` is the one behind this challenge.
    #[must_use]
    pub fn is_met_by(&self, verifier: &str) -> bool {
        of_verifier(verifier).is_some_and(|c| same(c.0.as_bytes(), self.0.as_bytes()))
    }
}

/// The challenge of a verifier; `None` unless it has 43 to 128 unreserved characters.
#[must_use]
pub fn of_verifier(verifier: &str) -> Option<Challenge> {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let shape = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
    shape.then(|| Challenge(b64(&sha256(verifier.as_bytes()))))
}

fn is_base64url(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'-' || b == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7636_appendix_b() {
        let challenge = Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(challenge.is_met_by(verifier));
        assert!(!challenge.is_met_by(&verifier.to_uppercase()));
        assert!(!challenge.is_met_by("short"));
    }

    #[test]
    fn only_the_shape_of_a_sha256_is_a_challenge() {
        for bad in ["", "short", &"a".repeat(44), &"+".repeat(43)] {
            assert!(Challenge::parse(bad).is_none(), "{bad}");
        }
        for bad in ["", &"a".repeat(42), &"a".repeat(129), &" ".repeat(50)] {
            assert!(of_verifier(bad).is_none(), "{bad}");
        }
    }
}
