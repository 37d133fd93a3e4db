//! What is known of whoever sent a request: address, user agent, cookies, languages.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{FromRequestParts, OptionalFromRequestParts as _};
use http::HeaderMap;
use http::header::USER_AGENT;
use http::request::Parts;
use ipnet::IpNet;

use crate::audit::record::{Personal, Recorder};
use crate::clock::Time;
use crate::web::app::App;
use crate::web::client_certificate::ClientCertificate;
use crate::web::cookies::Received;
use crate::web::text::Language;
use crate::web::wishes::{Wishes, countries};

/// The other end of a request's connection; the listener puts it into the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// The browser (or the app's server) that sent a request.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Its address, as far as the trusted proxies tell it.
    pub address: Option<IpAddr>,
    /// Its port, where its connection ends here or a proxy tells it (the PROXY protocol).
    pub port: Option<u16>,
    /// The request's headers.
    pub headers: HeaderMap,
    /// The certificate it proved itself with, on the listener for mutual TLS.
    pub certificate: Option<ClientCertificate>,
    /// The language its person chose, and when, in Unix seconds.
    pub chosen_language: Option<(Language, i64)>,
}

impl FromRequestParts<App> for Browser {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let trusted = &app.config.proxies.trusted;
        let certificate = ClientCertificate::from_request_parts(parts, app).await?;
        let address = peer.map(|peer| client_address(peer.ip(), &parts.headers, trusted));
        let ends_here = |peer: &SocketAddr| address == Some(peer.ip().to_canonical());
        let cookies = app.cookies.read(&parts.headers);
        let chosen = cookies.language();
        Ok(Self {
            certificate,
            chosen_language: chosen.and_then(|(tag, at)| Some((Language::tagged(tag)?, at))),
            address,
            port: peer.filter(ends_here).map(|peer| peer.port()),
            headers: parts.headers.clone(),
        })
    }
}

impl Browser {
    /// Its cookies.
    #[must_use]
    pub fn cookies(&self, app: &App) -> Received<'_> {
        app.cookies.read(&self.headers)
    }

    /// What is personal about it, for audit records.
    #[must_use]
    pub fn personal(&self) -> Personal {
        let user_agent = self.headers.get(USER_AGENT).map(|agent| {
            String::from_utf8_lossy(agent.as_bytes())
                .chars()
                .filter(|c| !c.is_control())
                .take(256)
                .collect()
        });
        Personal {
            number: None,
            address: self.address.map(|address| address.to_string()),
            user_agent,
        }
    }

    /// Makes the audit records of this request.
    #[must_use]
    pub fn recorder<'a>(&self, app: &'a App, now: Time) -> Recorder<'a> {
        Recorder {
            vault: &app.vault,
            now,
            browser: self.personal(),
        }
    }

    /// Whether it says that it is no phone. One that says nothing may be one.
    #[must_use]
    pub fn is_desktop(&self) -> bool {
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(mobile) = text("sec-ch-ua-mobile") {
            return mobile == "?0";
        }
        text(USER_AGENT.as_str())
            .is_some_and(|agent| agent.starts_with("Mozilla/") && !agent.contains("Mobi"))
    }

    /// Its family and system, as far as people know them by name: `Firefox, Windows`.
    #[must_use]
    pub fn family(&self) -> String {
        let agent = self.headers.get(USER_AGENT);
        family(
            agent
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default(),
        )
    }

    /// Whether it is a browser inside another app, which may keep cookies to itself. A guess by what such
    /// apps call themselves, good enough for a hint.
    #[must_use]
    pub fn is_in_app(&self) -> bool {
        let agent = self.headers.get(USER_AGENT);
        let agent = agent
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        [
            "FBAN/",
            "FBAV/",
            "FB_IAB",
            "Instagram ",
            "Line/",
            "MicroMessenger/",
            "musical_ly",
            "BytedanceWebview",
            "TikTok",
            "Snapchat/",
            "Pinterest/",
            "LinkedInApp",
            "; wv)",
        ]
        .iter()
        .any(|mark| agent.contains(mark))
    }

    /// The language to speak: the app's wish, then the person's, then the browser's.
    #[must_use]
    pub fn language(&self, ui_locales: Option<&str>) -> Language {
        self.language_for(&LanguageWish {
            ui_locales,
            ..LanguageWish::default()
        })
    }

    /// The countries that its languages name, two capital letters each, most wanted first.
    #[must_use]
    pub fn countries(&self) -> Vec<String> {
        countries(self.accept_language().unwrap_or_default())
    }

    fn accept_language(&self) -> Option<&str> {
        let value = self.headers.get(http::header::ACCEPT_LANGUAGE)?;
        value.to_str().ok()
    }

    /// The same for a client's request.
    #[must_use]
    pub fn language_for(&self, asked: &LanguageWish<'_>) -> Language {
        let accept_language = self.accept_language();
        let chosen = self.chosen_language;
        let is_now = |at: i64| asked.since.is_some_and(|since| at >= since.timestamp());
        let now = chosen.filter(|(_, at)| is_now(*at));
        Language::of(&Wishes {
            chosen_now: now.map(|(language, _)| language.tag()),
            ui_locales: asked.ui_locales,
            chosen_before: chosen.map(|(language, _)| language.tag()),
            accept_language,
            client: asked.client,
        })
    }
}

/// Of what a browser calls itself only our own words are kept: anybody can write anything there.
fn family(agent: &str) -> String {
    // What pretends to be another comes before the other.
    let browsers = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrome", "Chrome"),
        ("Safari", "Safari"),
    ];
    let systems = [
        ("Windows", "Windows"),
        ("CrOS", "ChromeOS"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ];
    let first = |known: &[(&str, &'static str)]| {
        let mut known = known.iter();
        let found = known.find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (first(&browsers), first(&systems)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => String::new(),
    }
}

/// What a client has to say about the language.
#[derive(Clone, Copy, Debug, Default)]
pub struct LanguageWish<'a> {
    /// The request's `ui_locales`.
    pub ui_locales: Option<&'a str>,
    /// When the sign-in began: what the person chose since counts more.
    pub since: Option<Time>,
    /// The client's own language.
    pub client: Option<&'a str>,
}

/// The address a request came from: the peer's, or, if that is a trusted proxy, the last one in
/// `X-Forwarded-For` that is none. Whatever stands before it, anybody may have written.
fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let mut address = peer.to_canonical();
    if !is_trusted(&address) {
        return address;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    for hop in forwarded.into_iter().rev() {
        let Some(next) = parse_address(hop) else {
            break;
        };
        address = next.to_canonical();
        if !is_trusted(&address) {
            break;
        }
    }
    address
}

fn parse_address(hop: &str) -> Option<IpAddr> {
    hop.parse()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(|| hop.trim_matches(['[', ']']).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_in_our_own_words_only() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
                "Edge, Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome, Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
                "Safari, Mac",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox, Windows",
            ),
            ("your bank's own computer", ""),
            ("", ""),
        ] {
            assert_eq!(family(agent), expected, "{agent}");
        }
    }

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies_and_only_the_last_untrusted_one() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["198.51.100.1"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            (
                "10.0.0.1",
                &["6.6.6.6", "198.51.100.1, 10.1.1.1"],
                "198.51.100.1",
            ),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, rubbish"], "10.0.0.1"),
        ] {
            assert_eq!(address(peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }
}
