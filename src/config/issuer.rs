//! The issuer identifier: configured, canonical, https unless it is this machine.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// Our issuer identifier (OpenID Connect Core 1.2, Discovery 3): an https URL without query,
/// fragment, user and trailing slash. Plain http is for loopback hosts only.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Issuer {
    text: String,
    #[serde(skip)]
    url: Url,
}

impl Issuer {
    /// Reads and normalises one; a trailing slash is dropped, because RPs append
    /// `/.well-known/openid-configuration` and compare `iss` byte by byte.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut url = Url::parse(text).map_err(|error| format!("is not a URL ({error})"))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => {
                return Err(
                    "is http:// on a host that is not this machine; OpenID Connect needs https"
                        .to_owned(),
                );
            }
            other => return Err(format!("has the scheme {other}, not https")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("holds a user name or password".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment".to_owned());
        }
        let path = url.path().trim_end_matches('/').to_owned();
        // `__Host-` cookies belong to a whole host, and so do we.
        if !path.is_empty() {
            return Err("has a path; the server answers at the root of its host".to_owned());
        }
        url.set_path(&path);
        let text = url.as_str().trim_end_matches('/').to_owned();
        Ok(Self { text, url })
    }

    /// The identifier as it stands in `iss`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The absolute URL of a path of ours, such as `/token`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}{slash}{path}", self.text)
    }

    /// Whether cookies can be `Secure`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// What browsers send as `Origin` from our pages.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The host, without the port; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

/// Only what no name server can point elsewhere (`localhost` by RFC 6761).
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({})", self.text)
    }
}

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine_are_issuers() {
        for (text, canonical) in [
            ("https://id.example.com", "https://id.example.com"),
            ("https://id.example.com/", "https://id.example.com"),
            ("https://ID.Example.com:443//", "https://id.example.com"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.3.2.1:8080/", "http://127.3.2.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(Issuer::parse(text).unwrap().as_str(), canonical);
        }
    }

    #[test]
    fn an_issuer_that_could_be_intercepted_or_misread_is_refused() {
        for text in [
            "http://id.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "http://[::2]",
            "ftp://id.example.com",
            "id.example.com",
            "",
            "https://user@id.example.com",
            "https://:pw@id.example.com",
            "https://id.example.com?x",
            "https://id.example.com#x",
            "https://id.example.com/login",
            "https://id.example.com/a%2fb",
        ] {
            assert!(Issuer::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_are_made_from_the_issuer() {
        let issuer = Issuer::parse("https://example.com:8443/").unwrap();
        assert_eq!(issuer.url("/token"), "https://example.com:8443/token");
        assert_eq!(issuer.url("token"), "https://example.com:8443/token");
        assert_eq!(issuer.origin(), "https://example.com:8443");
        assert_eq!(issuer.host(), "example.com");
        assert!(issuer.is_https());
        let dev = Issuer::parse("http://localhost:8080").unwrap();
        assert!(!dev.is_https());
    }
}
