//! The certificate a client's program presented on its connection (RFC 8705).

use std::sync::Arc;

use crate::secret::{b64, sha256};

/// A certificate whose private key the client has proved to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate, DER.
    pub der: Arc<[u8]>,
}

impl ClientCertificate {
    /// What tokens are bound to: `x5t#S256` (RFC 8705 section 3.1).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        b64(&sha256(&self.der))
    }
}
