//! `operator test` against certificates that are not as they must be, over real TLS: the walk stops at
//! the step `tls` and says what to mend.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::fake::{Fake, REDIRECT};
use crate::operator::test::{Step, walk};
use crate::outbound::{Outbound, Rules};

/// Whom we trust beside the system's own.
struct Authority {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem().into_bytes(),
            issuer: Issuer::new(params, key),
        }
    }

    /// A certificate for `name`, and its key.
    fn certify(
        &self,
        name: &str,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), key)
    }
}

/// A host that ends TLS with this certificate; returns its port.
async fn serve((certificate, key): (CertificateDer<'static>, KeyPair)) -> u16 {
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let app = Router::new().fallback(get(|| async { "here" }));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            let service = hyper_util::service::TowerToHyperService::new(app.clone());
            let io = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
        }
    });
    port
}

/// The walk to an operator whose token endpoint is here; what it says of TLS last.
async fn walked(authority: &Authority, url: &str) -> (Vec<Step>, Step) {
    let mut fake = Fake::start().await;
    fake.operator.settings.token_endpoint = Some(format!("{url}/token"));
    let outbound = Outbound::new(&Rules {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        extra_roots: vec![authority.pem.clone()],
        ..Rules::default()
    })
    .unwrap();
    let (operator, credentials) = (&fake.operator, &fake.credentials);
    let steps = walk(&outbound, operator, credentials, REDIRECT, &fake.clock).await;
    let tls = steps.iter().rfind(|step| step.name == "tls").cloned();
    let tls = tls.unwrap_or_else(|| panic!("{steps:?}"));
    (steps, tls)
}

#[tokio::test]
async fn a_certificate_as_it_must_be_passes() {
    let authority = Authority::new();
    let port = serve(authority.certify("127.0.0.1", |_| {})).await;
    let (_, tls) = walked(&authority, &format!("https://127.0.0.1:{port}")).await;
    assert!(tls.ok, "{tls:?}");
    assert_eq!(tls.detail, "127.0.0.1 answers over https");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_with_what_to_mend() {
    let authority = Authority::new();
    let unknown = Authority::new();
    let long_ago = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    };
    let not_yet = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(3000, 1, 1);
        params.not_after = date_time_ymd(3001, 1, 1);
    };
    for (case, certified, fix) in [
        (
            "expired",
            authority.certify("127.0.0.1", long_ago),
            "out of date, or this server's clock is wrong",
        ),
        (
            "not valid yet",
            authority.certify("127.0.0.1", not_yet),
            "out of date, or this server's clock is wrong",
        ),
        (
            "another host's",
            authority.certify("operator.example", |_| {}),
            "another host's: check the host name",
        ),
        (
            "of an authority that nobody knows",
            unknown.certify("127.0.0.1", |_| {}),
            "authority is not trusted here",
        ),
    ] {
        let port = serve(certified).await;
        let (steps, tls) = walked(&authority, &format!("https://127.0.0.1:{port}")).await;
        assert!(!tls.ok, "{case}");
        let told = tls.fix.unwrap();
        assert!(told.contains(fix), "{case}: {} ({told})", tls.detail);
        // Nothing of ours is sent where nobody knows who listens.
        let after = steps.iter().rev().take_while(|step| **step != tls);
        let tried: Vec<_> = after.map(|step| step.name).collect();
        assert!(
            !tried.contains(&"client_authentication"),
            "{case}: {tried:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_that_its_holder_made_is_not_trusted() {
    let authority = Authority::new();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let port = serve((made.cert.der().clone(), made.signing_key)).await;
    let (_, tls) = walked(&authority, &format!("https://127.0.0.1:{port}")).await;
    assert!(!tls.ok);
    assert!(tls.fix.unwrap().contains("not trusted here"), "{tls:?}");
}

#[tokio::test]
async fn a_server_without_our_versions_of_tls_is_told_as_that() {
    let authority = Authority::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = [0; 2048];
            let _ = stream.read(&mut hello).await;
            // The fatal alert protocol_version (RFC 8446 section 6.2).
            let _ = stream.write_all(&[21, 3, 1, 0, 2, 2, 70]).await;
        }
    });
    let (_, tls) = walked(&authority, &format!("https://127.0.0.1:{port}")).await;
    assert!(!tls.ok);
    assert!(tls.fix.unwrap().contains("no TLS 1.2 or 1.3"), "{tls:?}");
}
