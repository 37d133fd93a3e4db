//! The certificate that a client's server presented (RFC 8705): on our own listener for mutual TLS,
//! or to a trusted proxy that passes it on in a header.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::OptionalFromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::request::Parts;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey as ParsedKey;

use crate::oauth::distinguished_name::DistinguishedName;
use crate::oauth::jwk::{Material, PublicKey};
use crate::secret::{b64, sha256};
use crate::store::clients::CertificateSubject;
use crate::web::app::App;
use crate::web::browser::Peer;

/// A certificate whose private key the client has proved to hold. Nothing else about it is known:
/// anybody can make one. Extract it as `Option<ClientCertificate>`, or read it off
/// [`Browser`](crate::web::browser::Browser).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, DER.
    pub der: Arc<[u8]>,
    /// What was sent with it to prove where it comes from, DER.
    pub intermediates: Arc<[Vec<u8>]>,
}

impl OptionalFromRequestParts<App> for ClientCertificate {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Infallible> {
        if let Some(own) = parts.extensions.get::<Self>() {
            return Ok(Some(own.clone()));
        }
        let header = app
            .config
            .mtls
            .as_ref()
            .and_then(|mtls| mtls.proxy_header.as_deref());
        let peer = parts.extensions.get::<Peer>();
        let (Some(header), Some(peer)) = (header, peer) else {
            return Ok(None);
        };
        let trusted = &app.config.proxies.trusted;
        Ok(is_proxy(peer.0.ip(), trusted)
            .then(|| passed_on(&parts.headers, header))
            .flatten())
    }
}

fn is_proxy(peer: IpAddr, trusted: &[ipnet::IpNet]) -> bool {
    let peer = peer.to_canonical();
    trusted.iter().any(|net| net.contains(&peer))
}

/// The certificate in a proxy's header: `:base64:` (RFC 9440), percent-encoded PEM (nginx), or bare
/// base64. A header that came twice may hold somebody else's and counts for nothing.
fn passed_on(headers: &HeaderMap, name: &str) -> Option<ClientCertificate> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    if values.next().is_some() {
        return None;
    }
    let der = if value.contains("BEGIN") {
        // Not form-encoding: base64 has plus signs.
        let pem =
            url::form_urlencoded::parse(format!("x={}", value.replace('+', "%2B")).as_bytes())
                .next()
                .map(|(_, pem)| pem.into_owned())?;
        CertificateDer::from_pem_slice(pem.as_bytes())
            .ok()?
            .to_vec()
    } else {
        STANDARD.decode(value.trim_matches(':')).ok()?
    };
    x509_parser::parse_x509_certificate(&der).ok()?;
    Some(ClientCertificate {
        der: der.into(),
        intermediates: Arc::from([]),
    })
}

impl ClientCertificate {
    /// What tokens are bound to: `x5t#S256` (RFC 8705 section 3.1).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        b64(&sha256(&self.der))
    }

    /// Whether it, or its key, is among the registered ones (RFC 8705 section 2.2).
    #[must_use]
    pub fn is_one_of(&self, keys: &[PublicKey]) -> bool {
        let own = self.parse().and_then(|certificate| material(&certificate));
        keys.iter().any(|key| {
            let same_certificate = key.certificate.as_deref() == Some(&*self.der);
            same_certificate || own.as_ref() == Some(&key.material)
        })
    }

    /// Whether its subject, or one of its alternative names, is this (RFC 8705 section 2.1.2).
    #[must_use]
    pub fn says(&self, wanted: &CertificateSubject) -> bool {
        let Some(certificate) = self.parse() else {
            return false;
        };
        if let CertificateSubject::SubjectDn(text) = wanted {
            let wanted = DistinguishedName::parse(text).ok();
            return wanted.is_some() && wanted == subject(&certificate);
        }
        let Ok(Some(names)) = certificate.subject_alternative_name() else {
            return false;
        };
        names
            .value
            .general_names
            .iter()
            .any(|name| match (wanted, name) {
                (CertificateSubject::SanDns(wanted), GeneralName::DNSName(name)) => {
                    wanted.eq_ignore_ascii_case(name)
                }
                (CertificateSubject::SanUri(wanted), GeneralName::URI(name))
                | (CertificateSubject::SanEmail(wanted), GeneralName::RFC822Name(name)) => {
                    wanted == name
                }
                (CertificateSubject::SanIp(wanted), GeneralName::IPAddress(octets)) => {
                    match wanted.parse() {
                        Ok(IpAddr::V4(address)) => address.octets() == *octets,
                        Ok(IpAddr::V6(address)) => address.octets() == *octets,
                        Err(_) => false,
                    }
                }
                _ => false,
            })
    }

    fn parse(&self) -> Option<X509Certificate<'_>> {
        let (rest, certificate) = x509_parser::parse_x509_certificate(&self.der).ok()?;
        rest.is_empty().then_some(certificate)
    }
}

fn subject(certificate: &X509Certificate<'_>) -> Option<DistinguishedName> {
    let mut parts = Vec::new();
    for part in certificate.subject().iter_rdn() {
        let pairs = part.iter().map(|pair| {
            let value = pair.as_str().ok()?;
            Some((pair.attr_type().to_id_string(), value.to_owned()))
        });
        parts.push(pairs.collect::<Option<Vec<_>>>()?);
    }
    Some(DistinguishedName::new(parts))
}

/// The certificate's public key as a JWK would have it; `None` for types that no JWK of ours has.
fn material(certificate: &X509Certificate<'_>) -> Option<Material> {
    let key = certificate.public_key();
    let raw = key.subject_public_key.data.as_ref();
    match key.algorithm.algorithm.to_id_string().as_str() {
        "1.2.840.113549.1.1.1" => {
            let Ok(ParsedKey::RSA(rsa)) = key.parsed() else {
                return None;
            };
            Some(Material::rsa(rsa.modulus, rsa.exponent))
        }
        "1.2.840.10045.2.1" => {
            let curve = key.algorithm.parameters.as_ref()?.as_oid().ok()?;
            let curve = match curve.to_id_string().as_str() {
                "1.2.840.10045.3.1.7" => "P-256",
                "1.3.132.0.34" => "P-384",
                "1.3.132.0.35" => "P-521",
                _ => return None,
            };
            Some(Material::Ec {
                curve: curve.to_owned(),
                point: raw.to_vec(),
            })
        }
        "1.3.101.112" => Some(Material::Ed25519(raw.to_vec())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, DistinguishedName as Name, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> ClientCertificate {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = Name::new();
        params.distinguished_name.push(DnType::CountryName, "GB");
        params
            .distinguished_name
            .push(DnType::OrganizationName, "Shop, Ltd");
        params.distinguished_name.push(DnType::CommonName, "shop");
        change(&mut params);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        ClientCertificate {
            der: made.der().to_vec().into(),
            intermediates: Arc::from([]),
        }
    }

    #[test]
    fn the_subject_is_compared_to_the_letter() {
        let made = certificate(|_| {});
        let says = |text: &str| made.says(&CertificateSubject::SubjectDn(text.to_owned()));
        assert!(says(r"CN=shop, O=Shop\, Ltd, C=GB"));
        for other in [
            "CN=shop",
            r"CN=Shop,O=Shop\, Ltd,C=GB",
            r"C=GB,O=Shop\, Ltd,CN=shop",
            "",
        ] {
            assert!(!says(other), "{other}");
        }
    }

    #[test]
    fn an_alternative_name_is_one_of_its_kind() {
        let made = certificate(|params| {
            let text = |text: &str| Ia5String::try_from(text).unwrap();
            params.subject_alt_names = vec![
                SanType::DnsName(text("shop.example")),
                SanType::URI(text("urn:shop")),
                SanType::Rfc822Name(text("it@shop.example")),
                SanType::IpAddress("192.0.2.1".parse().unwrap()),
            ];
        });
        for right in [
            CertificateSubject::SanDns("Shop.example".to_owned()),
            CertificateSubject::SanUri("urn:shop".to_owned()),
            CertificateSubject::SanEmail("it@shop.example".to_owned()),
            CertificateSubject::SanIp("192.0.2.1".to_owned()),
        ] {
            assert!(made.says(&right), "{right:?}");
            assert!(!certificate(|_| {}).says(&right), "{right:?}");
        }
        for wrong in [
            CertificateSubject::SanDns("urn:shop".to_owned()),
            CertificateSubject::SanUri("shop.example".to_owned()),
            CertificateSubject::SanIp("192.0.2.2".to_owned()),
            CertificateSubject::SanIp("shop.example".to_owned()),
        ] {
            assert!(!made.says(&wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_proxy_passes_one_certificate_on_in_a_known_spelling() {
        let made = certificate(|_| {});
        let base64 = STANDARD.encode(&made.der);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
        let escaped = pem
            .replace(' ', "%20")
            .replace('\n', "%0A")
            .replace('=', "%3D");
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("client-cert", value.parse().unwrap());
            }
            passed_on(&headers, "client-cert")
        };
        for value in [format!(":{base64}:"), base64.clone(), escaped] {
            assert_eq!(read(&[&value]), Some(made.clone()), "{value}");
        }
        assert_eq!(read(&[&base64, &base64]), None);
        assert_eq!(read(&[]), None);
        for value in ["", "::", ":AAAA:", "-----BEGIN CERTIFICATE-----"] {
            assert_eq!(read(&[value]), None, "{value}");
        }
    }
}
