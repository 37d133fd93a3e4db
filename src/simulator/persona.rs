//! Which operator we pretend to be. Each persona is an exact contract ([`super::contract`]); this is
//! only its name, and the numbers its own sandbox is known for.

use serde::{Deserialize, Serialize};

use super::contract::Contract;
use super::contracts;
use super::scenario::Scenario;
use crate::phone::PhoneNumber;

/// The operators we can pretend to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Persona {
    /// CAMARA Number Verification 2.1 (release r3.2) with the ICM security profile, and any of the
    /// usual ways of client authentication.
    #[default]
    #[serde(rename = "camara-2.1")]
    Camara21,
    /// CAMARA 2.0 (r2.4).
    #[serde(rename = "camara-2.0")]
    Camara20,
    /// CAMARA 1.0 (r1.3).
    #[serde(rename = "camara-1.0")]
    Camara10,
    /// CAMARA 0.3.1, purposes with `#`.
    #[serde(rename = "camara-0.3")]
    Camara03,
    /// CAMARA as its main branch is to become: PKCE, signed requests and `private_key_jwt` only.
    #[serde(rename = "camara-strict")]
    CamaraStrict,
    /// Vonage Network APIs.
    #[serde(rename = "vonage")]
    Vonage,
    /// Telefónica Open Gateway: a channel partner with a second hop.
    #[serde(rename = "telefonica")]
    Telefonica,
    /// Vodafone Number Verify: Mobile Connect, device-initiated.
    #[serde(rename = "vodafone-mc")]
    VodafoneMc,
    /// Vodafone NumberVerify (CAMARA): reusable tokens bound to a country.
    #[serde(rename = "vodafone-camara")]
    VodafoneCamara,
    /// Orange.
    #[serde(rename = "orange")]
    Orange,
    /// TIM Brasil: Mobile Connect, `expires_in` as a string.
    #[serde(rename = "tim-mc")]
    TimMc,
    /// A Glide-style aggregator.
    #[serde(rename = "glide")]
    Glide,
}

impl Persona {
    /// All of them, the usual one first.
    pub const ALL: [Self; 12] = [
        Self::Camara21,
        Self::Camara20,
        Self::Camara10,
        Self::Camara03,
        Self::CamaraStrict,
        Self::Vonage,
        Self::Telefonica,
        Self::VodafoneMc,
        Self::VodafoneCamara,
        Self::Orange,
        Self::TimMc,
        Self::Glide,
    ];

    /// The name in listings.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.contract().name
    }

    pub(super) fn contract(self) -> &'static Contract {
        match self {
            Self::Camara21 => &contracts::CAMARA_2_1,
            Self::Camara20 => &contracts::CAMARA_2_0,
            Self::Camara10 => &contracts::CAMARA_1_0,
            Self::Camara03 => &contracts::CAMARA_0_3,
            Self::CamaraStrict => &contracts::CAMARA_STRICT,
            Self::Vonage => &contracts::VONAGE,
            Self::Telefonica => &contracts::TELEFONICA,
            Self::VodafoneMc => &contracts::VODAFONE_MC,
            Self::VodafoneCamara => &contracts::VODAFONE_CAMARA,
            Self::Orange => &contracts::ORANGE,
            Self::TimMc => &contracts::TIM_MC,
            Self::Glide => &contracts::GLIDE,
        }
    }

    /// What the operator's own sandbox does with this number. Only outside `+99070`, whose codes
    /// mean the same everywhere.
    pub(super) fn own_scenario(self, number: &PhoneNumber) -> Option<&'static Scenario> {
        if !number.is_test() || number.e164().starts_with("+99070") {
            return None;
        }
        let digits = number.digits();
        match self {
            // Virtual Operator: an even last digit matches, an odd one does not, 99 is an error.
            Self::Vonage if digits.ends_with("99") => Scenario::with_code(3015),
            Self::Vonage if digits.ends_with(['1', '3', '5', '7', '9']) => Scenario::with_code(1),
            // Mock mode: 1 matches, 2 does not.
            Self::Telefonica if digits.ends_with('2') => Scenario::with_code(1),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_persona_has_a_name_of_its_own_which_is_its_word() {
        for (at, persona) in Persona::ALL.into_iter().enumerate() {
            let word = serde_json::to_value(persona).unwrap();
            assert_eq!(word, persona.name());
            assert!(!Persona::ALL[..at].contains(&persona));
        }
    }

    #[test]
    fn a_sandbox_decides_by_the_last_digits_outside_our_own_block() {
        let code = |persona: Persona, e164: &str| {
            let number = PhoneNumber::from_e164(e164).unwrap();
            persona.own_scenario(&number).map(|scenario| scenario.code)
        };
        assert_eq!(code(Persona::Vonage, "+990123450"), None);
        assert_eq!(code(Persona::Vonage, "+990123451"), Some(1));
        assert_eq!(code(Persona::Vonage, "+990123499"), Some(3015));
        assert_eq!(code(Persona::Vonage, "+990700001"), None);
        assert_eq!(code(Persona::Telefonica, "+990123451"), None);
        assert_eq!(code(Persona::Telefonica, "+990123452"), Some(1));
        assert_eq!(code(Persona::Camara21, "+990123451"), None);
    }
}
