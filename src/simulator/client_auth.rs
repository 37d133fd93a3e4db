//! Client authentication at the token endpoint: exactly one method, the right one, checked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::Arc;

use super::client::Client;
use super::contract::ClientAuth;
use super::expiring::key_of;
use super::network::Network;
use super::parameters::Parameters;
use crate::secret;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Why a client was not let in; the text says what was wrong and nothing it sent.
pub(super) enum Denied {
    /// 401 `invalid_client`.
    InvalidClient(&'static str),
    /// 400 `invalid_request`: more than one method.
    InvalidRequest(&'static str),
}

/// The client that sent this token request.
pub(super) fn authenticate(
    network: &Network,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Arc<Client>, Denied> {
    let contract = network.contract();
    if contract.client_auth == [ClientAuth::Application] {
        return with_application(network, headers);
    }
    let basic = headers.get(AUTHORIZATION);
    let posted = form.get("client_secret");
    let assertion = form
        .get("client_assertion")
        .or(form.get("client_assertion_type"));
    let methods = [basic.is_some(), posted.is_some(), assertion.is_some()];
    if methods.iter().filter(|used| **used).count() > 1 {
        return Err(Denied::InvalidRequest(
            "more than one way of client authentication",
        ));
    }
    let used = [ClientAuth::Basic, ClientAuth::Post, ClientAuth::Assertion]
        .into_iter()
        .zip(methods)
        .find_map(|(method, used)| used.then_some(method));
    if used.is_some_and(|method| !contract.client_auth.contains(&method)) {
        return Err(Denied::InvalidClient(
            "this way of client authentication is not taken here",
        ));
    }
    if let Some(header) = basic {
        let (id, password) =
            header
                .to_str()
                .ok()
                .and_then(read_basic)
                .ok_or(Denied::InvalidClient(
                    "the Authorization header is not Basic",
                ))?;
        if form.get("client_id").is_some_and(|other| other != id) {
            return Err(Denied::InvalidRequest(
                "client_id differs from the Authorization header",
            ));
        }
        return with_secret(network, &id, &password);
    }
    if let Some(password) = posted {
        let id = form
            .get("client_id")
            .ok_or(Denied::InvalidClient("client_id is missing"))?;
        return with_secret(network, id, password);
    }
    if assertion.is_some() {
        return with_assertion(network, form);
    }
    Err(Denied::InvalidClient("the client did not authenticate"))
}

fn with_secret(network: &Network, id: &str, password: &str) -> Result<Arc<Client>, Denied> {
    network
        .client(id)
        .filter(|client| {
            let known = client.secret.as_deref();
            known.is_some_and(|known| secret::same(known.as_bytes(), password.as_bytes()))
        })
        .ok_or(Denied::InvalidClient("client or secret are wrong"))
}

/// Vonage's JWT of an application as bearer token: its id is a claim, and it is used once.
pub(super) fn with_application(
    network: &Network,
    headers: &HeaderMap,
) -> Result<Arc<Client>, Denied> {
    let jwt = headers
        .get(AUTHORIZATION)
        .and_then(|header| header.to_str().ok())
        .and_then(|text| text.strip_prefix("Bearer "))
        .ok_or(Denied::InvalidClient(
            "the Authorization header holds no Bearer token",
        ))?;
    let claims: serde_json::Value = jsonwebtoken::dangerous::insecure_decode_claims(jwt)
        .map_err(|_| Denied::InvalidClient("the application's JWT cannot be read"))?;
    let text = |name| claims.get(name).and_then(serde_json::Value::as_str);
    let client = text("application_id")
        .and_then(|id| network.client(id))
        .ok_or(Denied::InvalidClient("the application is not known"))?;
    let now = network.clock.now();
    client
        .open_application_jwt(jwt, now)
        .map_err(Denied::InvalidClient)?;
    let jti = text("jti").unwrap_or_default();
    if network
        .jtis
        .insert(now, key_of(&format!("{}\0{jti}", client.id)), ())
    {
        Ok(client)
    } else {
        Err(Denied::InvalidClient("the JWT was used before"))
    }
}

/// RFC 7523 with the limits of the ICM security profile.
fn with_assertion(network: &Network, form: &Parameters) -> Result<Arc<Client>, Denied> {
    if form.get("client_assertion_type") != Some(JWT_BEARER) {
        return Err(Denied::InvalidClient(
            "client_assertion_type is not jwt-bearer",
        ));
    }
    let jwt = form
        .get("client_assertion")
        .ok_or(Denied::InvalidClient("client_assertion is missing"))?;
    // Read without a check only to find whose keys to check it with.
    let claims: serde_json::Value = jsonwebtoken::dangerous::insecure_decode_claims(jwt)
        .map_err(|_| Denied::InvalidClient("the assertion cannot be read"))?;
    let id = claims
        .get("sub")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("");
    if form.get("client_id").is_some_and(|other| other != id) {
        return Err(Denied::InvalidClient(
            "client_id differs from the assertion's sub",
        ));
    }
    let client = network
        .client(id)
        .ok_or(Denied::InvalidClient("the client is not known"))?;
    let now = network.clock.now();
    let endpoint = network.url(network.contract().token);
    let back_channel = network.url("/bc-authorize");
    let claims = client
        .open_jwt(
            jwt,
            &["JWT", "client-authentication+jwt"],
            &[&endpoint, &back_channel, &network.issuer],
            now,
        )
        .map_err(Denied::InvalidClient)?;
    if claims.get("sub").and_then(serde_json::Value::as_str) != Some(client.id.as_str()) {
        return Err(Denied::InvalidClient("sub is not the client"));
    }
    let jti = claims
        .get("jti")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("");
    if network
        .jtis
        .insert(now, key_of(&format!("{}\0{jti}", client.id)), ())
    {
        Ok(client)
    } else {
        Err(Denied::InvalidClient("the assertion was used before"))
    }
}

/// Client id and secret are form-encoded before they are joined (RFC 6749, 2.3.1).
fn read_basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, password) = pair.split_once(':')?;
    Some((form_decode(id), form_decode(password)))
}

fn form_decode(text: &str) -> String {
    // The parser reads pairs; these two characters would end one.
    let one = text.replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(one.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_decoded() {
        let header = format!("Basic {}", STANDARD.encode("my%3Aclient:s%2Bcret+%26=&x"));
        let (id, password) = read_basic(&header).unwrap();
        assert_eq!(
            (id.as_str(), password.as_str()),
            ("my:client", "s+cret &=&x")
        );
        assert!(read_basic("Bearer abc").is_none());
        assert!(read_basic("Basic !!!").is_none());
    }
}
