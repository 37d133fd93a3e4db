//! Token requests that the `openidconnect` crate cannot make: parameters in the query string, or a
//! credential that is no OAuth client authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Request, header};
use url::Url;

use crate::operator::ask::Ask;
use crate::operator::errors::Failure;
use crate::secret::Redacted;
use crate::store::operators::TokenParameters;

/// The request that exchanges `code`, with this `Authorization` header.
pub(super) fn token_request(
    ask: &Ask<'_>,
    endpoint: &str,
    code: &str,
    authorization: &Redacted,
) -> Result<Request<Vec<u8>>, Failure> {
    let settings = &ask.operator.settings;
    let mut url =
        Url::parse(endpoint).map_err(|_| Failure::misconfigured("the token endpoint is no URL"))?;
    let mut parameters = vec![("grant_type", "authorization_code"), ("code", code)];
    if settings.token_redirect_uri {
        parameters.push(("redirect_uri", ask.redirect_uri));
    }
    let body = match settings.token_parameters {
        TokenParameters::Body => url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .finish(),
        TokenParameters::Query => {
            url.query_pairs_mut().extend_pairs(parameters);
            String::new()
        }
    };
    let mut credential = HeaderValue::from_str(authorization.reveal())
        .map_err(|_| Failure::misconfigured("the credentials do not fit a header"))?;
    credential.set_sensitive(true);
    Request::post(url.as_str())
        .header(header::AUTHORIZATION, credential)
        .header(header::ACCEPT, "application/json")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into_bytes())
        .map_err(|_| Failure::misconfigured("the token endpoint is no URL"))
}

/// HTTP Basic, both halves form-encoded (RFC 6749 section 2.3.1).
pub(super) fn basic(ask: &Ask<'_>) -> Result<Redacted, Failure> {
    let secret = ask
        .credentials
        .client_secret
        .as_ref()
        .ok_or_else(|| Failure::misconfigured("the record has no client secret"))?;
    let encoded =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!(
        "{}:{}",
        encoded(&ask.operator.settings.client_id),
        encoded(secret.reveal())
    );
    Ok(Redacted::new(format!("Basic {}", STANDARD.encode(pair))))
}
