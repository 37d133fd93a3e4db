//! Signed request objects (`request=`) by the rules of the ICM security profile.

use serde_json::Value;

use super::client::Client;
use super::parameters::Parameters;
use crate::clock::Time;

/// Parameters that must stand beside the object and say the same as in it.
const REPEATED: [&str; 4] = ["client_id", "redirect_uri", "response_type", "scope"];

/// The parameters that count when a request object came along: all of them from the object. The
/// error is the description of `invalid_request_object`.
pub(super) fn open(
    client: &Client,
    outside: &Parameters,
    jwt: &str,
    audiences: &[&str],
    now: Time,
) -> Result<Parameters, &'static str> {
    if !client.has_keys() {
        return Err("the client has no keys registered");
    }
    let claims = client.open_jwt(jwt, &["JWT", "oauth-authz-req+jwt"], audiences, now)?;
    if claims.get("iat").and_then(Value::as_i64).is_none() {
        return Err("iat is missing");
    }
    // With `sub` it could be used as a client assertion (RFC 9101, 10.8).
    if claims.contains_key("sub") {
        return Err("a request object has no sub");
    }
    if claims.contains_key("request") || claims.contains_key("request_uri") {
        return Err("a request object holds no other");
    }
    let mut pairs = Vec::with_capacity(claims.len());
    for (name, value) in claims {
        if value.is_null() || matches!(name.as_str(), "iss" | "aud" | "exp" | "iat" | "nbf" | "jti")
        {
            continue;
        }
        pairs.push((
            name,
            match value {
                Value::String(text) => text,
                other => other.to_string(),
            },
        ));
    }
    let inside = Parameters::new(pairs);
    if REPEATED
        .iter()
        .any(|name| inside.get(name) != outside.get(name))
    {
        return Err(
            "client_id, redirect_uri, response_type and scope must be the same inside and outside",
        );
    }
    Ok(inside)
}
