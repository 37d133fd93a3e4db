//! The authorities whose certificates prove clients (`tls_client_auth`, RFC 8705 section 2.1).

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::clock::Time;
use crate::web::client_certificate::ClientCertificate;

/// A set of authorities.
#[derive(Clone)]
pub struct ClientAuthorities(Arc<dyn ClientCertVerifier>);

impl fmt::Debug for ClientAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAuthorities")
    }
}

impl ClientAuthorities {
    /// Reads a PEM file of them.
    ///
    /// # Errors
    /// In one sentence, what is wrong with it.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display();
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("cannot read the client authorities {shown}"))?;
        for certificate in certificates {
            roots
                .add(certificate)
                .with_context(|| format!("{shown} holds no authority's certificate"))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .with_context(|| format!("{shown} holds no certificates"))?;
        Ok(Self(verifier))
    }

    /// Whether one of them vouches for a certificate, for a client's use, at this time.
    #[must_use]
    pub fn issued(&self, certificate: &ClientCertificate, now: Time) -> bool {
        let leaf = CertificateDer::from(&certificate.der[..]);
        let between: Vec<_> = certificate
            .intermediates
            .iter()
            .map(|der| CertificateDer::from(&der[..]))
            .collect();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        self.0.verify_client_cert(&leaf, &between, now).is_ok()
    }
}
