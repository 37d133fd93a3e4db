//! The token endpoint, userinfo, revocation and introspection: one test per rule, the section of its
//! specification beside it.

mod access;
mod certificates;
mod dpop;
mod fapi;
mod introspection;
mod model;
mod refresh;
mod revocation;
mod rotation;
mod userinfo;

use numbercloak::admin::clients::NewClient;
use numbercloak::secret::from_b64;
use numbercloak::store::clients::Kind;
use serde_json::Value;

use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::{Departure, Rp, Wish};
use crate::support::wire::{Raw, http};

/// A confidential client that may stay signed in.
fn offline(name: &str) -> NewClient {
    let mut new = new_client(name);
    new.settings.scopes.push("offline_access".to_owned());
    new
}

/// The same in a browser.
pub fn public(name: &str) -> NewClient {
    NewClient {
        kind: Kind::Spa,
        ..offline(name)
    }
}

/// What such a client asks for: OIDC Core section 11 wants the person's consent for it.
fn staying() -> Wish {
    Wish::of(NUMBER)
        .scopes(&["phone", "offline_access"])
        .prompt("consent")
}

/// A sign-in up to its code.
async fn code(app: &App, rp: &Rp, wish: &Wish) -> (Departure, String) {
    let mut browser = app.browser();
    let departure = rp.depart(wish).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let code = rp.answer(&departure, browser.left()).code().to_owned();
    (departure, code)
}

/// A request of a client to one of our endpoints, authenticated as it is registered.
pub fn post(app: &App, rp: &Rp, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    at(&app.issuer, rp, path, fields)
}

/// The same to one of several servers.
fn at(base: &str, rp: &Rp, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let request = http().post(format!("{base}{path}"));
    let mut fields = fields.to_vec();
    match &rp.secret {
        Some(secret) => request.basic_auth(&rp.client_id, Some(secret)),
        None => {
            fields.push(("client_id", &rp.client_id));
            request
        }
    }
    .form(&fields)
}

/// The fields that redeem a code.
fn redeeming<'a>(rp: &'a Rp, departure: &'a Departure, code: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &rp.redirect_uri),
        ("code_verifier", &departure.verifier),
    ]
}

/// The fields that use a refresh token.
fn refreshing(token: &str) -> Vec<(&str, &str)> {
    vec![("grant_type", "refresh_token"), ("refresh_token", token)]
}

/// The tokens of a sign-in.
pub async fn tokens(app: &App, rp: &Rp, wish: &Wish) -> Value {
    let (departure, code) = code(app, rp, wish).await;
    let answer = Raw::of(post(app, rp, "/token", &redeeming(rp, &departure, &code))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Uses a refresh token.
async fn refresh(app: &App, rp: &Rp, token: &str) -> Raw {
    Raw::of(post(app, rp, "/token", &refreshing(token))).await
}

/// The status userinfo answers a bearer token with.
async fn userinfo(app: &App, token: &str) -> u16 {
    app.shop.userinfo(token).await.0
}

/// A member that is a text.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A JWT's header and claims, unchecked.
fn opened(jwt: &str) -> (Value, Value) {
    let mut parts = jwt.split('.').map(|part| {
        serde_json::from_slice(&from_b64(part).unwrap_or_default()).unwrap_or_default()
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

/// A JWT's claims, checked with the published keys by another library.
async fn verified(app: &App, jwt: &str, typ: &str, audience: &str) -> Value {
    let answer = Raw::of(http().get(format!("{}/jwks", app.issuer))).await;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&answer.body).unwrap();
    let header = jsonwebtoken::decode_header(jwt).unwrap();
    assert_eq!(header.typ.as_deref(), Some(typ));
    let key = set.find(header.kid.as_deref().unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(header.alg);
    rules.validate_exp = false;
    rules.set_required_spec_claims(&["iss", "aud"]);
    rules.set_issuer(&[&app.issuer]);
    rules.set_audience(&[audience]);
    let key = jsonwebtoken::DecodingKey::from_jwk(key).unwrap();
    jsonwebtoken::decode::<Value>(jwt, &key, &rules)
        .unwrap()
        .claims
}

/// A refusal: status and error.
fn refusal(answer: &Raw) -> (u16, String) {
    (answer.status, answer.error())
}

/// What one is expected to be.
fn no(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}
