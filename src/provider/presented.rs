//! An access token presented to us as a resource: read from where it may stand, found, and checked
//! for what it is bound to (RFC 6750, RFC 9449 section 7, RFC 8705 section 3).

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AUTHORIZATION, CACHE_CONTROL,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::dpop::{ALGS, Proof};
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::signing_alg::SigningAlg;
use crate::provider::dpop;
use crate::store::db::StoreError;
use crate::store::tokens::access::{self, Access};
use crate::token::access_token::row_key;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// How a token was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it.
    Bearer,
    /// With a proof of the key it is bound to.
    Dpop,
}

/// Why a token opens nothing.
#[derive(Debug)]
pub enum Closed {
    /// None was sent: no error code then (RFC 6750 section 3.1).
    NoToken,
    /// The request is wrong.
    Request(OAuthError),
    /// The token is not good.
    Token(Scheme, OAuthError),
    /// The DPoP proof with it is not good.
    Proof(dpop::Refused),
    /// The token is good for other things.
    Scope(Scheme, OAuthError),
    /// We failed.
    Failure(Failure),
}

/// A token that was refused, with its grant and client if it lives.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub closed: Closed,
    /// Whose it is.
    pub of: Option<(Uuid, String)>,
}

impl Refused {
    /// Of a token that lives.
    pub fn of(access: &Access, closed: Closed) -> Self {
        let grant = &access.grant;
        Self {
            closed,
            of: Some((grant.id, grant.client_id.clone())),
        }
    }
}

impl<E: Into<Closed>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self {
            closed: error.into(),
            of: None,
        }
    }
}

impl From<StoreError> for Closed {
    fn from(error: StoreError) -> Self {
        Self::Failure(error.into())
    }
}

impl From<Failure> for Closed {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// The token of a request, from the header or, if there is one, from a form body.
///
/// # Errors
/// [`Closed`] if there is none, or more than one.
pub fn read(headers: &HeaderMap, form: Option<&Params>) -> Result<(Scheme, String), Closed> {
    let twice = || Closed::Request(OAuthError::invalid_request("the token was sent twice"));
    let mut sent = headers.get_all(AUTHORIZATION).iter();
    let header = sent.next();
    if sent.next().is_some() || form.is_some_and(|f| f.repeated(&["access_token"]).is_some()) {
        return Err(twice());
    }
    let in_header = header.and_then(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let scheme = if scheme.eq_ignore_ascii_case("bearer") {
            Scheme::Bearer
        } else if scheme.eq_ignore_ascii_case("dpop") {
            Scheme::Dpop
        } else {
            return None;
        };
        Some((scheme, token.trim().to_owned()))
    });
    let in_body = form.and_then(|form| form.get("access_token"));
    match (in_header, in_body) {
        (Some(_), Some(_)) => Err(twice()),
        (Some(found), None) => Ok(found),
        (None, Some(token)) => Ok((Scheme::Bearer, token.to_owned())),
        (None, None) => Err(Closed::NoToken),
    }
}

/// The live access token behind what was presented, if whoever presented it may.
///
/// # Errors
/// [`Refused`].
pub async fn check(
    app: &App,
    browser: &Browser,
    method: &Method,
    path: &str,
    (scheme, token): &(Scheme, String),
    now: Time,
) -> Result<Access, Refused> {
    let scheme = *scheme;
    // The proof first: it costs no look at the database.
    let proof = match scheme {
        Scheme::Bearer => None,
        Scheme::Dpop => {
            let proof = proof(app, browser, method, path, token, now);
            Some(proof.map_err(Closed::Proof)?)
        }
    };
    let issuer = app.config.issuer.as_str();
    let found = match row_key(&app.keyring.current(), issuer, token) {
        Some(hash) => access::find(app.db.relaxed_steps(), &hash, now).await?,
        None => None,
    };
    let access =
        found.ok_or_else(|| invalid(scheme, "the access token is unknown, expired or revoked"))?;
    match fits(app, browser, scheme, &access, proof.as_ref()).await {
        Ok(()) => Ok(access),
        Err(closed) => Err(Refused::of(&access, closed)),
    }
}

fn invalid(scheme: Scheme, reason: &str) -> Closed {
    Closed::Token(scheme, OAuthError::new(ErrorCode::InvalidToken, reason))
}

/// Whether it is bound to what it came with, is for us, and its proof is new.
async fn fits(
    app: &App,
    browser: &Browser,
    scheme: Scheme,
    access: &Access,
    proof: Option<&Proof>,
) -> Result<(), Closed> {
    let invalid = |reason| Err(invalid(scheme, reason));
    match (&access.jkt, proof) {
        (None, None) => {}
        (Some(jkt), Some(proof)) if *jkt == proof.jkt => {}
        (Some(_), Some(_)) => return invalid("the access token is bound to another key"),
        (Some(_), None) => return invalid("the access token is bound to a key: use DPoP"),
        (None, Some(_)) => return invalid("the access token is not bound to a key"),
    }
    let shown = browser.certificate.as_ref().map(|c| c.thumbprint());
    if access.x5t.is_some() && access.x5t != shown {
        return invalid("the access token is bound to another certificate");
    }
    if !access.audiences.is_empty() {
        return invalid("the access token is for another resource");
    }
    if let Some(proof) = proof
        && !dpop::count(app, proof).await?
    {
        return Err(Closed::Proof(dpop::replayed()));
    }
    Ok(())
}

fn proof(
    app: &App,
    browser: &Browser,
    method: &Method,
    path: &str,
    token: &str,
    now: Time,
) -> Result<Proof, dpop::Refused> {
    let request = dpop::Request {
        method,
        path,
        access_token: Some(token),
    };
    dpop::proof(app, &browser.headers, request, now)?
        .ok_or_else(|| dpop::invalid("the DPoP header is missing"))
}

impl IntoResponse for Closed {
    /// RFC 6750 section 3, RFC 9449 section 7.1: the scheme that was tried tells what was wrong, the
    /// other one stands beside it.
    fn into_response(self) -> Response {
        let (status, scheme, error) = match self {
            Self::NoToken => (StatusCode::UNAUTHORIZED, Scheme::Bearer, None),
            Self::Request(error) => (StatusCode::BAD_REQUEST, Scheme::Bearer, Some(error)),
            Self::Token(scheme, error) => (StatusCode::UNAUTHORIZED, scheme, Some(error)),
            Self::Proof(refused) => {
                let error = refused.error.clone();
                let mut response = Self::Token(Scheme::Dpop, error).into_response();
                refused.add_nonce(&mut response);
                return response;
            }
            Self::Scope(scheme, error) => (StatusCode::FORBIDDEN, scheme, Some(error)),
            Self::Failure(failure) => {
                return (failure.status, [(CACHE_CONTROL, "no-store")]).into_response();
            }
        };
        let told = error.as_ref().map(|error| {
            let (code, description) = (error.code.as_str(), &error.description);
            format!("error=\"{code}\", error_description=\"{description}\"")
        });
        let algs = format!("algs=\"{}\"", SigningAlg::names(ALGS).join(" "));
        let bearer = |told: Option<&str>| match told {
            None => "Bearer".to_owned(),
            Some(told) => format!("Bearer {told}"),
        };
        let challenges = match scheme {
            Scheme::Bearer => [bearer(told.as_deref()), format!("DPoP {algs}")],
            Scheme::Dpop => {
                let told = told.map_or_else(String::new, |told| format!("{told}, "));
                [format!("DPoP {told}{algs}"), bearer(None)]
            }
        };
        let mut response = match error {
            None => status.into_response(),
            Some(error) => (status, Json(error)).into_response(),
        };
        let headers = response.headers_mut();
        for challenge in challenges {
            if let Ok(value) = HeaderValue::from_str(&challenge) {
                headers.append(WWW_AUTHENTICATE, value);
            }
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        headers.insert(
            ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("WWW-Authenticate, DPoP-Nonce"),
        );
        response
    }
}
