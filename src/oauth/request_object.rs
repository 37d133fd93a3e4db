//! Request objects: an authorization request as a JWT that the client signed (RFC 9101, OIDC Core
//! section 6.1). Who signed it was checked before; here is judged what it says.

use serde_json::Value;

use crate::clock::Time;
use crate::oauth::jws::Jws;
use crate::oauth::params::Params;

/// Seconds that a client's clock may run ahead of ours.
const AHEAD: i64 = 30;

/// Seconds that a FAPI client's request object may be old, and may live (FAPI 2.0 message signing
/// section 5.3.1).
const HOUR: i64 = 3600;

/// Claims of the JWT itself, and what could be replayed as something else.
const NOT_PARAMETERS: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id"];

/// Whose request object it must be, and when.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Us.
    pub issuer: &'a str,
    /// The client that asks.
    pub client_id: &'a str,
    /// Whether the FAPI rules hold.
    pub fapi: bool,
    /// The time.
    pub now: Time,
}

/// The parameters in a request object, with `client_id`: what counts instead of those beside it.
///
/// # Errors
/// What is wrong with it, for the client's developer.
pub fn parameters(object: &Jws, expected: &Expected<'_>) -> Result<Params, &'static str> {
    if !object.is_typed(&["JWT", "oauth-authz-req+jwt"]) {
        return Err("typ is not oauth-authz-req+jwt");
    }
    is_from_the_client(object, expected)?;
    is_for_us(object, expected)?;
    is_in_time(object, expected)?;
    for name in ["request", "request_uri"] {
        if object.claims.contains_key(name) {
            return Err("a request object may not hold another one");
        }
    }
    let mut pairs = vec![("client_id".to_owned(), expected.client_id.to_owned())];
    for (name, value) in &object.claims {
        if NOT_PARAMETERS.contains(&name.as_str()) {
            continue;
        }
        match value {
            Value::Null => {}
            // RFC 8707 section 2.1: several resources.
            Value::Array(several) if name == "resource" => {
                for value in several {
                    pairs.push((name.clone(), text(value)));
                }
            }
            value => pairs.push((name.clone(), text(value))),
        }
    }
    Ok(Params::of(pairs))
}

/// Numbers and objects (`max_age`, `claims`) stand as JSON (RFC 9101 section 4).
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_from_the_client(object: &Jws, expected: &Expected<'_>) -> Result<(), &'static str> {
    let is_client = |claim: &Value| claim.as_str() == Some(expected.client_id);
    match object.claims.get("iss") {
        Some(iss) if is_client(iss) => {}
        Some(_) => return Err("iss is not the client_id"),
        None if expected.fapi => return Err("iss is missing"),
        None => {}
    }
    match object.claims.get("client_id") {
        Some(id) if !is_client(id) => Err("client_id is not the one beside the request object"),
        _ => Ok(()),
    }
}

fn is_for_us(object: &Jws, expected: &Expected<'_>) -> Result<(), &'static str> {
    let is_us = |value: &Value| value.as_str() == Some(expected.issuer);
    match object.claims.get("aud") {
        Some(Value::Array(several)) if several.iter().any(is_us) => Ok(()),
        Some(one) if is_us(one) => Ok(()),
        Some(_) => Err("aud is not our issuer"),
        None if expected.fapi => Err("aud is missing"),
        None => Ok(()),
    }
}

fn is_in_time(object: &Jws, expected: &Expected<'_>) -> Result<(), &'static str> {
    let now = expected.now.timestamp();
    let exp = object.seconds("exp")?;
    let nbf = object.seconds("nbf")?;
    if object
        .seconds("iat")?
        .is_some_and(|iat| iat > now.saturating_add(AHEAD))
    {
        return Err("iat is in the future");
    }
    if exp.is_some_and(|exp| exp <= now) {
        return Err("it has expired");
    }
    if nbf.is_some_and(|nbf| nbf > now.saturating_add(AHEAD)) {
        return Err("nbf is in the future");
    }
    match (nbf, exp) {
        _ if !expected.fapi => Ok(()),
        (None, _) => Err("nbf is missing"),
        (_, None) => Err("exp is missing"),
        (Some(nbf), _) if nbf < now - HOUR => Err("nbf is more than 60 minutes ago"),
        (Some(nbf), Some(exp)) if exp.saturating_sub(nbf) > HOUR => {
            Err("exp is more than 60 minutes after nbf")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::b64;
    use chrono::DateTime;
    use serde_json::json;

    const NOW: i64 = 1_795_301_557;

    fn read(header: &Value, claims: &Value, fapi: bool) -> Result<Params, &'static str> {
        let part = |value: &Value| b64(value.to_string().as_bytes());
        let object = Jws::parse(&format!("{}.{}.{}", part(header), part(claims), b64(b"s")))?;
        let expected = Expected {
            issuer: "https://id.example",
            client_id: "c",
            fapi,
            now: DateTime::from_timestamp(NOW, 0).unwrap(),
        };
        parameters(&object, &expected)
    }

    fn good() -> Value {
        json!({
            "iss": "c", "aud": "https://id.example", "client_id": "c", "nbf": NOW, "exp": NOW + 300,
            "scope": "openid", "max_age": 10, "claims": { "id_token": {} },
            "resource": ["https://a.example/", "https://b.example/"], "prompt": null,
        })
    }

    fn fate(change: impl Fn(&mut Value), fapi: bool) -> Result<Params, &'static str> {
        let mut claims = good();
        change(&mut claims);
        read(
            &json!({ "alg": "ES256", "typ": "oauth-authz-req+jwt" }),
            &claims,
            fapi,
        )
    }

    #[test]
    fn its_claims_are_the_parameters() {
        let params = fate(|_| (), true).unwrap();
        assert_eq!(params.get("client_id"), Some("c"));
        assert_eq!(params.get("max_age"), Some("10"));
        assert_eq!(params.get("claims"), Some(r#"{"id_token":{}}"#));
        assert_eq!(params.all("resource").count(), 2);
        for absent in ["iss", "aud", "exp", "prompt"] {
            assert_eq!(params.get(absent), None, "{absent}");
        }
    }

    type Edit = fn(&mut Value);

    #[test]
    fn what_fapi_demands_and_others_may_leave_out() {
        let edits: [(&str, Edit); 7] = [
            ("iss", |c| drop(c.as_object_mut().unwrap().remove("iss"))),
            ("aud", |c| drop(c.as_object_mut().unwrap().remove("aud"))),
            ("exp", |c| drop(c.as_object_mut().unwrap().remove("exp"))),
            ("nbf", |c| drop(c.as_object_mut().unwrap().remove("nbf"))),
            ("long", |c| c["exp"] = json!(NOW + 3601)),
            ("old", |c| c["nbf"] = json!(NOW - 3601)),
            ("old and long", |c| {
                c["nbf"] = json!(NOW - 3500);
                c["exp"] = json!(NOW + 300);
            }),
        ];
        for (what, edit) in edits {
            assert!(fate(edit, true).is_err(), "{what}");
            assert!(fate(edit, false).is_ok(), "{what}");
        }
    }

    #[test]
    fn what_nobody_may_send() {
        let edits: [Edit; 11] = [
            |c| c["iss"] = json!("d"),
            |c| c["iss"] = json!(1),
            |c| c["client_id"] = json!("d"),
            |c| c["aud"] = json!("https://other.example"),
            |c| c["aud"] = json!([]),
            |c| c["exp"] = json!(NOW),
            |c| c["exp"] = json!("soon"),
            |c| c["nbf"] = json!(NOW + 61),
            |c| c["iat"] = json!(NOW + 61),
            |c| c["request"] = json!("x"),
            |c| c["request_uri"] = json!("urn:x"),
        ];
        for (i, edit) in edits.into_iter().enumerate() {
            assert!(fate(edit, false).is_err(), "{i}");
            assert!(fate(edit, true).is_err(), "{i}");
        }
        for typ in ["at+jwt", "logout+jwt", "dpop+jwt"] {
            let header = json!({ "alg": "ES256", "typ": typ });
            assert!(read(&header, &good(), false).is_err(), "{typ}");
        }
    }

    #[test]
    fn a_clock_a_little_ahead_and_an_audience_of_several_are_fine() {
        let edits: [Edit; 2] = [
            |c| c["nbf"] = json!(NOW + 8),
            |c| c["aud"] = json!(["https://x.example", "https://id.example"]),
        ];
        for edit in edits {
            assert!(fate(edit, true).is_ok());
        }
    }
}
