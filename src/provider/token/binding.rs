//! What the tokens of a request will be bound to: the key of its DPoP proof (RFC 9449 section 5), the
//! certificate of its connection (RFC 8705 section 3).

use http::Method;

use crate::oauth::error::OAuthError;
use crate::provider::call::{Call, Refusal};
use crate::provider::dpop;

/// A key, a certificate, both or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The thumbprint of the DPoP key.
    pub jkt: Option<String>,
    /// The thumbprint of the certificate.
    pub x5t: Option<String>,
}

impl Binding {
    /// What it is, for audit records.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let dpop = self.jkt.as_ref().map(|_| "dpop".to_owned());
        let certificate = self.x5t.as_ref().map(|_| "certificate".to_owned());
        dpop.into_iter().chain(certificate).collect()
    }

    /// What this request shows, if that is as much as the client must show. The proof counts from
    /// here on.
    ///
    /// # Errors
    /// `invalid_dpop_proof`; `invalid_request` if something must be shown and is not.
    pub async fn of(call: &Call) -> Result<Self, Refusal> {
        let settings = &call.client.settings;
        let request = dpop::Request {
            method: &Method::POST,
            path: "/token",
            access_token: None,
        };
        let proof = dpop::proof(&call.app, &call.browser.headers, request, call.now)?;
        let missing = |what: &str| Err(OAuthError::invalid_request(what).into());
        if settings.dpop_bound_access_tokens && proof.is_none() {
            return missing("this client's tokens are bound to a key: send a DPoP proof");
        }
        // FAPI 2.0 section 5.3.2.1: one or the other. A FAPI client without a proof may have come
        // with its certificate.
        let fapi = settings.profile.is_fapi();
        let by_certificate = settings.certificate_bound_access_tokens || (fapi && proof.is_none());
        let certificate = call.browser.certificate.as_ref();
        let x5t = certificate
            .filter(|_| by_certificate)
            .map(|certificate| certificate.thumbprint());
        if settings.certificate_bound_access_tokens && x5t.is_none() {
            return missing(
                "this client's tokens are bound to its certificate: present it on the connection",
            );
        }
        if fapi && proof.is_none() && x5t.is_none() {
            return missing("send a DPoP proof, or present the client's certificate");
        }
        if let Some(proof) = &proof
            && !dpop::count(&call.app, proof).await?
        {
            return Err(dpop::replayed().into());
        }
        Ok(Self {
            jkt: proof.map(|proof| proof.jkt),
            x5t,
        })
    }

    /// The `token_type` (RFC 9449 section 5).
    #[must_use]
    pub fn token_type(&self) -> &'static str {
        match self.jkt {
            Some(_) => "DPoP",
            None => "Bearer",
        }
    }
}
