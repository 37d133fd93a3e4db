//! A JWT that somebody else signed (RFC 7515 section 7.1, RFC 7519), taken apart. Reading one says
//! nothing about who signed it.

use serde_json::{Map, Value};

use crate::oauth::signing_alg::SigningAlg;
use crate::secret::from_b64;

/// A signed JWT that was not checked yet.
pub struct Jws {
    /// The protected header.
    pub header: Map<String, Value>,
    /// What it says.
    pub claims: Map<String, Value>,
    /// The algorithm it says it is signed with; never `none`, never a symmetric one.
    pub alg: SigningAlg,
    /// What the signature is over.
    pub signed: String,
    /// The signature.
    pub signature: Vec<u8>,
}

impl Jws {
    /// Takes a compact JWS apart. Keys that stand in the header (`jwk`, `jku`, `x5u`) are nobody's:
    /// whoever made the token could put them there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (signed, signature) = text.rsplit_once('.').ok_or("is no JWT")?;
        let (header, claims) = signed.split_once('.').ok_or("is no JWT")?;
        let header = object(header).ok_or("has a header that cannot be read")?;
        let claims = object(claims).ok_or("has claims that cannot be read")?;
        let signature = from_b64(signature).ok_or("has a signature that cannot be read")?;
        // RFC 7515 section 4.1.11: what is critical and not understood is refused.
        if header.contains_key("crit") {
            return Err("has critical header members, of which none is known here");
        }
        let alg = header
            .get("alg")
            .and_then(Value::as_str)
            .and_then(SigningAlg::parse)
            .ok_or("is not signed with an algorithm that is accepted here")?;
        Ok(Self {
            header,
            claims,
            alg,
            signed: signed.to_owned(),
            signature,
        })
    }

    /// The name of the key, if it tells one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header.get("kid").and_then(Value::as_str)
    }

    /// Whether `typ` is absent or one of these (RFC 8725 section 3.11). The prefix `application/` may
    /// be left out, and case does not count (RFC 7515 section 4.1.9).
    #[must_use]
    pub fn is_typed(&self, known: &[&str]) -> bool {
        match self.header.get("typ") {
            None => true,
            Some(Value::String(typ)) => {
                let typ = typ.to_ascii_lowercase();
                let short = typ.strip_prefix("application/").unwrap_or(&typ);
                known.iter().any(|one| one.eq_ignore_ascii_case(short))
            }
            Some(_) => false,
        }
    }

    /// A claim that is a text.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim).and_then(Value::as_str)
    }

    /// A time claim in whole seconds (RFC 7519 section 2, NumericDate), if it is there.
    ///
    /// # Errors
    /// If it is there and no number: then it must not count as absent.
    pub fn seconds(&self, claim: &str) -> Result<Option<i64>, &'static str> {
        match self.claims.get(claim) {
            None => Ok(None),
            Some(value) => {
                let whole = value.as_i64();
                // A cast saturates, which is what is wanted.
                let rounded = || value.as_f64().map(|seconds| seconds.floor() as i64);
                whole
                    .or_else(rounded)
                    .map(Some)
                    .ok_or("has a time that is no number")
            }
        }
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&from_b64(part)?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::secret::b64;

    fn jws(header: &Value, claims: &Value) -> Result<Jws, &'static str> {
        let part = |value: &Value| b64(value.to_string().as_bytes());
        Jws::parse(&format!("{}.{}.{}", part(header), part(claims), b64(b"s")))
    }

    #[test]
    fn only_asymmetric_signatures_are_read() {
        assert!(jws(&json!({"alg": "ES256"}), &json!({})).is_ok());
        for header in [
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"alg": "es256"}),
            json!({"alg": 1}),
            json!({}),
            json!({"alg": "ES256", "crit": ["b64"], "b64": false}),
            json!([]),
        ] {
            assert!(jws(&header, &json!({})).is_err(), "{header}");
        }
        for text in ["", "a", "a.b", "a.b.c", "....", "e30.e30.e30.e30"] {
            assert!(Jws::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_type_is_absent_or_known() {
        let typed = |typ: Value| {
            let jws = jws(&json!({"alg": "ES256", "typ": typ}), &json!({})).unwrap();
            jws.is_typed(&["JWT", "client-authentication+jwt"])
        };
        assert!(
            jws(&json!({"alg": "ES256"}), &json!({}))
                .unwrap()
                .is_typed(&[])
        );
        for good in ["JWT", "jwt", "application/client-authentication+jwt"] {
            assert!(typed(json!(good)), "{good}");
        }
        for bad in [
            json!("dpop+jwt"),
            json!("at+jwt"),
            json!(""),
            json!(1),
            json!(null),
        ] {
            assert!(!typed(bad.clone()), "{bad}");
        }
    }

    #[test]
    fn a_time_that_is_no_number_is_not_absent() {
        let claims = json!({"a": 5, "b": 5.9, "c": "5", "d": null});
        let jws = jws(&json!({"alg": "ES256"}), &claims).unwrap();
        assert_eq!(jws.seconds("a"), Ok(Some(5)));
        assert_eq!(jws.seconds("b"), Ok(Some(5)));
        assert!(jws.seconds("c").is_err());
        assert!(jws.seconds("d").is_err());
        assert_eq!(jws.seconds("e"), Ok(None));
    }
}
