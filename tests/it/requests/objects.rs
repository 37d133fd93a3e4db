//! Signed requests by value (RFC 9101): section 2.2 line 10, and section 1.7 P11.

use numbercloak::oauth::signing_alg::SigningAlg;
use serde_json::{Value, json};

use super::{beside, fapi, object, push_with_key, signed, with_key};
use crate::support::app::{App, NUMBER};
use crate::support::keys::ClientKey;
use crate::support::rp::Wish;

// 2.2.10
#[tokio::test]
async fn a_signed_request_is_served_and_pins_the_number() {
    let app = App::start().await;
    let (rp, key) = with_key(&app, "signer", |_| {}).await;
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    let departure = signed(&app, &rp, &key, &departure);
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let answer = rp.answer(&departure, browser.left());
    let signed_in = rp.redeem(&departure, answer.code()).await;
    assert_eq!(signed_in.claims["number_verification"]["pinned"], true);
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
}

// 2.2.10, 1.2 ensure-request-object-with-redirect-uri
#[tokio::test]
async fn what_the_client_signed_wins_over_what_stands_beside_it() {
    let app = App::start().await;
    let (rp, key) = with_key(&app, "signer", |_| {}).await;
    let departure = signed(&app, &rp, &key, &rp.depart(&Wish::of(NUMBER)).await);
    let mut parameters = departure.parameters();
    for (name, value) in [
        ("redirect_uri", "https://evil.example/"),
        ("state", "another"),
        ("login_hint", "+990709999"),
        ("response_mode", "form_post"),
        ("nonce", "another"),
    ] {
        parameters.push((name.to_owned(), value.to_owned()));
    }
    let departure = departure.with(&parameters);
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let answer = rp.answer(&departure, browser.left());
    let signed_in = rp.redeem(&departure, answer.code()).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
}

// 1.2 ensure-request-object-with-redirect-uri
#[tokio::test]
async fn a_bad_request_object_is_told_at_a_registered_address_or_on_a_page() {
    let app = App::start().await;
    let (rp, _) = with_key(&app, "signer", |_| {}).await;
    let thief = ClientKey::new(SigningAlg::ES256);
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    let forged = signed(&app, &rp, &thief, &departure);
    let mut browser = app.browser();
    browser.open(&forged.url).await;
    assert_eq!(browser.title(), "This link is not valid");
    let mut parameters = forged.parameters();
    for (name, value) in departure.parameters() {
        if name == "redirect_uri" || name == "state" {
            parameters.push((name, value));
        }
    }
    browser.open(forged.with(&parameters).url).await;
    let answer = rp.answer(&departure, browser.left());
    assert_eq!(answer.error().0, "invalid_request_object");
}

// 1.7 P11
#[tokio::test]
async fn a_request_object_is_refused_for_each_of_these() {
    let app = App::start().await;
    let (rp, key) = with_key(&app, "signer", |_| {}).await;
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    let good = object(&app, &rp, &departure);
    let now = app.clock.now().timestamp();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        key.sign("oauth-authz-req+jwt", &claims)
    };
    let unsigned = {
        let part = |value: &Value| numbercloak::secret::b64(value.to_string().as_bytes());
        format!("{}.{}.", part(&json!({ "alg": "none" })), part(&good))
    };
    for (what, jwt) in [
        ("expired", with("exp", json!(now - 1))),
        ("not yet", with("nbf", json!(now + 120))),
        ("bad aud", with("aud", json!("https://other.example"))),
        ("bad iss", with("iss", json!("shop"))),
        ("other client_id", with("client_id", json!("shop"))),
        ("request inside", with("request", json!("x"))),
        ("request_uri inside", with("request_uri", json!("urn:x"))),
        ("another type", key.sign("logout+jwt", &good)),
        ("none", unsigned),
        (
            "another's key",
            ClientKey::new(SigningAlg::ES256).sign("JWT", &good),
        ),
        ("no JWT", "x".to_owned()),
    ] {
        let form = vec![("request".to_owned(), jwt)];
        let (status, body) = rp.push(&form).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &"invalid_request_object".into()),
            "{what}"
        );
    }
    for (what, jwt) in [
        ("good", key.sign("oauth-authz-req+jwt", &good)),
        ("plain typ", key.sign("JWT", &good)),
        (
            "audiences",
            with("aud", json!(["https://x.example", app.issuer])),
        ),
        ("8 s ahead", with("nbf", json!(now + 8))),
        (
            "claims as JSON",
            with("claims", json!({ "id_token": { "acr": null } })),
        ),
        ("a number", with("max_age", json!(10))),
    ] {
        let form = vec![("request".to_owned(), jwt)];
        let (status, body) = rp.push(&form).await;
        assert_eq!(status, 201, "{what}: {body}");
    }
}

// 2.2.10: faults inside are told where the object says
#[tokio::test]
async fn what_is_wrong_with_a_signed_request_is_told_where_it_says() {
    let app = App::start().await;
    let (rp, key) = with_key(&app, "signer", |_| {}).await;
    let departure = rp.depart(&Wish::of("+1")).await;
    let mut browser = app.browser();
    browser.open(signed(&app, &rp, &key, &departure).url).await;
    let answer = rp.answer(&departure, browser.left());
    assert_eq!(answer.error().0, "invalid_request");
    let mut claims = object(&app, &rp, &departure);
    claims["redirect_uri"] = json!("https://evil.example/");
    let jwt = key.sign("JWT", &claims);
    browser.open(departure.with(&beside(&rp, jwt)).url).await;
    assert_eq!(browser.title(), "This link is not valid");
}

// RFC 9101 section 10.5
#[tokio::test]
async fn a_client_that_must_sign_is_refused_without() {
    let app = App::start().await;
    let (rp, key) = with_key(&app, "signer", |settings| {
        settings.require_signed_request_object = true;
        settings.request_object_alg = Some(SigningAlg::ES256);
    })
    .await;
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    let answer = rp.answer(&departure, browser.left());
    assert_eq!(answer.error().0, "invalid_request_object");
    browser.open(signed(&app, &rp, &key, &departure).url).await;
    assert_eq!(browser.page().status, 200);
    browser.press("Continue").await;
    assert!(!rp.answer(&departure, browser.left()).code().is_empty());
}

// 1.7 P11: message signing
#[tokio::test]
async fn a_message_signing_client_signs_every_request_in_time_and_not_with_rs256() {
    let app = App::start().await;
    let (bank, key) = fapi(&app, "fapi2_message_signing").await;
    let departure = bank.depart(&Wish::of(NUMBER)).await;
    let good = object(&app, &bank, &departure);
    let now = app.clock.now().timestamp();
    let push = async |form| push_with_key(&app, &bank, &key, form).await;
    let unsigned = push(departure.parameters()).await;
    assert_eq!(
        (unsigned.0, &unsigned.1["error"]),
        (400, &"invalid_request_object".into())
    );
    let edits: [(&str, Option<Value>); 8] = [
        ("exp", None),
        ("nbf", None),
        ("aud", None),
        ("iss", None),
        ("exp", Some(json!(now + 3601))),
        ("nbf", Some(json!(now - 3601))),
        ("exp", Some(json!(now - 300))),
        ("aud", Some(json!(format!("{}/par", app.issuer)))),
    ];
    for (name, value) in edits {
        let mut claims = good.clone();
        match value {
            Some(value) => claims[name] = value,
            None => drop(claims.as_object_mut().unwrap().remove(name)),
        }
        let jwt = key.sign("oauth-authz-req+jwt", &claims);
        let (status, body) = push(vec![("request".to_owned(), jwt)]).await;
        assert_eq!(
            (status, &body["error"]),
            (400, &"invalid_request_object".into()),
            "{name}"
        );
    }
    let rsa = ClientKey::new(SigningAlg::RS256);
    let jwt = rsa.sign("oauth-authz-req+jwt", &good);
    let (status, body) = push(vec![("request".to_owned(), jwt)]).await;
    assert_eq!(
        (status, &body["error"]),
        (400, &"invalid_request_object".into())
    );
}
