//! What an ID token's `amr` says about how the person was authenticated. Operators fall back to a
//! text message or a password where their network does not see the SIM; that proves possession of
//! something else, and is not what the app was promised.

use serde_json::Value;

use crate::operator::errors::Failure;
use crate::secret::{Redacted, from_b64};
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

/// The same of an ID token that is not relied on: unsigned as far as we know, so that it can only make
/// us refuse. One that cannot be read says nothing.
pub(super) fn check_unsigned(id_token: &Redacted) -> Result<(), Failure> {
    let claims = id_token
        .reveal()
        .split('.')
        .nth(1)
        .and_then(from_b64)
        .and_then(|payload| serde_json::from_slice::<Value>(&payload).ok());
    let methods = claims.as_ref().and_then(|claims| claims.get("amr"));
    let methods = match methods {
        Some(Value::Array(methods)) => methods.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(method)) => vec![method.as_str()],
        _ => Vec::new(),
    };
    check(&methods, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::b64;

    #[test]
    fn an_id_token_that_is_not_relied_on_can_only_make_us_refuse() {
        let read = |payload: &str| {
            let token = format!("x.{}.x", b64(payload.as_bytes()));
            check_unsigned(&Redacted::new(token)).is_ok()
        };
        assert!(read(r#"{"amr":["nba"]}"#) && read("{}") && read("garbage") && read(""));
        assert!(!read(r#"{"amr":["nba","sms"]}"#));
        assert!(!read(r#"{"amr":"SMS_OTP"}"#));
        assert!(check_unsigned(&Redacted::new("garbage")).is_ok());
    }

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
