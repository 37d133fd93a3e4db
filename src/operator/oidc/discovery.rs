//! Where an operator's endpoints are and which keys it signs with, from its discovery document (OpenID
//! Connect Discovery 1.0).

use http::{Request, Response, StatusCode};
use openidconnect::core::CoreProviderMetadata;
use openidconnect::{IssuerUrl, JsonWebKeySet, JsonWebKeySetUrl};
use serde::Deserialize as _;
use serde_json::Value;
use url::Url;

use super::published_key::PublishedKey;
use crate::operator::errors::Failure;
use crate::operator::limits;
use crate::outbound::{Outbound, OutboundError};
use crate::store::operators::{IdTokenRule, Settings};
use crate::verdict::Outcome;

/// What is wrong with a discovery document of somebody else.
pub(in crate::operator) const ANOTHER_ISSUER: &str = "the discovery document names another issuer";
/// An operator's endpoints, from its record or its discovery document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::operator) struct Endpoints {
    pub(in crate::operator) authorization: Option<String>,
    pub(in crate::operator) token: Option<String>,
    pub(in crate::operator) jwks: Option<String>,
}

impl Endpoints {
    /// Those on the record.
    pub(in crate::operator) fn by_hand(settings: &Settings) -> Self {
        Self {
            authorization: settings.authorization_endpoint.clone(),
            token: settings.token_endpoint.clone(),
            jwks: settings.jwks_uri.clone(),
        }
    }

    /// Where the code is exchanged.
    pub(in crate::operator) fn token(&self) -> Result<&str, Failure> {
        let unknown = || Failure::misconfigured("the token endpoint is not known");
        self.token.as_deref().ok_or_else(unknown)
    }

    pub(in crate::operator) fn suffice(&self, settings: &Settings) -> bool {
        self.authorization.is_some()
            && self.token.is_some()
            && (self.jwks.is_some() || settings.id_token == IdTokenRule::Ignored)
    }

    /// These where they are set, `others` where they are not.
    pub(in crate::operator) fn or(self, others: &Self) -> Self {
        Self {
            authorization: self.authorization.or_else(|| others.authorization.clone()),
            token: self.token.or_else(|| others.token.clone()),
            jwks: self.jwks.or_else(|| others.jwks.clone()),
        }
    }
}

/// An operator's public keys.
pub(in crate::operator) struct Keys(pub(super) JsonWebKeySet<PublishedKey>);

impl Keys {
    pub(in crate::operator) fn count(&self) -> usize {
        self.0.keys().len()
    }
}

/// Where the operator's discovery document is. Never made from the host: an issuer may have a path
/// (Telefónica's ends in `/oauth2/authorize`).
fn discovery_url(issuer: &str) -> Result<Url, Failure> {
    IssuerUrl::new(issuer.to_owned())
        .and_then(|issuer| issuer.join(".well-known/openid-configuration"))
        .map_err(|_| Failure::misconfigured("the issuer is no URL"))
}

/// Reads the operator's endpoints from its discovery document.
pub(in crate::operator) async fn discover(
    outbound: &Outbound,
    settings: &Settings,
) -> Result<Endpoints, Failure> {
    let document = fetch_document(outbound, settings).await?;
    endpoints_of(&document)
}

/// The endpoints that a discovery document names.
pub(in crate::operator) fn endpoints_of(document: &Value) -> Result<Endpoints, Failure> {
    let metadata = CoreProviderMetadata::deserialize(document)
        .map_err(|_| Failure::misconfigured("the discovery document cannot be read"))?;
    Ok(Endpoints {
        authorization: Some(metadata.authorization_endpoint().to_string()),
        token: metadata.token_endpoint().map(ToString::to_string),
        jwks: Some(metadata.jwks_uri().to_string()),
    })
}

/// Reads the operator's discovery document, which must be about this very issuer.
pub(in crate::operator) async fn fetch_document(
    outbound: &Outbound,
    settings: &Settings,
) -> Result<Value, Failure> {
    let issuer = settings
        .issuer
        .as_deref()
        .ok_or_else(|| Failure::misconfigured("discovery needs the issuer"))?;
    let url = discovery_url(issuer)?;
    let request = || Request::get(url.as_str()).header("accept", "application/json");
    let answer = get(outbound, settings, || request().body(Vec::new())).await?;
    if answer.status() != StatusCode::OK {
        return Err(document_missing(&answer, "the discovery document"));
    }
    let document: Value = serde_json::from_slice(answer.body())
        .map_err(|_| Failure::misconfigured("the discovery document cannot be read"))?;
    // Character by character (OpenID Connect Discovery section 4.3): the mix-up defence.
    match document.get("issuer").and_then(Value::as_str) {
        Some(named) if named == issuer => Ok(document),
        Some(_) => Err(Failure::misconfigured(ANOTHER_ISSUER)),
        None => Err(Failure::misconfigured(
            "the discovery document cannot be read",
        )),
    }
}

/// Reads the operator's public keys.
pub(in crate::operator) async fn fetch_keys(
    outbound: &Outbound,
    settings: &Settings,
    jwks_uri: &str,
) -> Result<Keys, Failure> {
    let url = JsonWebKeySetUrl::new(jwks_uri.to_owned())
        .map_err(|_| Failure::misconfigured("jwks_uri is no URL"))?;
    let request = || Request::get(url.as_str()).header("accept", "application/json");
    let answer = get(outbound, settings, || request().body(Vec::new())).await?;
    if answer.status() != StatusCode::OK {
        return Err(document_missing(&answer, "the key set"));
    }
    serde_json::from_slice(answer.body())
        .map(Keys)
        .map_err(|_| Failure::violation("the key set cannot be read"))
}

/// A GET that may be repeated once when nothing was sent: it changes nothing over there.
async fn get(
    outbound: &Outbound,
    settings: &Settings,
    request: impl Fn() -> Result<Request<Vec<u8>>, http::Error>,
) -> Result<Response<Vec<u8>>, Failure> {
    let made = || request().map_err(|_| Failure::misconfigured("an endpoint is no URL"));
    match outbound.send(made()?, limits(settings)).await {
        Err(OutboundError::Connect {
            timed_out: false, ..
        }) => Ok(outbound.send(made()?, limits(settings)).await?),
        other => Ok(other?),
    }
}

fn document_missing(answer: &Response<Vec<u8>>, what: &str) -> Failure {
    let outcome = match answer.status().as_u16() {
        429 => Outcome::OperatorRateLimited,
        500.. => Outcome::OperatorUnavailable,
        _ => Outcome::OperatorMisconfigured,
    };
    let mut failure = Failure::new(outcome, format!("{what} is not there"));
    failure.http_status = Some(answer.status().as_u16());
    failure
}
