//! What an ID token's `amr` says about how the person was authenticated. Operators fall back to a
//! text message or a password where their network does not see the SIM; that proves possession of
//! something else, and is not what the app was promised.

use crate::operator::errors::Failure;
use crate::verdict::Outcome;

/// Words for what is not the network: RFC 8176, and those of Mobile Connect (`SMS_URL_OK`,
/// `UID_PWD`), which are made of the same pieces.
const OTHER_MEANS: [&str; 8] = [
    "sms", "pwd", "password", "otp", "pin", "kba", "tel", "email",
];

/// Whether a word for a method shows a text message, a password or anything else that is no network
/// check.
#[must_use]
pub fn shows_other_means(method: &str) -> bool {
    method
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|piece| {
            OTHER_MEANS
                .iter()
                .any(|word| piece.eq_ignore_ascii_case(word))
        })
}

/// Refuses methods that show another means, whatever is accepted; and methods of which none is
/// accepted. Nothing accepted: the operator's words are not known, and none of them is demanded.
pub(super) fn check(methods: &[&str], accepted: &[String]) -> Result<(), Failure> {
    let refuse = |detail| Err(Failure::new(Outcome::NotOnMobileNetwork, detail));
    if methods.iter().any(|method| shows_other_means(method)) {
        return refuse("the ID token's amr shows another means than the network");
    }
    let known = |method: &&str| accepted.iter().any(|word| word == method);
    if !accepted.is_empty() && !methods.iter().any(known) {
        return refuse("the ID token's amr names no network authentication");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_message_or_a_password_is_no_network_check() {
        let nba = ["nba".to_owned()];
        assert!(check(&["nba"], &nba).is_ok());
        assert!(check(&["nba", "user"], &nba).is_ok());
        assert!(check(&["HEADER_ENRICH_OK"], &[]).is_ok());
        for methods in [
            &["nba", "sms"][..],
            &["SMS"],
            &["nba", "pwd"],
            &["SMS_URL_OK"],
            &["UID_PWD"],
            &["sms-otp"],
        ] {
            for accepted in [&nba[..], &[]] {
                let failure = check(methods, accepted).unwrap_err();
                assert_eq!(failure.outcome, Outcome::NotOnMobileNetwork, "{methods:?}");
            }
        }
        assert!(check(&["other"], &nba).is_err());
        assert!(check(&[], &nba).is_err());
    }
}
