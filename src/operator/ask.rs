//! What goes into a leg and what comes back: the question, the departure, the callback.

use std::fmt;
use std::net::IpAddr;

use url::Url;

use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::store::operators::{Credentials, Operator};
use crate::verdict::Method;

/// Longest value of a callback's parameter that is looked at, bytes.
const LONGEST: usize = 4_096;

/// One question to one operator. The same at departure and at conclusion.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Who is asked.
    pub operator: &'a Operator,
    /// The operator's credentials, opened.
    pub credentials: &'a Credentials,
    /// How.
    pub method: Method,
    /// The number to verify; for `device_phone_number` the hinted one, if there is one.
    pub number: Option<&'a PhoneNumber>,
    /// Our callback at this operator.
    pub redirect_uri: &'a str,
    /// The leg's state, as the operator gets it.
    pub state: &'a str,
    /// The request's time.
    pub now: Time,
    /// Whether the operator is asked to show no page, if it takes `prompt=none` at all
    /// (`settings.prompt_none`). False only when a leg is repeated with the operator's page.
    pub silent: bool,
    /// Where the phone's connection comes from, where it is known.
    pub phone: Phone,
}

/// The other end of the phone's connection to us.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Phone {
    /// Its address.
    pub address: Option<IpAddr>,
    /// Its port: behind a carrier's NAT many phones share one address.
    pub port: Option<u16>,
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ask({}, {})", self.operator.alias, self.method.as_str())
    }
}

/// Where the phone's browser goes, and what must be kept until it comes back.
pub struct Departure {
    /// The operator's authorization endpoint with our request.
    pub url: Url,
    /// To be found again in the ID token.
    pub nonce: String,
    /// The PKCE verifier, if the operator takes PKCE.
    pub verifier: Option<String>,
}

impl fmt::Debug for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Departure([redacted])")
    }
}

/// What was kept of a [`Departure`].
pub struct Kept {
    /// Its nonce.
    pub nonce: String,
    /// Its PKCE verifier.
    pub verifier: Option<String>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept([redacted])")
    }
}

/// The query of a request to our callback (RFC 6749 section 4.1.2, RFC 9207 section 2).
#[derive(Default)]
pub struct Callback {
    /// Names the leg; `None` if it is missing or came twice.
    pub state: Option<String>,
    pub(super) code: Option<String>,
    pub(super) error: Option<String>,
    pub(super) error_description: Option<String>,
    pub(super) iss: Option<String>,
    /// Mobile Connect's.
    pub(super) correlation_id: Option<String>,
    /// What about the query breaks the protocol.
    pub(super) broken: Option<&'static str>,
}

impl Callback {
    /// Reads a query string. Never fails: what is wrong with it is told at the conclusion, so that
    /// the leg it names is closed with the right word. A parameter without a value counts as absent
    /// (RFC 6749 section 3.1); unknown ones are ignored.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut callback = Self::default();
        let mut state_is_ambiguous = false;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let place = match name.as_ref() {
                "state" => &mut callback.state,
                "code" => &mut callback.code,
                "error" => &mut callback.error,
                "error_description" => &mut callback.error_description,
                "iss" => &mut callback.iss,
                "correlation_id" => &mut callback.correlation_id,
                _ => continue,
            };
            if value.is_empty() {
                continue;
            }
            if place.is_some() && name != "error_description" {
                callback.broken = Some("a parameter came twice");
                state_is_ambiguous |= name == "state";
            } else if value.len() > LONGEST {
                if name != "error_description" {
                    callback.broken = Some("a parameter is too long");
                }
            } else {
                *place = Some(value.into_owned());
            }
        }
        if state_is_ambiguous {
            callback.state = None;
        }
        callback
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_read_once_per_parameter() {
        let callback = Callback::parse("state=s&code=a%2Bb&iss=https%3A%2F%2Fx&correlation_id=1");
        assert_eq!(callback.state.as_deref(), Some("s"));
        assert_eq!(callback.code.as_deref(), Some("a+b"));
        assert_eq!(callback.iss.as_deref(), Some("https://x"));
        assert!(callback.broken.is_none());
        for twice in [
            "state=s&code=a&code=a",
            "state=s&error=a&error=b",
            "state=s&code=a&iss=x&iss=x",
        ] {
            let callback = Callback::parse(twice);
            assert!(callback.broken.is_some(), "{twice}");
            assert_eq!(callback.state.as_deref(), Some("s"), "{twice}");
        }
        let ambiguous = Callback::parse("state=s&state=t&code=a");
        assert!(ambiguous.broken.is_some() && ambiguous.state.is_none());
        assert!(
            Callback::parse(&format!("code={}", "x".repeat(5_000)))
                .broken
                .is_some()
        );
    }

    #[test]
    fn a_parameter_without_a_value_is_absent() {
        let callback = Callback::parse("state=&code=&error");
        assert!(callback.state.is_none() && callback.code.is_none() && callback.error.is_none());
        assert!(Callback::parse("error=&error=x").broken.is_none());
    }

    #[test]
    fn nothing_of_a_leg_is_printed() {
        let callback = Callback::parse("state=canary&code=canary");
        let kept = Kept {
            nonce: "canary".to_owned(),
            verifier: Some("canary".to_owned()),
        };
        assert!(!format!("{callback:?}{kept:?}").contains("canary"));
    }
}
