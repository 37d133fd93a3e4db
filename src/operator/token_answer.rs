//! An operator's token answer, straightened: what the specification says, from what operators send.

use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use crate::operator::errors::Failure;
use crate::operator::oidc::Tokens;
use crate::operator::strict;
use crate::secret::Redacted;

/// A 200 answer with a body that an OAuth library reads, and the ID token taken out of it; every
/// other answer is a failure. Sources of the irregular forms: TIM Brasil sends `expires_in` as a
/// string, some gateways no `token_type` or one in any case, others `null` for what is absent.
pub(super) fn straighten(
    answer: &Response<Vec<u8>>,
) -> Result<(Response<Vec<u8>>, Option<Redacted>), Failure> {
    if answer.status() != StatusCode::OK {
        return Err(Failure::from_token_answer(answer));
    }
    let mut sent = strict::says_json(answer.headers())
        .then(|| strict::read_object(answer.body()))
        .flatten()
        .ok_or_else(unreadable)?;
    let id_token = match sent.remove("id_token") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Redacted::new(text)),
        Some(_) => return Err(unreadable()),
    };
    let mut kept = Map::new();
    let access_token = sent.get("access_token").and_then(Value::as_str);
    let access_token = access_token
        .filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(unreadable)?;
    kept.insert("access_token".to_owned(), access_token.into());
    match sent.get("token_type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(_) => return Err(Failure::violation("the access token is no bearer token")),
    }
    kept.insert("token_type".to_owned(), "bearer".into());
    let lifetime = match sent.get("expires_in") {
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(number) => number.as_u64(),
        None => None,
    };
    if let Some(seconds) = lifetime {
        kept.insert("expires_in".to_owned(), Value::from(seconds));
    }
    match sent.remove("scope") {
        None | Some(Value::Null) => {}
        Some(scope @ Value::String(_)) => {
            kept.insert("scope".to_owned(), scope);
        }
        Some(_) => return Err(unreadable()),
    }
    let mut straight = Response::new(Value::Object(kept).to_string().into_bytes());
    let json = HeaderValue::from_static("application/json");
    straight.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok((straight, id_token))
}

/// The tokens of an answer that no library asked for.
pub(super) fn read(answer: &Response<Vec<u8>>) -> Result<Tokens, Failure> {
    let (straight, id) = straighten(answer)?;
    let text = |name| match strict::read_object(straight.body())?.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    Ok(Tokens {
        access: Redacted::new(text("access_token").ok_or_else(unreadable)?),
        scope: text("scope"),
        id,
    })
}

/// The answer says 200, but cannot be read.
pub(super) fn unreadable() -> Failure {
    let mut failure = Failure::violation("the token answer cannot be read");
    failure.http_status = Some(StatusCode::OK.as_u16());
    failure
}

/// Whether what was granted lets us make the API call. Operators omit `scope` when it is what was
/// asked for (RFC 6749 section 5.1), repeat the purpose before `#` or leave it out, and some grant
/// the whole API by its name.
pub(super) fn scope_suffices(asked: &str, granted: Option<&str>, canonical: &str) -> bool {
    let Some(granted) = granted else {
        return true;
    };
    let names = |text: &str| -> Vec<String> {
        text.split_ascii_whitespace()
            .map(|scope| scope.rsplit('#').next().unwrap_or(scope))
            .filter(|name| !name.starts_with("dpv:"))
            .filter(|name| !matches!(*name, "openid" | "offline_access"))
            .map(ToOwned::to_owned)
            .collect()
    };
    let mut needed = names(asked);
    if needed.iter().any(|name| name == canonical) {
        needed = vec![canonical.to_owned()];
    }
    let granted = names(granted);
    needed.is_empty()
        || needed.iter().any(|name| granted.contains(name))
        || granted.iter().any(|name| name == "number-verification")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Response<Vec<u8>> {
        Response::builder()
            .header("content-type", "application/json;charset=UTF-8")
            .body(body.as_bytes().to_vec())
            .unwrap()
    }

    #[test]
    fn irregular_answers_are_made_regular() {
        for body in [
            r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#,
            r#"{"access_token":"t","token_type":"BEARER","expires_in":"500"}"#,
            r#"{"access_token":"t","expires_in":null,"refresh_token":"r","scope":null}"#,
            r#"{"access_token":"t","expires_in":"soon","id_token":null,"x":{}}"#,
            r#"{"access_token":"t","expires_in":-1}"#,
        ] {
            let (straight, id_token) = straighten(&answer(body)).unwrap();
            let read: Value = serde_json::from_slice(straight.body()).unwrap();
            assert_eq!(read["access_token"], "t", "{body}");
            assert_eq!(read["token_type"], "bearer", "{body}");
            assert!(read.get("refresh_token").is_none() && id_token.is_none());
        }
        let (_, id_token) =
            straighten(&answer(r#"{"access_token":"t","id_token":"a.b.c"}"#)).unwrap();
        assert_eq!(id_token.unwrap().reveal(), "a.b.c");
    }

    #[test]
    fn what_is_no_token_answer_is_a_violation() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":null}"#,
            r#"{"access_token":["t"]}"#,
            r#"{"access_token":"t\r\nx: y"}"#,
            r#"{"access_token":"t","access_token":"u"}"#,
            r#"{"access_token":"t","token_type":"DPoP"}"#,
            r#"{"access_token":"t","id_token":1}"#,
            r#"{"access_token":"t","scope":["a"]}"#,
            r#"{"access_token":"t""#,
            r#"{"error":"invalid_grant"}"#,
        ] {
            let failure = straighten(&answer(body)).unwrap_err();
            assert_eq!(
                failure.outcome,
                crate::verdict::Outcome::ProtocolViolation,
                "{body}"
            );
        }
        let html = Response::builder()
            .header("content-type", "text/html")
            .body(br#"{"access_token":"t"}"#.to_vec())
            .unwrap();
        assert!(straighten(&html).is_err());
    }

    #[test]
    fn a_narrowed_scope_is_seen_in_every_syntax() {
        let verify = "number-verification:verify";
        let three = "openid dpv:FraudPreventionAndDetection number-verification:verify";
        let hash = "dpv:FraudPreventionAndDetection#number-verification:verify";
        for asked in [three, hash] {
            for granted in [
                None,
                Some(three),
                Some(hash),
                Some(verify),
                Some("number-verification"),
                Some("openid number-verification:verify sim-swap"),
            ] {
                assert!(
                    scope_suffices(asked, granted, verify),
                    "{asked} {granted:?}"
                );
            }
            for granted in [
                "",
                "openid",
                "dpv:FraudPreventionAndDetection",
                "number-verification:device-phone-number:read",
                "number-verification:verify-hashed",
            ] {
                assert!(
                    !scope_suffices(asked, Some(granted), verify),
                    "{asked} {granted}"
                );
            }
        }
        let own = "openid operator-own-scope";
        assert!(scope_suffices(own, Some("operator-own-scope"), verify));
        assert!(!scope_suffices(own, Some("other"), verify));
        assert!(scope_suffices("openid", Some("openid"), verify));
    }
}
