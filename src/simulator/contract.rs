//! What can differ between operators' contracts. The data is in [`super::contracts`]; what differs is
//! asked of it and nowhere else.

/// One operator's contract.
pub(super) struct Contract {
    /// The persona's name.
    pub(super) name: &'static str,
    /// Whether metadata is published.
    pub(super) discovery: bool,
    /// Path of the authorization endpoint.
    pub(super) authorize: &'static str,
    /// Path of the token endpoint.
    pub(super) token: &'static str,
    /// How a number is asked about.
    pub(super) call: Call,
    /// How scopes are written.
    pub(super) scopes: Scopes,
    /// How clients authenticate at the token endpoint.
    pub(super) client_auth: &'static [ClientAuth],
    /// Whether the token request's parameters stand in the query string.
    pub(super) token_query: bool,
    /// Whether the token request names the redirect URI.
    pub(super) token_redirect_uri: bool,
    /// What is thought of PKCE.
    pub(super) pkce: Pkce,
    /// What is thought of signed request objects.
    pub(super) request_object: RequestObject,
    /// Parameters that every authorization request must have.
    pub(super) needs: &'static [(&'static str, Need)],
    /// Whether an ID token comes for `openid`.
    pub(super) id_token: bool,
    /// Whether `iss` comes with the code (RFC 9207).
    pub(super) iss: bool,
    /// Whether `correlation_id` comes back with the code.
    pub(super) correlation: bool,
    /// Whether `expires_in` is a string.
    pub(super) expires_in_text: bool,
    /// Life of an access token, seconds.
    pub(super) token_life: u64,
    /// Whether an access token is good for more than one call, but for numbers of one country only.
    pub(super) reusable_token: bool,
    /// How errors at the token endpoint look.
    pub(super) token_errors: TokenErrors,
    /// Whether the browser is sent on to the operator behind this channel partner.
    pub(super) second_hop: bool,
    /// Path of Network Enablement.
    pub(super) enablement: Option<&'static str>,
}

/// How a number is asked about.
pub(super) enum Call {
    /// CAMARA's two calls.
    Camara {
        /// Paths of `verify`; several releases may stand side by side.
        verify: &'static [&'static str],
        /// Paths of `device-phone-number`.
        share: &'static [&'static str],
        /// How `phoneNumber` is written.
        number: Number,
        /// What an `x-correlator` may be.
        correlator: Correlator,
        /// Whether codes stand in the namespace of 0.3.
        namespaced: bool,
    },
    /// Mobile Connect's match.
    Match {
        /// Its path.
        path: &'static str,
        /// Whether it must repeat the correlation id and say that consent was given.
        correlated: bool,
    },
}

/// How `phoneNumber` is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// E.164.
    Plus,
    /// E.164, the `+` left to the client.
    OptionalPlus,
    /// Without `+`.
    Digits,
}

/// What an `x-correlator` may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Correlator {
    /// Any string.
    Any,
    /// `^[a-zA-Z0-9-]{0,55}$`
    Narrow,
    /// `^[a-zA-Z0-9-_:;.\/<>{}]{0,256}$`
    Wide,
}

impl Correlator {
    pub(super) fn accepts(self, text: &str) -> bool {
        let (longest, more): (usize, &[u8]) = match self {
            Self::Any => return true,
            Self::Narrow => (55, b"-"),
            Self::Wide => (256, b"-_:;./<>{}"),
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
        text.len() <= longest && text.bytes().all(fits)
    }
}

/// How scopes are written.
pub(super) enum Scopes {
    /// `dpv:Purpose` and the API's scopes, each a word.
    Words(Names),
    /// `dpv:Purpose#scope`, one word.
    Hash(Names),
    /// Words with the new names, or with `#` and either.
    Either(Names, Names),
    /// `mc_vm_match` or `mc_vm_match_hash`.
    Match,
    /// `openid`, and the purpose in a parameter of its own.
    Purpose(&'static str),
}

/// The names of the API's scopes.
#[derive(Clone, Copy)]
pub(super) struct Names {
    pub(super) verify: &'static str,
    pub(super) share: &'static str,
}

/// The names since 1.0.
pub(super) const NEW_NAMES: Names = Names {
    verify: "number-verification:verify",
    share: "number-verification:device-phone-number:read",
};
/// The names of 0.3.
pub(super) const OLD_NAMES: Names = Names {
    verify: "number-verification-verify-read",
    share: "number-verification-share-read",
};

/// A way of client authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientAuth {
    Basic,
    Post,
    Assertion,
    /// Vonage's JWT of an application.
    Application,
}

/// What is thought of PKCE.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pkce {
    Required,
    Checked,
    /// Not known; what comes is not looked at.
    Unknown,
}

/// What is thought of signed request objects.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RequestObject {
    Required,
    Taken,
    Refused,
}

/// What a parameter must be.
pub(super) enum Need {
    /// This very value.
    Is(&'static str),
    /// A UUID.
    Uuid,
    /// At least so many characters.
    Long(usize),
    /// Anything.
    Any,
}

impl Need {
    pub(super) fn is_met(&self, value: Option<&str>) -> bool {
        match (self, value) {
            (_, None) => false,
            (Self::Is(wanted), Some(value)) => value == *wanted,
            (Self::Uuid, Some(value)) => uuid::Uuid::try_parse(value).is_ok(),
            (Self::Long(least), Some(value)) => value.len() >= *least,
            (Self::Any, Some(_)) => true,
        }
    }
}

/// How errors at the token endpoint look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenErrors {
    /// `{error, error_description}`
    OAuth,
    /// `{code: 401, message}`
    Numeric,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlator_follows_the_pattern_of_its_version() {
        let wide = |text: &str| Correlator::Wide.accepts(text);
        assert!(wide("a-B_9:;./<>{}"));
        assert!(wide(&"x".repeat(256)));
        assert!(!wide(&"x".repeat(257)));
        assert!(!wide("with space") && !wide("ü") && !wide("a\"b"));
        let narrow = |text: &str| Correlator::Narrow.accepts(text);
        assert!(narrow("0198f0a2-7c1e-7000-8000-000000000000"));
        assert!(!narrow("a_b") && !narrow(&"x".repeat(56)));
        assert!(Correlator::Any.accepts("any thing"));
    }
}
