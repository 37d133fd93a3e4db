//! TLS from certificate files, read again when they change: renewed certificates need no restart.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::{CipherSuite, ServerConfig, SupportedCipherSuite};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;
use crate::server::client_certificates::AnyHeld;

/// The current certificate and where it comes from.
pub struct Reloaded {
    certificate: PathBuf,
    key: PathBuf,
    asks: bool,
    current: ArcSwap<(Stamp, Arc<ServerConfig>)>,
}

type Stamp = (Option<SystemTime>, Option<SystemTime>);

impl Reloaded {
    /// Reads both files. `asks`: whether the other end is asked for a certificate.
    pub fn read(files: &Tls, asks: bool) -> anyhow::Result<Self> {
        let (certificate, key) = (files.certificate_file.clone(), files.key_file.clone());
        let stamp = stamp(&certificate, &key);
        let config = configuration(&certificate, &key, asks)?;
        Ok(Self {
            certificate,
            key,
            asks,
            current: ArcSwap::from_pointee((stamp, Arc::new(config))),
        })
    }

    /// Accepts with the current certificate.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.current.load().1.clone())
    }

    /// Reads the files again if they changed. A pair that does not fit leaves the old one in place.
    pub fn refresh(&self) {
        let stamp = stamp(&self.certificate, &self.key);
        if self.current.load().0 == stamp {
            return;
        }
        match configuration(&self.certificate, &self.key, self.asks) {
            Ok(config) => {
                self.current.store(Arc::new((stamp, Arc::new(config))));
                tracing::info!("the TLS certificate was read again");
            }
            Err(error) => {
                tracing::warn!(error = %format!("{error:#}"), "the new TLS certificate is not usable; the old one stays")
            }
        }
    }
}

fn stamp(certificate: &PathBuf, key: &PathBuf) -> Stamp {
    let modified = |path: &PathBuf| path.metadata().and_then(|m| m.modified()).ok();
    (modified(certificate), modified(key))
}

/// TLS 1.3, and of TLS 1.2 what RFC 9325 (BCP 195) section 4.2 recommends: the FAPI 2.0 security profile
/// section 5.2.1 allows nothing else.
fn is_recommended(suite: &SupportedCipherSuite) -> bool {
    match suite {
        SupportedCipherSuite::Tls13(_) => true,
        SupportedCipherSuite::Tls12(_) => matches!(
            suite.suite(),
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
                | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        ),
    }
}

fn configuration(certificate: &PathBuf, key: &PathBuf, asks: bool) -> anyhow::Result<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read the certificate {}", certificate.display()))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read the private key {}", key.display()))?;
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.retain(is_recommended);
    let provider = Arc::new(provider);
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?;
    let builder = if asks {
        builder.with_client_cert_verifier(Arc::new(AnyHeld(provider)))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder
        .with_single_cert(chain, private)
        .context("the certificate and the private key do not fit together")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
