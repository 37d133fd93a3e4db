//! The demo's only cookie.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::secret::Token;

/// The cookie that ties a sign-in to its browser.
pub(super) struct Cookie {
    name: &'static str,
    attributes: &'static str,
}

impl Cookie {
    /// As strict as `url` allows.
    pub(super) fn new(url: &str) -> Self {
        // `Lax`, because the issuer's redirect back comes from another site.
        if url.starts_with("https://") {
            Self {
                name: "__Host-demo",
                attributes: "Path=/; HttpOnly; SameSite=Lax; Secure",
            }
        } else {
            Self {
                name: "demo",
                attributes: "Path=/; HttpOnly; SameSite=Lax",
            }
        }
    }

    /// The browser's token, if it has one of ours.
    pub(super) fn read(&self, headers: &HeaderMap) -> Option<Token> {
        headers
            .get_all(header::COOKIE)
            .into_iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == self.name)
            .and_then(|(_, value)| Token::parse(value))
    }

    /// `Set-Cookie` that gives the browser its token.
    pub(super) fn set(&self, browser: &Token) -> HeaderValue {
        let text = format!("{}={}; {}", self.name, browser.reveal(), self.attributes);
        HeaderValue::try_from(text).expect("a token and our attributes are visible ASCII")
    }

    /// `Set-Cookie` that takes it away.
    pub(super) fn clear(&self) -> HeaderValue {
        let text = format!("{}=; {}; Max-Age=0", self.name, self.attributes);
        HeaderValue::try_from(text).expect("our attributes are visible ASCII")
    }
}
