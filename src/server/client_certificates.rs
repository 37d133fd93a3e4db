//! Asking for client certificates during the TLS handshake (RFC 8705). Any certificate will do there,
//! and none: the handshake proves that the other end holds its private key, and which client that is
//! is judged with the request, when the client is known.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConnection, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::web::client_certificate::ClientCertificate;

/// Certificates kept of what was sent with the client's own.
const MOST_INTERMEDIATES: usize = 5;

/// Takes any certificate whose private key the other end holds.
#[derive(Debug)]
pub(super) struct AnyHeld(pub(super) Arc<CryptoProvider>);

impl ClientCertVerifier for AnyHeld {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No names: clients choose their certificate themselves.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The certificate of a connection, if one was presented.
pub(super) fn presented(connection: &ServerConnection) -> Option<ClientCertificate> {
    let (own, others) = connection.peer_certificates()?.split_first()?;
    let others = others.iter().take(MOST_INTERMEDIATES);
    Some(ClientCertificate {
        der: Arc::from(own.as_ref()),
        intermediates: others.map(|other| other.to_vec()).collect(),
    })
}
