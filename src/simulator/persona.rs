//! Which operator we pretend to be. Each persona is an exact contract; what differs between them is
//! asked here and nowhere else.

use serde::{Deserialize, Serialize};

/// The operators we can pretend to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Persona {
    /// CAMARA Number Verification 2.1 (release r3.2) with the ICM security profile.
    #[default]
    #[serde(rename = "camara-2.1")]
    Camara21,
}

/// What a scope text asked for, once it was found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) openid: bool,
    pub(super) verify: bool,
    pub(super) share: bool,
    /// Something asked for is not granted, so the token answer must name what is.
    pub(super) narrowed: bool,
}

impl Persona {
    /// The name in listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Camara21 => "camara-2.1",
        }
    }

    /// Path of the Number Verification API, without a slash at its end.
    #[must_use]
    pub fn api_root(self) -> &'static str {
        match self {
            Self::Camara21 => "/number-verification/v2",
        }
    }

    pub(super) fn verify_scope(self) -> &'static str {
        match self {
            Self::Camara21 => "number-verification:verify",
        }
    }

    pub(super) fn share_scope(self) -> &'static str {
        match self {
            Self::Camara21 => "number-verification:device-phone-number:read",
        }
    }

    /// Reads a scope text; `Err` is a sentence for `error_description` of `invalid_scope`.
    pub(super) fn read_scope(self, text: &str) -> Result<Scope, &'static str> {
        match self {
            Self::Camara21 => {}
        }
        let mut scope = Scope {
            openid: false,
            verify: false,
            share: false,
            narrowed: false,
        };
        let mut purposes = 0;
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "openid" => scope.openid = true,
                // Forbidden for Number Verification; leaving it out is the answer.
                "offline_access" => scope.narrowed = true,
                _ if word == self.verify_scope() => scope.verify = true,
                _ if word == self.share_scope() => scope.share = true,
                _ => match word.strip_prefix("dpv:") {
                    Some(purpose) if is_purpose(purpose) => purposes += 1,
                    Some(_) => {
                        return Err("the purpose is not dpv: and a name of the W3C vocabulary");
                    }
                    None => return Err("a scope is not known here"),
                },
            }
        }
        if purposes != 1 {
            return Err("exactly one dpv: purpose is needed");
        }
        if !scope.verify && !scope.share {
            return Err("no API scope; was the scope cut at a # sign?");
        }
        Ok(scope)
    }

    /// Whether an `x-correlator` has the shape of the API's version:
    /// `^[a-zA-Z0-9-_:;.\/<>{}]{0,256}$` since 2.1.
    pub(super) fn accepts_correlator(self, text: &str) -> bool {
        match self {
            Self::Camara21 => {
                text.len() <= 256
                    && text
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-_:;./<>{}".contains(&b))
            }
        }
    }
}

impl Scope {
    /// The granted scope as text, without the purpose.
    pub(super) fn text(self, persona: Persona) -> String {
        let words = [
            (self.openid, "openid"),
            (self.verify, persona.verify_scope()),
            (self.share, persona.share_scope()),
        ];
        let granted: Vec<_> = words
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, w)| *w)
            .collect();
        granted.join(" ")
    }
}

/// Names of the W3C Data Privacy Vocabulary are written `LikeThis`.
fn is_purpose(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_exactly_one_purpose_and_an_api_scope() {
        let read = |text| Persona::Camara21.read_scope(text);
        let good =
            read("openid dpv:FraudPreventionAndDetection number-verification:verify").unwrap();
        assert!(good.openid && good.verify && !good.share && !good.narrowed);
        let share =
            read("dpv:ServiceProvision number-verification:device-phone-number:read").unwrap();
        assert!(share.share && !share.openid);
        assert!(
            read("dpv:X number-verification:verify offline_access")
                .unwrap()
                .narrowed
        );
        for bad in [
            "",
            "openid",
            "number-verification:verify",
            "openid number-verification:verify",
            "dpv:A dpv:B number-verification:verify",
            "dpv:FraudPreventionAndDetection",
            "dpv:FraudPreventionAndDetection#number-verification:verify",
            "dpv:FraudPreventionAndDetection#number-verification-verify-read",
            "dpv: number-verification:verify",
            "dpv:lower number-verification:verify",
            "dpv:X number-verification:verify sim-swap:check",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_correlator_follows_the_pattern_of_its_version() {
        let accepts = |text: &str| Persona::Camara21.accepts_correlator(text);
        assert!(accepts("a-B_9:;./<>{}"));
        assert!(accepts(&"x".repeat(256)));
        assert!(!accepts(&"x".repeat(257)));
        assert!(!accepts("with space") && !accepts("ü") && !accepts("a\"b"));
    }
}
