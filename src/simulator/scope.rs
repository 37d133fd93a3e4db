//! Scope texts: read in the spelling of the operator's contract, and nothing else. A `#` that was lost
//! on the way must fail loudly.

use super::contract::{Contract, Names, Scopes};
use super::parameters::Parameters;

/// What was asked for, once it was found good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) openid: bool,
    pub(super) verify: bool,
    pub(super) share: bool,
    /// Mobile Connect: the number comes as a hash.
    pub(super) hashed: bool,
    /// Something asked for is not granted, so the token answer must name what is.
    pub(super) narrowed: bool,
}

const NOTHING: Scope = Scope {
    openid: false,
    verify: false,
    share: false,
    hashed: false,
    narrowed: false,
};

/// Reads the scope of a request; `Err` is a sentence for `error_description` of `invalid_scope`.
pub(super) fn read(contract: &Contract, given: &Parameters) -> Result<Scope, &'static str> {
    let text = given.get("scope").unwrap_or("");
    match contract.scopes {
        Scopes::Words(names) => words(text, names),
        Scopes::Hash(names) => hash(text, names),
        Scopes::Either(new, old) => words(text, new)
            .or_else(|_| hash(text, new))
            .or_else(|error| hash(text, old).map_err(|_| error)),
        Scopes::Match => match text {
            "openid mc_vm_match" | "openid mc_vm_match_hash" => Ok(Scope {
                openid: true,
                verify: true,
                hashed: text.ends_with("_hash"),
                ..NOTHING
            }),
            _ => Err("the scope is openid and mc_vm_match or mc_vm_match_hash"),
        },
        Scopes::Purpose(purpose) => {
            if text == "openid" && given.get("purpose") == Some(purpose) {
                Ok(Scope {
                    openid: true,
                    verify: true,
                    ..NOTHING
                })
            } else {
                Err("the scope is openid, and the purpose stands in a parameter of its own")
            }
        }
    }
}

fn words(text: &str, names: Names) -> Result<Scope, &'static str> {
    let mut scope = NOTHING;
    let mut purposes = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "openid" => scope.openid = true,
            // Forbidden for Number Verification; leaving it out is the answer.
            "offline_access" => scope.narrowed = true,
            _ if word == names.verify => scope.verify = true,
            _ if word == names.share => scope.share = true,
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

fn hash(text: &str, names: Names) -> Result<Scope, &'static str> {
    let mut scope = NOTHING;
    let mut purpose = None;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if word == "openid" {
            scope.openid = true;
            continue;
        }
        let (named, api) = word
            .strip_prefix("dpv:")
            .ok_or("a scope is not known here")?
            .split_once('#')
            .ok_or("no API scope; was the scope cut at a # sign?")?;
        if !is_purpose(named) || purpose.is_some_and(|known| known != named) {
            return Err("exactly one dpv: purpose is needed");
        }
        purpose = Some(named);
        match api {
            _ if api == names.verify => scope.verify = true,
            _ if api == names.share => scope.share = true,
            _ => return Err("a scope is not known here"),
        }
    }
    match purpose {
        Some(_) => Ok(scope),
        None => Err("exactly one dpv: purpose is needed"),
    }
}

impl Scope {
    /// The granted scope as text, without the purpose.
    pub(super) fn text(self, contract: &Contract) -> String {
        let names = match contract.scopes {
            Scopes::Words(names) | Scopes::Hash(names) | Scopes::Either(names, _) => names,
            Scopes::Match => Names {
                verify: if self.hashed {
                    "mc_vm_match_hash"
                } else {
                    "mc_vm_match"
                },
                share: "",
            },
            Scopes::Purpose(_) => Names {
                verify: "",
                share: "",
            },
        };
        let words = [
            (self.openid, "openid"),
            (self.verify, names.verify),
            (self.share, names.share),
        ];
        let granted: Vec<_> = words
            .iter()
            .filter(|(on, word)| *on && !word.is_empty())
            .map(|(_, word)| *word)
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
    use crate::simulator::Persona;

    fn read_as(persona: Persona, pairs: &[(&str, &str)]) -> Result<Scope, &'static str> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let given = Parameters::new(pairs.iter().map(own).collect());
        read(persona.contract(), &given)
    }

    #[test]
    fn a_scope_has_exactly_one_purpose_and_an_api_scope() {
        let read = |text| read_as(Persona::Camara21, &[("scope", text)]);
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
    fn every_persona_takes_its_own_spelling_and_no_cut_one() {
        let words = "dpv:X number-verification:verify";
        let new = "dpv:X#number-verification:verify";
        let old = "openid dpv:X#number-verification-verify-read";
        for (persona, good, bad) in [
            (Persona::Camara03, vec![old], vec![words, new]),
            (Persona::Vonage, vec![old], vec![words, new]),
            (Persona::Telefonica, vec![words, old], vec![]),
            (Persona::VodafoneCamara, vec![new], vec![words, old]),
            (Persona::Orange, vec![words, new], vec![old]),
            (
                Persona::VodafoneMc,
                vec!["openid mc_vm_match", "openid mc_vm_match_hash"],
                vec![words, new, old, "mc_vm_match"],
            ),
        ] {
            for text in good {
                let read = read_as(persona, &[("scope", text)]);
                assert!(read.is_ok_and(|scope| scope.verify), "{text}");
            }
            for text in bad
                .into_iter()
                .chain(["openid dpv:X", "dpv:X", "openid", ""])
            {
                assert!(read_as(persona, &[("scope", text)]).is_err(), "{text}");
            }
        }
        let purpose = (
            "purpose",
            "dpv:FraudPreventionAndDetection:number-verification",
        );
        assert!(read_as(Persona::Glide, &[("scope", "openid"), purpose]).is_ok());
        assert!(read_as(Persona::Glide, &[("scope", "openid")]).is_err());
        assert!(read_as(Persona::Glide, &[("scope", words), purpose]).is_err());
    }
}
