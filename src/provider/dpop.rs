//! The DPoP proof of a request (RFC 9449): read, checked, and remembered so that it counts once over
//! all replicas.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method};

use crate::clock::Time;
use crate::oauth::dpop::{self, BadProof, Expected, Proof};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::secret::b64;
use crate::store::db::StoreError;
use crate::store::tokens::dpop::use_once;
use crate::web::app::App;

/// The header of a proof.
const DPOP: &str = "dpop";
/// The header of a nonce.
const DPOP_NONCE: &str = "dpop-nonce";
/// How long a nonce is the newest one; it is good for as long again.
const NONCE_WINDOW_S: i64 = 300;

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

/// A refused proof: the error, and the nonce that the next one must hold, if that is what it lacks.
#[derive(Clone, Debug)]
pub struct Refused {
    /// What to answer.
    pub error: OAuthError,
    nonce: Option<String>,
}

impl Refused {
    /// Adds the nonce to the answer (RFC 9449 section 8).
    pub fn add_nonce(&self, response: &mut Response) {
        if let Some(nonce) = &self.nonce
            && let Ok(nonce) = HeaderValue::from_str(nonce)
        {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
    }
}

/// The proof in a request's headers, if there is one: right, but perhaps not new. Whoever accepts the
/// rest of the request lets it count with [`count`].
///
/// # Errors
/// `invalid_dpop_proof`, or `use_dpop_nonce` with the nonce.
pub fn proof(
    app: &App,
    headers: &HeaderMap,
    request: Request<'_>,
    now: Time,
) -> Result<Option<Proof>, Refused> {
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
    let nonces = nonces(app, now);
    // The same endpoint has another URL on the listener for mutual TLS.
    let mut urls = vec![app.config.issuer.url(request.path)];
    urls.extend(app.config.mtls.as_ref().map(|mtls| mtls.url(request.path)));
    let expected = Expected {
        method: request.method.as_str(),
        urls: &urls,
        access_token: request.access_token,
        nonces: &nonces,
        now,
    };
    match dpop::check(value, &expected) {
        Ok(proof) => Ok(Some(proof)),
        Err(BadProof::Wrong(reason)) => Err(invalid(reason)),
        Err(reason @ BadProof::NoNonce) => Err(Refused {
            error: OAuthError::new(ErrorCode::UseDpopNonce, reason.to_string()),
            nonce: nonces.into_iter().next(),
        }),
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
pub fn replayed() -> Refused {
    invalid("the DPoP proof was used before")
}

/// `invalid_dpop_proof` with a description.
#[must_use]
pub fn invalid(reason: &str) -> Refused {
    Refused {
        error: OAuthError::new(ErrorCode::InvalidDpopProof, reason),
        nonce: None,
    }
}

/// The nonces that are good now, this window's first; none if none is asked for. All replicas make
/// the same, and nothing is stored: what counts once is the proof.
fn nonces(app: &App, now: Time) -> Vec<String> {
    if !app.config.dpop.require_nonce {
        return Vec::new();
    }
    let window = now.timestamp() / NONCE_WINDOW_S;
    let nonce = |window: i64| b64(&app.vault.ticket("dpop-nonce", &[&window.to_be_bytes()]));
    vec![nonce(window), nonce(window - 1)]
}
