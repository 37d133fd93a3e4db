//! Access tokens: opaque strings, or JWTs for resources that check them themselves (RFC 9068). Both
//! are known by a row, so that both can be ended.

use serde_json::{Map, Value, json};

use crate::clock::Time;
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::Token;
use crate::token::claims::Facts;
use crate::token::keyring::{ACCESS_TOKEN, CannotSign, Keyring};

/// Everything a JWT access token is made of. Nothing of the number is in it: resources get it from
/// the app, or from userinfo.
#[derive(Clone, Copy, Debug)]
pub struct JwtAccessToken<'a> {
    /// Us.
    pub issuer: &'a str,
    /// The app.
    pub client_id: &'a str,
    /// What was verified, with the scopes of this token.
    pub facts: &'a Facts,
    /// The resources it is for; none: userinfo, which is us.
    pub audiences: &'a [String],
    /// Its `jti`, whose hash is the row's key.
    pub jti: &'a Token,
    /// What it is bound to.
    pub cnf: Option<&'a Value>,
    /// When it is issued.
    pub now: Time,
    /// When it ends.
    pub expires_at: Time,
}

impl JwtAccessToken<'_> {
    /// Signs it.
    ///
    /// # Errors
    /// If there is no key of this algorithm, or signing fails.
    pub fn mint(&self, keyring: &Keyring, alg: SigningAlg) -> Result<String, CannotSign> {
        keyring.sign(alg, Some(ACCESS_TOKEN), &self.claims())
    }

    /// RFC 9068 section 2.2.
    fn claims(&self) -> Map<String, Value> {
        let facts = self.facts;
        let mut claims = Map::new();
        let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        claim("iss", json!(self.issuer));
        claim("sub", json!(facts.sub));
        claim("aud", audience(self.issuer, self.audiences));
        claim("client_id", json!(self.client_id));
        claim("scope", json!(facts.scopes.text()));
        claim("jti", json!(self.jti.reveal()));
        claim("iat", json!(self.now.timestamp()));
        claim("exp", json!(self.expires_at.timestamp()));
        claim("auth_time", json!(facts.auth_time.timestamp()));
        claim("acr", json!(facts.acr().as_str()));
        claim("amr", json!(facts.amr()));
        if let Some(cnf) = self.cnf {
            claim("cnf", cnf.clone());
        }
        claims
    }
}

/// The `aud` of an access token: a string if it is one.
#[must_use]
pub fn audience(issuer: &str, audiences: &[String]) -> Value {
    match audiences {
        [] => json!(issuer),
        [one] => json!(one),
        several => json!(several),
    }
}

/// The `cnf` of a token bound to a key, a certificate, or both (RFC 7800; RFC 9449 section 6.1,
/// RFC 8705 section 3.1).
#[must_use]
pub fn confirmation(jkt: Option<&str>, x5t: Option<&str>) -> Option<Value> {
    let mut cnf = Map::new();
    if let Some(jkt) = jkt {
        cnf.insert("jkt".to_owned(), json!(jkt));
    }
    if let Some(x5t) = x5t {
        cnf.insert("x5t#S256".to_owned(), json!(x5t));
    }
    (!cnf.is_empty()).then_some(Value::Object(cnf))
}

/// The key of the row behind an access token of either kind; `None` if it cannot be one of ours.
#[must_use]
pub fn row_key(keyring: &Keyring, issuer: &str, presented: &str) -> Option<Vec<u8>> {
    if !presented.contains('.') {
        return Token::parse(presented).map(|token| token.hash());
    }
    let claims = keyring.verify_access_token(issuer, presented).ok()?;
    let jti = claims.get("jti")?.as_str()?;
    Token::parse(jti).map(|token| token.hash())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::keys::Status;
    use crate::token::claims::NamedBy;
    use crate::token::claims::tests::facts;
    use crate::token::signing_key::{SigningKey, generate};
    use chrono::DateTime;

    const ISSUER: &str = "https://id.example";

    fn keyring() -> Keyring {
        let alg = SigningAlg::ES256;
        let key = SigningKey::parse(alg, &generate(alg).unwrap()).unwrap();
        Keyring::new(vec![(Status::Active, key)]).unwrap()
    }

    fn mint(keyring: &Keyring, jti: &Token, audiences: &[String], cnf: Option<&Value>) -> String {
        let facts = facts("openid phone", NamedBy::App);
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let token = JwtAccessToken {
            issuer: ISSUER,
            client_id: "app",
            facts: &facts,
            audiences,
            jti,
            cnf,
            now: at(1_795_301_560),
            expires_at: at(1_795_302_160),
        };
        token.mint(keyring, SigningAlg::ES256).unwrap()
    }

    #[test]
    fn a_jwt_says_what_rfc_9068_asks_for_and_nothing_of_the_number() {
        let keyring = keyring();
        let jti = Token::random();
        let cnf = confirmation(Some("key"), Some("certificate")).unwrap();
        let token = mint(
            &keyring,
            &jti,
            &["https://api.example/".to_owned()],
            Some(&cnf),
        );
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.typ.as_deref(), Some("at+jwt"));
        let claims = keyring.verify_access_token(ISSUER, &token).unwrap();
        assert_eq!(
            Value::Object(claims),
            json!({
                "iss": ISSUER, "sub": "subject", "aud": "https://api.example/",
                "client_id": "app", "scope": "openid phone", "jti": jti.reveal(),
                "iat": 1_795_301_560, "exp": 1_795_302_160, "auth_time": 1_795_301_557,
                "acr": "urn:numbercloak:acr:network", "amr": ["nba", "user"],
                "cnf": { "jkt": "key", "x5t#S256": "certificate" },
            })
        );
    }

    #[test]
    fn the_audience_is_us_one_resource_or_several() {
        let resources = ["a", "b"].map(str::to_owned);
        assert_eq!(audience(ISSUER, &[]), json!(ISSUER));
        assert_eq!(audience(ISSUER, &resources[..1]), json!("a"));
        assert_eq!(audience(ISSUER, &resources), json!(["a", "b"]));
        assert_eq!(confirmation(None, None), None);
    }

    #[test]
    fn a_row_is_found_by_either_kind_and_by_nothing_else() {
        let (ours, foreign) = (keyring(), keyring());
        let jti = Token::random();
        let key = |presented: &str| row_key(&ours, ISSUER, presented);
        assert_eq!(key(&jti.reveal()), Some(jti.hash()));
        assert_eq!(key(&mint(&ours, &jti, &[], None)), Some(jti.hash()));
        assert_eq!(key(&mint(&foreign, &jti, &[], None)), None);
        let id_token = json!({
            "iss": ISSUER, "sub": "s", "aud": "app", "exp": 1, "jti": jti.reveal()
        });
        let id_token = ours.sign(SigningAlg::ES256, None, &id_token).unwrap();
        assert_eq!(key(&id_token), None);
        for bad in ["", ".", "a.b.c", "short"] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }
}
