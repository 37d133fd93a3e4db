//! `private_key_jwt` (2.3.2, 2.3.3, 1.7 Client auth; RFC 7523 section 3).

use std::time::Duration;

use numbercloak::store::clients::Profile;
use serde_json::{Value, json};

use super::{ASSERTION_TYPE, kept_out, knock, knock_with, let_in, metadata, with_key};
use crate::support::app::{App, NUMBER};
use crate::support::client_key::ClientKey;
use crate::support::rp::Wish;
use crate::support::wire::{Raw, count, http};

async fn app_with(name: &str) -> (App, ClientKey) {
    let app = App::builder()
        .config("limits.client_failures_per_minute", "1000")
        .start()
        .await;
    let key = ClientKey::new("one", &app.clock);
    app.register(with_key(name, &key)).await;
    (app, key)
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => {
            claims.as_object_mut().unwrap().remove(name);
        }
        value => claims[name] = value,
    }
    claims
}

// 2.3.2
#[tokio::test]
async fn a_client_signs_in_with_its_key_and_gets_tokens() {
    let app = App::start().await;
    let key = ClientKey::new("one", &app.clock);
    let rp = app.register(with_key("keyed", &key)).await;
    assert_eq!(rp.secret, None, "a client with a key gets no secret");
    let mut browser = app.browser();
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let answer = rp.answer(&departure, browser.left());
    let assertion = key.assertion("keyed", &app.issuer);
    let request = http().post(format!("{}/token", app.issuer)).form(&[
        ("grant_type", "authorization_code"),
        ("code", answer.code()),
        ("redirect_uri", &rp.redirect_uri),
        ("code_verifier", &departure.verifier),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ]);
    let answer = Raw::of(request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.json()["id_token"].is_string());
}

// 2.3.3: jti, over replicas (P6)
#[tokio::test]
async fn an_assertion_counts_once_on_whichever_replica_and_is_forgotten_after_its_end() {
    let (app, key) = app_with("keyed").await;
    let second = app.second_replica().await;
    let other = format!("http://localhost:{}", second.address.port());
    let assertion = key.assertion("keyed", &app.issuer);
    let (a, b) = tokio::join!(
        knock_with(&app.issuer, &assertion),
        knock_with(&other, &assertion)
    );
    let mut seen = [a.error(), b.error()];
    seen.sort();
    assert_eq!(seen, ["invalid_client", "invalid_grant"]);
    kept_out(&knock_with(&app.issuer, &assertion).await);
    // The same name in another client's assertion is another assertion.
    let neighbour = ClientKey::new("one", &app.clock);
    app.register(with_key("neighbour", &neighbour)).await;
    let claims = with(key.claims("keyed", &app.issuer), "jti", json!("same"));
    let theirs = with(
        neighbour.claims("neighbour", &app.issuer),
        "jti",
        json!("same"),
    );
    let_in(&knock_with(&app.issuer, &neighbour.sign(&neighbour.header(), &theirs)).await);
    let_in(&knock_with(&app.issuer, &key.sign(&key.header(), &claims)).await);
    assert_eq!(count(&app, "assertion_ids").await, 3);
    app.clock.advance(Duration::from_secs(200));
    let now = app.clock.now();
    let gone = numbercloak::store::assertions::purge(app.state().db.relaxed(), now, 100).await;
    assert_eq!(gone.unwrap(), 3);
    second.stop().await;
}

// 2.3.3, 1.7
#[tokio::test]
async fn an_assertion_says_who_for_whom_and_until_when() {
    let (app, key) = app_with("keyed").await;
    let now = app.clock.now().timestamp();
    let right = || key.claims("keyed", &app.issuer);
    let send =
        async |claims: Value| knock_with(&app.issuer, &key.sign(&key.header(), &claims)).await;
    for (name, value) in [
        ("iss", json!("other")),
        ("iss", Value::Null),
        ("sub", Value::Null),
        ("aud", Value::Null),
        ("aud", json!("https://other.example")),
        ("aud", json!(format!("{}/", app.issuer))),
        ("aud", json!(format!("{}/userinfo", app.issuer))),
        ("aud", json!([])),
        ("aud", json!([app.issuer, "https://other.example"])),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("exp", json!(now - 300)),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 302)),
        ("exp", json!(now + 86_400)),
        ("iat", json!(now + 90)),
        ("iat", json!("now")),
        ("nbf", json!(now + 90)),
        ("nbf", json!([])),
        ("jti", Value::Null),
        ("jti", json!("")),
        ("jti", json!(1)),
        ("jti", json!("x".repeat(513))),
    ] {
        let answer = send(with(right(), name, value.clone())).await;
        assert_eq!(answer.status, 401, "{name} {value}: {}", answer.body);
    }
    for (name, value) in [
        ("aud", json!(app.issuer)),
        ("aud", json!(format!("{}/token", app.issuer))),
        ("aud", json!([app.issuer, format!("{}/token", app.issuer)])),
        ("exp", json!(now + 298)),
        ("exp", json!(now as f64 + 60.5)),
        ("iat", json!(now + 8)),
        ("iat", Value::Null),
        ("nbf", json!(now + 8)),
    ] {
        let answer = send(with(right(), name, value.clone())).await;
        assert_eq!(
            answer.error(),
            "invalid_grant",
            "{name} {value}: {}",
            answer.body
        );
    }
}

// 1.7: FAPI 2.0 section 5.3.2.1
#[tokio::test]
async fn a_fapi_client_s_assertion_is_for_the_issuer_alone_and_never_rs256() {
    let app = App::builder()
        .config("limits.client_failures_per_minute", "1000")
        .start()
        .await;
    let key = ClientKey::new("ec", &app.clock);
    let weak = ClientKey::rsa("rsa", &app.clock);
    let mut new = with_key("bank", &key);
    new.settings.jwks = Some(json!({"keys": [key.jwk(), weak.jwk()]}));
    new.settings.adopt(Profile::Fapi2);
    app.register(new).await;
    let claims = || key.claims("bank", &app.issuer);
    let_in(&knock_with(&app.issuer, &key.sign(&key.header(), &claims())).await);
    for aud in [
        json!([app.issuer]),
        json!(format!("{}/token", app.issuer)),
        json!(format!("{}/par", app.issuer)),
        json!(format!("{}/", app.issuer)),
    ] {
        let assertion = key.sign(&key.header(), &with(claims(), "aud", aud.clone()));
        let answer = knock_with(&app.issuer, &assertion).await;
        assert_eq!(answer.status, 401, "{aud}");
    }
    kept_out(&knock_with(&app.issuer, &weak.assertion("bank", &app.issuer)).await);
    // No assertion at all.
    kept_out(&knock(&app.issuer, &[("client_id", "bank")]).await);
}

// RFC 8725 sections 3.1, 3.11
#[tokio::test]
async fn only_the_client_s_own_key_and_algorithm_count_and_no_other_kind_of_token() {
    let (app, key) = app_with("keyed").await;
    let claims = || key.claims("keyed", &app.issuer);
    let send = async |header: Value| knock_with(&app.issuer, &key.sign(&header, &claims())).await;
    for typ in [json!("JWT"), json!("client-authentication+jwt")] {
        let_in(&send(with(key.header(), "typ", typ)).await);
    }
    let_in(&send(with(key.header(), "kid", Value::Null)).await);
    for (name, value) in [
        ("typ", json!("dpop+jwt")),
        ("typ", json!("at+jwt")),
        ("typ", json!("logout+jwt")),
        ("kid", json!("two")),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("PS256")),
        ("crit", json!(["exp"])),
    ] {
        let answer = send(with(key.header(), name, value.clone())).await;
        assert_eq!(answer.status, 401, "{name} {value}");
    }
    // A key in the header is whoever's made the token.
    let thief = ClientKey::new("one", &app.clock);
    let header = with(thief.header(), "jwk", thief.jwk());
    kept_out(&knock_with(&app.issuer, &thief.sign(&header, &claims())).await);
    // The one algorithm registered.
    let narrow = ClientKey::new("one", &app.clock);
    let wide = ClientKey::rsa("two", &app.clock);
    let mut new = with_key("narrow", &narrow);
    new.settings.jwks = Some(json!({"keys": [narrow.jwk(), wide.jwk()]}));
    new.settings.auth_signing_alg = numbercloak::oauth::signing_alg::SigningAlg::parse("RS256");
    app.register(new).await;
    let_in(&knock_with(&app.issuer, &wide.assertion("narrow", &app.issuer)).await);
    kept_out(&knock_with(&app.issuer, &narrow.assertion("narrow", &app.issuer)).await);
}

// 2.3.2
#[tokio::test]
async fn a_client_proves_itself_in_one_way_the_registered_one() {
    let (app, key) = app_with("keyed").await;
    let assertion = || key.assertion("keyed", &app.issuer);
    let typed = ("client_assertion_type", ASSERTION_TYPE);
    // Another client_id than the assertion's; the same one may stand there.
    let fields = [
        typed,
        ("client_assertion", &assertion()),
        ("client_id", "shop"),
    ];
    kept_out(&knock(&app.issuer, &fields).await);
    let fields = [
        typed,
        ("client_assertion", &assertion()),
        ("client_id", "keyed"),
    ];
    let_in(&knock(&app.issuer, &fields).await);
    let good = assertion();
    for fields in [
        vec![
            typed,
            ("client_assertion", good.as_str()),
            ("client_secret", "x"),
        ],
        vec![
            ("client_assertion_type", "jwt-bearer"),
            ("client_assertion", &good),
        ],
        vec![("client_assertion", &good)],
        vec![typed],
        vec![typed, typed, ("client_assertion", &good)],
    ] {
        let answer = knock(&app.issuer, &fields).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_request"),
            "{fields:?}"
        );
    }
    // None of these used the assertion up.
    let_in(&knock_with(&app.issuer, &good).await);
    // A client with a secret cannot bring a key, nor one with a key nothing.
    kept_out(&knock_with(&app.issuer, &key.assertion("shop", &app.issuer)).await);
    kept_out(&knock(&app.issuer, &[("client_id", "keyed")]).await);
    for garbage in ["x", "a.b.c", "e30.e30.e30", &"x".repeat(50_000)] {
        kept_out(&knock_with(&app.issuer, garbage).await);
    }
}

// DESIGN.md section 3: failures are limited, and nobody else's failure costs the client anything
#[tokio::test]
async fn failures_are_limited_and_somebody_else_s_use_nothing_up() {
    let app = App::builder()
        .config("limits.client_failures_per_minute", "5")
        .start()
        .await;
    let key = ClientKey::new("one", &app.clock);
    app.register(with_key("keyed", &key)).await;
    let claims = key.claims("keyed", &app.issuer);
    let thief = ClientKey::new("one", &app.clock);
    let mut seen = Vec::new();
    for _ in 0..8 {
        // The same jti as the client's own.
        let answer = knock_with(&app.issuer, &thief.sign(&thief.header(), &claims)).await;
        if answer.status == 429 {
            assert!(answer.headers.contains_key("retry-after"));
        }
        seen.push(answer.status);
    }
    assert_eq!(seen[..5], [401; 5]);
    assert_eq!(seen[5..], [429; 3]);
    let_in(&knock_with(&app.issuer, &key.sign(&key.header(), &claims)).await);
}

// 2.1.3
#[tokio::test]
async fn discovery_tells_the_methods_that_are_on() {
    let app = App::start().await;
    let document = metadata(&app).await;
    assert_eq!(
        document["token_endpoint_auth_methods_supported"],
        json!([
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none"
        ])
    );
    assert_eq!(
        document["token_endpoint_auth_signing_alg_values_supported"],
        json!(["RS256", "PS256", "ES256", "EdDSA"])
    );
    assert!(document.get("mtls_endpoint_aliases").is_none());
    assert!(document.get("registration_endpoint").is_none());
}
