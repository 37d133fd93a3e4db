//! The way back to the app. A [`VerifiedRedirect`] exists only for a redirect URI that was
//! registered, so an open redirect cannot be written down.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::oauth::error::OAuthError;
use crate::oauth::response_mode::{Carrier, ResponseMode};
use crate::secret::Redacted;

/// A redirect URI that is registered for the client, with how to answer there and the `state` to
/// give back. Deserialised only from our own rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedRedirect {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Redacted>,
    #[serde(default, skip_serializing_if = "ResponseMode::is_default")]
    mode: ResponseMode,
}

impl VerifiedRedirect {
    /// The requested URI, if it is registered: the strings are equal (RFC 9700 section 4.1.3), or it
    /// is a registered loopback address of a native app with another port (RFC 8252 section 7.3).
    #[must_use]
    pub fn matching(registered: &[String], requested: &str, native: bool) -> Option<Self> {
        registered
            .iter()
            .any(|uri| uri == requested || (native && same_but_for_the_port(uri, requested)))
            .then(|| Self {
                uri: requested.to_owned(),
                state: None,
                mode: ResponseMode::default(),
            })
    }

    /// The same with a `state` to give back.
    #[must_use]
    pub fn giving_back(mut self, state: &str) -> Self {
        self.state = Some(Redacted::new(state));
        self
    }

    /// The same, answered in a mode.
    #[must_use]
    pub fn answered_by(mut self, mode: ResponseMode) -> Self {
        self.mode = mode;
        self
    }

    /// How the answer travels.
    #[must_use]
    pub fn mode(&self) -> ResponseMode {
        self.mode
    }

    /// The URI, as it was requested.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The app's front page: where a browser can start again when nothing may be told of a login.
    /// Native apps have none.
    #[must_use]
    pub fn front_page(&self) -> Option<String> {
        let url = Url::parse(&self.uri).ok()?;
        matches!(url.scheme(), "http" | "https")
            .then(|| url.join("/").ok().map(String::from))
            .flatten()
    }

    /// The host people see beside the app's name, with its port if it is unusual.
    #[must_use]
    pub fn host(&self) -> String {
        Url::parse(&self.uri)
            .ok()
            .and_then(|url| {
                let host = url.host_str()?.to_owned();
                Some(match url.port() {
                    Some(port) => format!("{host}:{port}"),
                    None => host,
                })
            })
            .unwrap_or_else(|| self.uri.split(':').next().unwrap_or("app").to_owned())
    }

    /// The parameters of an answer (RFC 6749 sections 4.1.2 and 4.1.2.1), with `state` as it came and
    /// `iss` (RFC 9207).
    #[must_use]
    pub fn parameters<'a>(&'a self, answer: &'a Answer, issuer: &'a str) -> Parameters<'a> {
        let mut parameters = match answer {
            Answer::Code { code } => vec![("code", code.reveal())],
            Answer::Error { error, description } => vec![
                ("error", error.as_str()),
                ("error_description", description.as_str()),
            ],
        };
        if let Some(state) = &self.state {
            parameters.push(("state", state.reveal()));
        }
        parameters.push(("iss", issuer));
        parameters
    }

    /// The URI with the parameters of an answer in its query, or in its fragment where the mode says
    /// so.
    #[must_use]
    pub fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut encoded = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in parameters {
            encoded.append_pair(name, value);
        }
        // The registered query is kept as it is (RFC 6749 section 3.1.2), so it is not re-encoded.
        let (base, join) = match self.mode.carrier() {
            // No redirect URI has a fragment of its own.
            Carrier::Fragment => (self.uri.as_str(), "#"),
            Carrier::Query | Carrier::Form if self.uri.contains('?') => {
                let joined = self.uri.ends_with(['?', '&']);
                (self.uri.as_str(), if joined { "" } else { "&" })
            }
            Carrier::Query | Carrier::Form => (self.uri.as_str(), "?"),
        };
        format!("{base}{join}{}", encoded.finish())
    }
}

/// The parameters of an answer, in order.
pub type Parameters<'a> = Vec<(&'a str, &'a str)>;

/// What an app is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// A code.
    Code {
        /// The code.
        code: Redacted,
    },
    /// An error.
    Error {
        /// Its code.
        error: String,
        /// A sentence for the app's developer.
        description: String,
    },
}

impl Answer {
    /// A code.
    #[must_use]
    pub fn code(code: &str) -> Self {
        Self::Code {
            code: Redacted::new(code),
        }
    }
}

impl From<&OAuthError> for Answer {
    fn from(error: &OAuthError) -> Self {
        Self::Error {
            error: error.code.as_str().to_owned(),
            description: error.description.clone(),
        }
    }
}

fn same_but_for_the_port(registered: &str, requested: &str) -> bool {
    let (Ok(mut a), Ok(mut b)) = (Url::parse(registered), Url::parse(requested)) else {
        return false;
    };
    let loopback = |url: &Url| matches!(url.host_str(), Some("127.0.0.1" | "[::1]"));
    let plain = |url: &Url| url.scheme() == "http" && url.username().is_empty() && loopback(url);
    plain(&a)
        && plain(&b)
        && a.set_port(None).is_ok()
        && b.set_port(None).is_ok()
        && a.as_str() == b.as_str()
        // The parser forgives what a string comparison must not.
        && requested.starts_with(&format!("http://{}", b.host_str().unwrap_or_default()))
        && !requested.contains(['\\', '\t', '\n', '\r', '#'])
}

/// Why a redirect URI cannot be registered; `None` if it can.
#[must_use]
pub fn reason_to_refuse_registration(uri: &str, native: bool) -> Option<String> {
    let Ok(url) = Url::parse(uri) else {
        return Some(format!("{uri} is not an absolute URL"));
    };
    let host = url.host_str().unwrap_or_default();
    let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]")
        || host
            .strip_prefix("127.")
            .is_some_and(|rest| rest.split('.').count() == 3);
    if uri.contains('*') {
        return Some(format!("{uri} has a wildcard; register each address"));
    }
    if url.fragment().is_some() {
        return Some(format!("{uri} has a fragment (#...); remove it"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Some(format!("{uri} has a user name; remove it"));
    }
    if uri.len() > 2000 || uri.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("a redirect URI has white space or is longer than 2000 characters".to_owned());
    }
    match url.scheme() {
        "https" => None,
        "http" if loopback => None,
        "http" => Some(format!(
            "{uri} must be https; http is for this machine only"
        )),
        scheme if native && scheme.contains('.') => None,
        scheme if native => Some(format!(
            "the scheme {scheme}: is not yours alone; use a reversed domain such as com.example.app:"
        )),
        _ => Some(format!("{uri} must be https")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::error::ErrorCode;

    fn matching(registered: &str, requested: &str, native: bool) -> bool {
        VerifiedRedirect::matching(&[registered.to_owned()], requested, native).is_some()
    }

    #[test]
    fn a_redirect_uri_matches_to_the_letter() {
        let registered = "https://app.example/cb?a=b";
        assert!(matching(registered, registered, false));
        for other in [
            "https://app.example/cb",
            "https://app.example/cb?a=b&c=d",
            "https://app.example/cb?a=c",
            "https://app.example/cb/?a=b",
            "https://APP.example/cb?a=b",
            "https://app.example:443/cb?a=b",
            "https://app.example/./cb?a=b",
            "https://app.example/cb?a=b#",
            "https://app.example.evil/cb?a=b",
            "",
        ] {
            assert!(!matching(registered, other, false), "{other}");
        }
    }

    #[test]
    fn only_a_native_app_may_change_the_port_and_only_on_loopback() {
        let registered = "http://127.0.0.1/cb";
        assert!(matching(registered, "http://127.0.0.1:4711/cb", true));
        assert!(!matching(registered, "http://127.0.0.1:4711/cb", false));
        for other in [
            "http://localhost:4711/cb",
            "http://127.0.0.1:4711/cb2",
            "http://127.0.0.1:4711/cb?x=y",
            "http://user@127.0.0.1:4711/cb",
            "http://127.0.0.1:4711\\@evil.example/cb",
            "http:\\\\127.0.0.1:4711/cb",
            "http://2130706433:1/cb",
            "https://127.0.0.1:4711/cb",
        ] {
            assert!(!matching(registered, other, true), "{other}");
        }
        assert!(!matching(
            "https://app.example/cb",
            "https://app.example:1/cb",
            true
        ));
    }

    #[test]
    fn the_answer_keeps_the_registered_query_and_gives_state_back() {
        let redirect = VerifiedRedirect::matching(
            &["https://app.example/cb?a=b%20c".to_owned()],
            "https://app.example/cb?a=b%20c",
            false,
        )
        .unwrap()
        .giving_back("s&t=1");
        let issuer = "https://id.example";
        let code = Answer::code("C");
        let parameters = redirect.parameters(&code, issuer);
        assert_eq!(
            redirect.with(&parameters),
            "https://app.example/cb?a=b%20c&code=C&state=s%26t%3D1&iss=https%3A%2F%2Fid.example"
        );
        let error = OAuthError::new(ErrorCode::AccessDenied, "user_cancelled: x");
        let error = Answer::from(&error);
        assert!(
            redirect
                .with(&redirect.parameters(&error, issuer))
                .contains("&error=access_denied&error_description=user_cancelled%3A+x&state=")
        );
        let stored = serde_json::to_string(&error).unwrap();
        assert_eq!(serde_json::from_str::<Answer>(&stored).unwrap(), error);
        let fragment = redirect.clone().answered_by(ResponseMode::Fragment);
        assert!(
            fragment
                .with(&fragment.parameters(&code, issuer))
                .starts_with("https://app.example/cb?a=b%20c#code=C&state=")
        );
        assert_eq!(redirect.host(), "app.example");
        assert_eq!(
            redirect.front_page().as_deref(),
            Some("https://app.example/")
        );
    }

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://a.example/cb",
            "http://localhost:3000/cb",
            "http://127.0.0.1/cb",
        ] {
            assert_eq!(reason_to_refuse_registration(good, false), None, "{good}");
        }
        for bad in [
            "http://a.example/cb",
            "https://*.a.example/cb",
            "https://a.example/cb#x",
            "https://u@a.example/cb",
            "/cb",
            "javascript:alert(1)",
            "com.example.app:/cb",
            "https://a.example/c b",
        ] {
            assert!(reason_to_refuse_registration(bad, false).is_some(), "{bad}");
        }
        assert_eq!(
            reason_to_refuse_registration("com.example.app:/cb", true),
            None
        );
        assert!(reason_to_refuse_registration("myapp:/cb", true).is_some());
        assert!(reason_to_refuse_registration("javascript:alert(1)", true).is_some());
    }
}
