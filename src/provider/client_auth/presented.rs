//! What a request presents to prove who sent it: one proof, or none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::{No, Refused, Wrong};
use crate::oauth::jws::Jws;
use crate::oauth::params::Params;

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who it says it is, and the proof.
pub(super) struct Presented {
    pub(super) client_id: String,
    pub(super) proof: Proof,
}

/// A proof, unchecked.
pub(super) enum Proof {
    /// A secret by HTTP Basic.
    Basic(String),
    /// A secret in the body.
    Post(String),
    /// A signed assertion.
    Assertion(String),
    /// Nothing in the request; there may be a certificate on the connection.
    None,
}

const TWICE: No = No::Other(Refused::Request(
    "the client authenticated in more than one way",
));

/// Reads a request.
pub(super) fn read(headers: &HeaderMap, form: &Params) -> Result<Presented, No> {
    const OURS: [&str; 4] = [
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
    ];
    if form.repeated(&OURS).is_some() {
        let reason = "a parameter of the client's authentication was sent more than once";
        return Err(No::Other(Refused::Request(reason)));
    }
    let client_id = form.get("client_id").map(str::to_owned);
    let assertion = assertion(form)?;
    match (basic(headers)?, form.get("client_secret"), assertion) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => Err(TWICE),
        (Some((basic_id, secret)), None, None) => {
            if client_id.is_some_and(|id| id != basic_id) {
                return Err(No::Other(Refused::Request(
                    "client_id in the body is not the one in the Authorization header",
                )));
            }
            Ok(Presented {
                client_id: basic_id,
                proof: Proof::Basic(secret),
            })
        }
        (None, Some(secret), None) => named(client_id, Proof::Post(secret.to_owned())),
        (None, None, Some(jwt)) => named(
            subject(jwt, client_id.as_deref())?,
            Proof::Assertion(jwt.to_owned()),
        ),
        (None, None, None) => named(client_id, Proof::None),
    }
}

fn named(client_id: Option<String>, proof: Proof) -> Result<Presented, No> {
    match client_id {
        Some(client_id) => Ok(Presented { client_id, proof }),
        None => Err(No::Wrong(Wrong {
            reason: "the client did not say who it is",
            client_id: None,
            basic: false,
        })),
    }
}

/// The assertion, if one was sent with the one type there is (RFC 7521 section 4.2).
fn assertion(form: &Params) -> Result<Option<&str>, No> {
    match (
        form.get("client_assertion_type"),
        form.get("client_assertion"),
    ) {
        (None, None) => Ok(None),
        (Some(JWT_BEARER), Some(jwt)) => Ok(Some(jwt)),
        (Some(JWT_BEARER), None) => Err(No::Other(Refused::Request("client_assertion is missing"))),
        _ => Err(No::Other(Refused::Request(
            "client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ))),
    }
}

/// Who the assertion says it is, which must be whom the request names, if it names one (RFC 7521
/// section 4.2). Its signature is still to be checked.
fn subject(jwt: &str, client_id: Option<&str>) -> Result<Option<String>, No> {
    let wrong = |reason| {
        No::Wrong(Wrong {
            reason,
            client_id: client_id.map(str::to_owned),
            basic: false,
        })
    };
    let jws = Jws::parse(jwt).map_err(|_| wrong("the client assertion cannot be read"))?;
    let subject = jws
        .text("sub")
        .filter(|subject| !subject.contains('\0'))
        .ok_or_else(|| wrong("the client assertion has no sub"))?;
    if client_id.is_some_and(|id| id != subject) {
        return Err(wrong("client_id is not the sub of the client assertion"));
    }
    Ok(Some(subject.to_owned()))
}

/// HTTP Basic, both halves form-encoded (RFC 6749 section 2.3.1).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, No> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = given.next() else {
        return Ok(None);
    };
    if given.next().is_some() {
        return Err(TWICE);
    }
    let malformed = || {
        No::Wrong(Wrong {
            reason: "the Authorization header is not HTTP Basic",
            client_id: None,
            basic: true,
        })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::b64;

    fn headers(user: &str, password: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    fn form(text: &str) -> Params {
        Params::parse(text.as_bytes(), 100).unwrap()
    }

    fn assertion_of(sub: &str) -> String {
        let (header, claims) = (r#"{"alg":"ES256"}"#, format!(r#"{{"sub":"{sub}"}}"#));
        format!("{}.{}.AAAA", b64(header.as_bytes()), b64(claims.as_bytes()))
    }

    #[test]
    fn both_halves_of_basic_are_form_decoded() {
        let Ok(Some((id, secret))) = basic(&headers("a%20b%3Ac", "p%25+q&r=s")) else {
            panic!("it is Basic");
        };
        assert_eq!((id.as_str(), secret.as_str()), ("a b:c", "p% q&r=s"));
    }

    #[test]
    fn a_client_authenticates_once() {
        let (none, basic) = (HeaderMap::new(), headers("a", "b"));
        let mut twice = basic.clone();
        twice.append(AUTHORIZATION, basic[AUTHORIZATION].clone());
        let jwt = format!(
            "client_assertion={}&client_assertion_type={JWT_BEARER}",
            assertion_of("a")
        );
        for (headers, text) in [
            (&basic, "client_secret=b".to_owned()),
            (&basic, "client_id=c".to_owned()),
            (&basic, jwt.clone()),
            (&none, format!("client_id=a&client_secret=b&{jwt}")),
            (&twice, String::new()),
            (&none, "client_id=a&client_id=a".to_owned()),
            (&none, format!("{jwt}&client_assertion=x")),
        ] {
            let read = read(headers, &form(&text));
            assert!(
                matches!(read, Err(No::Other(Refused::Request(_)))),
                "{text}"
            );
        }
        let of = |headers: &HeaderMap, text: &str| read(headers, &form(text)).ok().unwrap();
        assert!(matches!(of(&basic, "client_id=a").proof, Proof::Basic(_)));
        let post = of(&none, "client_id=a&client_secret=b");
        assert!(matches!(post.proof, Proof::Post(_)));
        assert!(matches!(of(&none, "client_id=a").proof, Proof::None));
        assert!(matches!(of(&none, &jwt).proof, Proof::Assertion(_)));
        let nobody = read(&none, &form(""));
        assert!(matches!(nobody, Err(No::Wrong(_))));
    }

    #[test]
    fn an_assertion_has_the_one_type_and_names_the_client() {
        let none = HeaderMap::new();
        let jwt = assertion_of("a");
        for text in [
            format!("client_assertion={jwt}"),
            format!("client_assertion={jwt}&client_assertion_type=jwt-bearer"),
            format!("client_assertion_type={JWT_BEARER}"),
        ] {
            let read = read(&none, &form(&text));
            assert!(
                matches!(read, Err(No::Other(Refused::Request(_)))),
                "{text}"
            );
        }
        let with = |extra: &str| {
            let text = format!("client_assertion={jwt}&client_assertion_type={JWT_BEARER}{extra}");
            read(&none, &form(&text))
        };
        assert_eq!(with("").ok().unwrap().client_id, "a");
        assert_eq!(with("&client_id=a").ok().unwrap().client_id, "a");
        assert!(matches!(with("&client_id=b"), Err(No::Wrong(_))));
    }

    proptest::proptest! {
        /// RFC 6749 section 2.3.1: whatever id and secret are, what was encoded is what is read.
        #[test]
        fn basic_is_read_as_it_was_encoded(id in "[^\\x00]{0,20}", secret in "\\PC{0,20}") {
            let encoded = |half: &str| url::form_urlencoded::byte_serialize(half.as_bytes()).collect::<String>();
            let Ok(Some(read)) = basic(&headers(&encoded(&id), &encoded(&secret))) else {
                panic!("it is Basic");
            };
            proptest::prop_assert_eq!(read, (id, secret));
        }

        #[test]
        fn any_header_and_any_form_is_read_or_refused(
            header in "(Basic |basic  |Bearer )?[\\x20-\\x7e]{0,40}",
            text in "((client_id|client_secret|client_assertion|client_assertion_type|x)=[\\x20-\\x7e]{0,9}&){0,5}",
        ) {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, header.parse().unwrap());
            let _ = read(&headers, &form(&text));
            let _ = read(&HeaderMap::new(), &form(&text));
        }
    }
}
