//! What every authorization request goes through, whether a browser brings it or its client pushed
//! it: a request object is unpacked, then the checks of [`crate::oauth::request`].

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Time;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::oauth::params::Params;
use crate::oauth::request::{self, AuthorizeError, AuthorizeRequest};
use crate::oauth::request_object::{self, Expected};
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::{Unsealable, Vault};
use crate::store::clients::Client;
use crate::store::pushed;
use crate::web::app::App;
use crate::web::client_keys;

/// What `request_uri`s of ours begin with (RFC 9126 section 2.2).
pub const URN: &str = "urn:ietf:params:oauth:request_uri:";

/// The parameters that count, and whether the client signed them.
#[derive(Clone, Debug)]
pub struct Unpacked {
    /// The parameters.
    pub params: Params,
    /// Whether they came in a request object.
    pub signed: bool,
}

/// Takes the request object out of a request, if there is one: its parameters count and those beside
/// it do not (RFC 9101 section 6.3).
///
/// # Errors
/// Where and what to tell. Told at the redirect URI beside the request object only if that is
/// registered.
pub async fn unpack(
    app: &App,
    client: &Client,
    params: Params,
    now: Time,
) -> Result<Unpacked, AuthorizeError> {
    let registered = client.registered();
    let refuse = |code, reason: &str| {
        let error = OAuthError::new(code, reason);
        Err(match request::way_back(&params, &registered) {
            Ok(redirect) => AuthorizeError::Redirect(redirect, error),
            Err(_) => AuthorizeError::Page(error),
        })
    };
    let Some(object) = params.get("request") else {
        return if client.must_sign_requests() {
            let reason = "this client must sign its requests: request is missing";
            refuse(ErrorCode::InvalidRequestObject, reason)
        } else {
            Ok(Unpacked {
                params,
                signed: false,
            })
        };
    };
    if params.repeated(&["request"]).is_some() {
        return refuse(ErrorCode::InvalidRequest, "request was sent more than once");
    }
    if params.get("request_uri").is_some() {
        let reason = "request and request_uri cannot both be sent";
        return refuse(ErrorCode::InvalidRequest, reason);
    }
    if client.settings.jwks.is_none() && client.settings.jwks_uri.is_none() {
        let reason = "the client has no keys registered to check request with";
        return refuse(ErrorCode::RequestNotSupported, reason);
    }
    let fapi = client.settings.profile.is_fapi();
    let allowed = match client.settings.request_object_alg {
        Some(alg) => vec![alg],
        None if fapi => SigningAlg::FAPI.to_vec(),
        None => SigningAlg::ALL.to_vec(),
    };
    let expected = Expected {
        issuer: app.config.issuer.as_str(),
        client_id: &client.client_id,
        fapi,
        now,
    };
    let verified = client_keys::verify(app, client, object, &allowed, now).await;
    let read = match &verified {
        Err(reason) => Err(reason.to_string()),
        Ok(object) => request_object::parameters(object, &expected).map_err(str::to_owned),
    };
    let inner = match read {
        Ok(inner) => inner,
        Err(reason) => {
            return refuse(
                ErrorCode::InvalidRequestObject,
                &format!("the request object cannot be used: {reason}"),
            );
        }
    };
    match with_outer(&params, inner) {
        Ok(params) => Ok(Unpacked {
            params,
            signed: true,
        }),
        Err(reason) => refuse(ErrorCode::InvalidRequest, reason),
    }
}

/// OIDC Core section 6.1: `response_type` and `scope` must also stand beside the request object, where
/// OAuth wants them, and may stand only there.
fn with_outer(outer: &Params, inner: Params) -> Result<Params, &'static str> {
    let mut added = Vec::new();
    for name in ["response_type", "scope"] {
        match (outer.get(name), inner.get(name)) {
            (Some(outer), Some(inner)) if name == "response_type" && outer != inner => {
                return Err("response_type is another one in the request object");
            }
            (Some(value), None) => added.push((name.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    let mut pairs = inner.into_pairs();
    pairs.append(&mut added);
    Ok(Params::of(pairs))
}

/// The checks, on what was unpacked.
///
/// # Errors
/// Where and what to tell.
pub fn check(unpacked: &Unpacked, client: &Client) -> Result<AuthorizeRequest, AuthorizeError> {
    let mut request = request::check(&unpacked.params, &client.registered())?;
    request.signed = unpacked.signed;
    Ok(request)
}

/// What a pushed request's row holds, sealed.
#[derive(Serialize, Deserialize)]
struct Stored {
    params: Vec<(String, String)>,
    signed: bool,
}

/// Seals a pushed request for its row: it may hold a number.
///
/// # Panics
/// Never: strings always serialise.
#[must_use]
pub fn seal(vault: &Vault, row: &Uuid, unpacked: &Unpacked) -> Vec<u8> {
    let stored = Stored {
        params: unpacked.params.clone().into_pairs(),
        signed: unpacked.signed,
    };
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(&stored).expect("strings serialise"));
    vault.seal(pushed::place(row), &plain)
}

/// Opens a pushed request's row.
///
/// # Errors
/// [`Unsealable`] if the row was altered or its root key is gone.
pub fn open(vault: &Vault, row: &Uuid, sealed: &[u8]) -> Result<Unpacked, Unsealable> {
    let plain = vault.open(pushed::place(row), sealed)?;
    let stored: Stored = serde_json::from_slice(&plain).map_err(|_| Unsealable)?;
    Ok(Unpacked {
        params: Params::of(stored.params),
        signed: stored.signed,
    })
}
