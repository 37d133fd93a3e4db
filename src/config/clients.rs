//! The sections `mtls` and `registration`: how apps' servers prove themselves by certificates, and
//! whether they may register themselves.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::issuer::Issuer;

/// Mutual TLS for apps' servers (RFC 8705), on a listener of its own: browsers would ask people for
/// certificates. Off unless mtls.listen or mtls.proxy_header is set.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct MtlsSection {
    /// Address and port of the listener that asks for client certificates.
    #[schemars(with = "String", example = "0.0.0.0:8444")]
    pub(super) listen: Option<SocketAddr>,
    /// The base of its URLs as apps reach it, without a path; by default the issuer with the port of
    /// mtls.listen.
    #[schemars(with = "String", example = "https://mtls.id.example.com")]
    pub(super) url: Option<String>,
    /// PEM file with the listener's certificate chain, if it is not server.tls.certificate_file.
    #[schemars(with = "String", example = "/etc/numbercloak/mtls.crt", extend("format" = "path"))]
    pub(super) certificate_file: Option<PathBuf>,
    /// PEM file with its private key, if it is not server.tls.key_file.
    #[schemars(with = "String", example = "/etc/numbercloak/mtls.key", extend("format" = "path"))]
    pub(super) key_file: Option<PathBuf>,
    /// PEM file with the authorities whose certificates count for tls_client_auth. Read at start.
    #[schemars(with = "String", example = "/etc/numbercloak/client-ca.crt", extend("format" = "path"))]
    pub(super) client_ca_file: Option<PathBuf>,
    /// Header in which trusted proxies that end mutual TLS pass the app's certificate on, as RFC 9440
    /// writes it or as percent-encoded PEM. They must remove it from what others send.
    #[schemars(with = "String", example = "client-cert")]
    pub(super) proxy_header: Option<String>,
}

/// Dynamic client registration (RFC 7591, RFC 7592).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Registration {
    /// Whether apps may register themselves with an initial access token from `numbercloak client
    /// initial-access-token create`.
    pub enabled: bool,
}

/// Mutual TLS, when it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mtls {
    /// Where our own listener is, with its certificate; `None` if only proxies end mutual TLS.
    pub listen: Option<(SocketAddr, super::Tls)>,
    /// The authorities whose certificates count for `tls_client_auth`.
    pub client_ca_file: Option<PathBuf>,
    /// The header in which trusted proxies pass a certificate on, in lower case.
    pub proxy_header: Option<String>,
    base: String,
}

impl Mtls {
    /// The absolute URL of a path of ours, such as `/token`, for clients with certificates.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// The section, resolved.
pub(super) fn resolve(
    section: MtlsSection,
    issuer: &Issuer,
    public: Option<&super::Tls>,
) -> Option<Mtls> {
    let own = section.certificate_file.zip(section.key_file);
    let files = own
        .map(|(certificate_file, key_file)| super::Tls {
            certificate_file,
            key_file,
        })
        .or_else(|| public.cloned());
    let listen = section.listen.zip(files);
    if listen.is_none() && section.proxy_header.is_none() {
        return None;
    }
    let base = match (&section.url, &listen) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some((address, _))) => format!("https://{}:{}", issuer.host(), address.port()),
        (None, None) => issuer.as_str().to_owned(),
    };
    Some(Mtls {
        listen,
        client_ca_file: section.client_ca_file,
        proxy_header: section.proxy_header.map(|name| name.to_ascii_lowercase()),
        base,
    })
}

/// Whether this can be the base of the listener's URLs.
pub(super) fn is_base(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        url.scheme() == "https"
            && url.has_host()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}
