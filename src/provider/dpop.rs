//! The DPoP proof of a request (RFC 9449): read, checked, and remembered so that it counts once over
//! all replicas.

use http::{HeaderMap, Method};

use crate::clock::Time;
use crate::oauth::dpop::{self, BadProof, Expected, Proof};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::store::db::StoreError;
use crate::store::tokens::dpop::use_once;
use crate::web::app::App;

/// The header.
const DPOP: &str = "dpop";

/// The request a proof came with.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path, such as `/token`.
    pub path: &'a str,
    /// The access token presented with it, at a resource.
    pub access_token: Option<&'a str>,
}

/// The proof in a request's headers, if there is one: right, but perhaps not new. Whoever accepts the
/// rest of the request lets it count with [`count`].
///
/// # Errors
/// `invalid_dpop_proof`.
pub fn proof(
    app: &App,
    headers: &HeaderMap,
    request: Request<'_>,
    now: Time,
) -> Result<Option<Proof>, OAuthError> {
    let mut values = headers.get_all(DPOP).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(invalid("the DPoP header was sent more than once"));
    }
    let value = value
        .to_str()
        .map_err(|_| invalid("the DPoP header is not text"))?;
    let expected = Expected {
        method: request.method.as_str(),
        urls: &[app.config.issuer.url(request.path)],
        access_token: request.access_token,
        nonces: &[],
        now,
    };
    match dpop::check(value, &expected) {
        Ok(proof) => Ok(Some(proof)),
        Err(BadProof::Wrong(reason)) => Err(invalid(reason)),
        Err(reason @ BadProof::NoNonce) => {
            Err(OAuthError::new(ErrorCode::UseDpopNonce, reason.to_string()))
        }
    }
}

/// Lets a proof count. Returns whether it is the first time; a second time it is a replay.
///
/// # Errors
/// If the database cannot tell.
pub async fn count(app: &App, proof: &Proof) -> Result<bool, StoreError> {
    // A crash that loses the last of these would need the token and its proof stolen in that moment.
    use_once(app.db.relaxed_steps(), &proof.hash, proof.expires_at).await
}

/// The refusal of a proof that counted before.
#[must_use]
pub fn replayed() -> OAuthError {
    invalid("the DPoP proof was used before")
}

/// `invalid_dpop_proof` with a description.
#[must_use]
pub fn invalid(reason: &str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidDpopProof, reason)
}
