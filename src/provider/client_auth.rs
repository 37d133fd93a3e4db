//! Who calls the token endpoint: client authentication (RFC 6749 section 2.3, OIDC Core section 9).

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::clock::Time;
use crate::oauth::params::Params;
use crate::secret::{Token, same};
use crate::store::clients::{AuthMethod, Client};
use crate::web::app::App;
use crate::web::failure::Failure;
use crate::web::limits::TooMany;

/// Why a client is refused.
#[derive(Debug)]
pub enum Refused {
    /// `invalid_request`: the request itself is wrong.
    Request(&'static str),
    /// `invalid_client`. `basic`: whether HTTP Basic was tried, which decides the answer's status.
    Client {
        /// What was wrong, for the log and the developer.
        reason: &'static str,
        /// The client it said it is.
        client_id: Option<String>,
        /// Whether HTTP Basic was tried.
        basic: bool,
    },
    /// Too many failures for this client from this address; seconds to wait.
    TooMany(u64),
    /// We failed.
    Failure(Failure),
}

/// The client behind a token request, by exactly the method it is registered with.
///
/// # Errors
/// [`Refused`].
pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    form: &Params,
    address: Option<IpAddr>,
    now: Time,
) -> Result<Arc<Client>, Refused> {
    match tried(app, headers, form, now).await {
        Err(Refused::Client {
            reason,
            client_id,
            basic,
        }) => {
            // Only failures count, so a right secret always gets in.
            let name = client_id.as_deref().unwrap_or_default();
            match app.throttles.client_failed(name, address) {
                Ok(()) => Err(Refused::Client {
                    reason,
                    client_id,
                    basic,
                }),
                Err(TooMany(wait)) => Err(Refused::TooMany(wait)),
            }
        }
        other => other,
    }
}

async fn tried(
    app: &App,
    headers: &HeaderMap,
    form: &Params,
    now: Time,
) -> Result<Arc<Client>, Refused> {
    let presented = presented(headers, form)?;
    let refuse = |reason| Refused::Client {
        reason,
        client_id: Some(presented.client_id.clone()),
        basic: presented.method == AuthMethod::ClientSecretBasic,
    };
    let client = app
        .client(&presented.client_id)
        .await
        .map_err(|error| Refused::Failure(error.into()))?
        .ok_or_else(|| refuse("the client is unknown or disabled"))?;
    if client.auth_method != presented.method {
        return Err(refuse(
            "the client is registered for another authentication method",
        ));
    }
    if presented.method.is_secret() && !secret_is_right(&client, &presented.secret, now) {
        return Err(refuse("the client secret is wrong"));
    }
    Ok(client)
}

struct Presented {
    client_id: String,
    secret: String,
    method: AuthMethod,
}

fn presented(headers: &HeaderMap, form: &Params) -> Result<Presented, Refused> {
    let basic = basic(headers)?;
    let in_body = form.get("client_secret");
    match (basic, form.get("client_id"), in_body) {
        (Some(_), _, Some(_)) => Err(Refused::Request(
            "the client authenticated twice, by Basic and in the body",
        )),
        (Some((id, _)), Some(other), None) if id != other => Err(Refused::Request(
            "client_id in the body is not the one in the Authorization header",
        )),
        (Some((client_id, secret)), _, None) => Ok(Presented {
            client_id,
            secret,
            method: AuthMethod::ClientSecretBasic,
        }),
        (None, Some(id), Some(secret)) => Ok(Presented {
            client_id: id.to_owned(),
            secret: secret.to_owned(),
            method: AuthMethod::ClientSecretPost,
        }),
        (None, Some(id), None) => Ok(Presented {
            client_id: id.to_owned(),
            secret: String::new(),
            method: AuthMethod::None,
        }),
        (None, None, _) => Err(Refused::Client {
            reason: "the client did not say who it is",
            client_id: None,
            basic: false,
        }),
    }
}

/// HTTP Basic, both halves form-encoded (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refused> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let malformed = || Refused::Client {
        reason: "the Authorization header is not HTTP Basic",
        client_id: None,
        basic: true,
    };
    let (scheme, value) = header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = STANDARD.decode(value.trim()).map_err(|_| malformed())?;
    let text = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (id, secret) = text.split_once(':').ok_or_else(malformed)?;
    let decode = |half: &str| {
        url::form_urlencoded::parse(format!("x={}", half.replace('&', "%26")).as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
            .unwrap_or_default()
    };
    let id = decode(id);
    // Postgres cannot even look for it.
    if id.contains('\0') {
        return Err(malformed());
    }
    Ok(Some((id, decode(secret))))
}

fn secret_is_right(client: &Client, secret: &str, now: Time) -> bool {
    // Every live secret is compared, so that the time tells nothing about which one fits.
    let hash = Token::parse(secret).map(|token| token.hash());
    client.secrets.iter().fold(false, |right, live| {
        let fits = hash.as_ref().is_some_and(|hash| same(hash, &live.hash));
        right | (fits && live.expires_at.is_none_or(|end| end > now))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(user: &str, password: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn both_halves_of_basic_are_form_decoded() {
        let (id, secret) = basic(&headers("a%20b%3Ac", "p%25+q&r=s")).unwrap().unwrap();
        assert_eq!((id.as_str(), secret.as_str()), ("a b:c", "p% q&r=s"));
    }

    #[test]
    fn a_client_authenticates_once() {
        let form = |text: &str| Params::parse(text.as_bytes(), 100).unwrap();
        let twice = presented(&headers("a", "b"), &form("client_secret=b"));
        assert!(matches!(twice, Err(Refused::Request(_))));
        let other = presented(&headers("a", "b"), &form("client_id=c"));
        assert!(matches!(other, Err(Refused::Request(_))));
        let same = presented(&headers("a", "b"), &form("client_id=a")).unwrap();
        assert_eq!(same.method, AuthMethod::ClientSecretBasic);
        let post = presented(&HeaderMap::new(), &form("client_id=a&client_secret=b")).unwrap();
        assert_eq!(post.method, AuthMethod::ClientSecretPost);
        let none = presented(&HeaderMap::new(), &form("client_id=a")).unwrap();
        assert_eq!(none.method, AuthMethod::None);
        let nobody = presented(&HeaderMap::new(), &form(""));
        assert!(matches!(nobody, Err(Refused::Client { .. })));
    }
}
