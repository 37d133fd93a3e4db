//! `response_mode`: how an answer travels back (OAuth 2.0 Multiple Response Type Encoding Practices
//! section 2.1, OAuth 2.0 Form Post Response Mode, JARM section 2.3).

use serde::{Deserialize, Serialize};

/// How an answer travels back to the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseMode {
    /// In the redirect URI's query: the default of `response_type=code`.
    #[default]
    #[serde(rename = "query")]
    Query,
    /// In its fragment.
    #[serde(rename = "fragment")]
    Fragment,
    /// In a form that the browser posts there.
    #[serde(rename = "form_post")]
    FormPost,
    /// As one signed JWT in the query.
    #[serde(rename = "query.jwt")]
    QueryJwt,
    /// As one signed JWT in the fragment.
    #[serde(rename = "fragment.jwt")]
    FragmentJwt,
    /// As one signed JWT in a posted form.
    #[serde(rename = "form_post.jwt")]
    FormPostJwt,
}

/// Where the parameters of an answer stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In the redirect URI's query.
    Query,
    /// In its fragment.
    Fragment,
    /// In the body of a POST.
    Form,
}

impl ResponseMode {
    /// Every word that a request may use, for discovery. `jwt` is the default of its response type.
    pub const WORDS: [&str; 7] = [
        "query",
        "fragment",
        "form_post",
        "jwt",
        "query.jwt",
        "fragment.jwt",
        "form_post.jwt",
    ];

    /// The mode of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "query" => Self::Query,
            "fragment" => Self::Fragment,
            "form_post" => Self::FormPost,
            "jwt" | "query.jwt" => Self::QueryJwt,
            "fragment.jwt" => Self::FragmentJwt,
            "form_post.jwt" => Self::FormPostJwt,
            _ => return None,
        })
    }

    /// The same, signed.
    #[must_use]
    pub fn signed(self) -> Self {
        match self.carrier() {
            Carrier::Query => Self::QueryJwt,
            Carrier::Fragment => Self::FragmentJwt,
            Carrier::Form => Self::FormPostJwt,
        }
    }

    /// Whether the answer is a signed JWT.
    #[must_use]
    pub fn is_signed(self) -> bool {
        self == self.signed()
    }

    /// Where the parameters stand.
    #[must_use]
    pub fn carrier(self) -> Carrier {
        match self {
            Self::Query | Self::QueryJwt => Carrier::Query,
            Self::Fragment | Self::FragmentJwt => Carrier::Fragment,
            Self::FormPost | Self::FormPostJwt => Carrier::Form,
        }
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_mode_and_only_those() {
        for word in ResponseMode::WORDS {
            let mode = ResponseMode::parse(word).unwrap();
            assert_eq!(mode.is_signed(), word.ends_with("jwt"), "{word}");
            assert_eq!(mode.signed().carrier(), mode.carrier());
        }
        for word in ["", "Query", "web_message", "query.", "jwt.query"] {
            assert_eq!(ResponseMode::parse(word), None, "{word}");
        }
    }
}
