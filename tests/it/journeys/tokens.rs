//! What the app is told: exactly DESIGN.md's table, in the ID token and at userinfo.

use std::collections::BTreeSet;
use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::store::clients::SubjectType;
use openidconnect::core::CoreJwsSigningAlgorithm;
use serde_json::{Value, json};

use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::{SignedIn, Wish};

/// In every ID token.
const PROTOCOL: [&str; 6] = ["iss", "aud", "exp", "iat", "at_hash", "nonce"];
/// The row `openid`.
const LOGIN: [&str; 6] = ["sub", "acr", "amr", "auth_time", "sid", "txn"];
const NUMBER_CLAIMS: [&str; 2] = ["phone_number", "phone_number_verified"];

fn names(claims: &Value) -> BTreeSet<&str> {
    claims
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

async fn sign_in(app: &App, hinted: bool, scopes: &[&'static str]) -> SignedIn {
    let mut browser = app.browser();
    if hinted {
        let wish = Wish::of(NUMBER).scopes(scopes);
        return app.sign_in(&mut browser, &wish).await;
    }
    let departure = app.open(&mut browser, &Wish::new().scopes(scopes)).await;
    browser
        .press_with("Continue", &[("phone_number", NUMBER)])
        .await;
    app.redeem(&browser, &departure).await
}

#[tokio::test]
async fn each_scope_releases_its_claims_and_no_others() {
    let app = App::start().await;
    for (scopes, hinted, verification, number) in [
        (&[][..], true, false, false),
        (&[], false, false, false),
        (&["number_verified"], true, true, true),
        (&["number_verified"], false, true, false),
        (&["phone"], true, true, true),
        (&["phone"], false, true, true),
        (&["number_verified", "phone"], true, true, true),
        (&["number_verified", "phone"], false, true, true),
    ] {
        let signed_in = sign_in(&app, hinted, scopes).await;
        let mut expected = BTreeSet::from(LOGIN);
        if verification {
            expected.insert("number_verification");
        }
        if number {
            expected.extend(NUMBER_CLAIMS);
        }
        let case = format!("{scopes:?}, hinted: {hinted}");
        assert_eq!(names(&signed_in.userinfo), expected, "{case}");
        expected.extend(PROTOCOL);
        assert_eq!(names(&signed_in.claims), expected, "{case}");
        for (name, value) in signed_in.userinfo.as_object().unwrap() {
            assert_eq!(signed_in.claims[name], *value, "{case}: {name}");
        }
        if number {
            assert_eq!(signed_in.claims["phone_number"], NUMBER, "{case}");
            assert_eq!(signed_in.claims["phone_number_verified"], true, "{case}");
        }
        let granted: BTreeSet<&str> = signed_in.scope.split(' ').collect();
        let asked: BTreeSet<&str> = ["openid"]
            .into_iter()
            .chain(scopes.iter().copied())
            .collect();
        assert_eq!(granted, asked, "{case}");
    }
}

#[tokio::test]
async fn the_claims_say_how_and_when_the_number_was_verified() {
    let app = App::start().await;
    let before = app.clock.now().timestamp();
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let verified_until = app.clock.now().timestamp();
    app.clock.advance(Duration::from_secs(30));
    let claims = app.redeem(&browser, &departure).await.claims;

    let verified_at = claims["auth_time"].as_i64().unwrap();
    assert!((before..=verified_until).contains(&verified_at));
    assert_eq!(
        claims["number_verification"],
        json!({
            "operator": "simulator", "method": "verify", "verified_at": verified_at,
            "pinned": false, "cross_device": false, "test": true, "checks": {},
        })
    );
    assert_eq!(claims["iss"], app.issuer);
    assert_eq!(claims["aud"], "shop");
    assert_eq!(claims["acr"], "urn:numbercloak:acr:network");
    assert_eq!(claims["amr"], json!(["nba", "user"]));
    let issued = claims["iat"].as_i64().unwrap();
    assert!(issued >= verified_at + 29, "the time of the token");
    assert_eq!(claims["exp"].as_i64().unwrap() - issued, 600);
}

#[tokio::test]
async fn txn_is_the_audit_record_of_the_check() {
    let app = App::start().await;
    let mut browser = app.browser();
    let signed_in = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let records = app.audit(Query::default()).await;
    let receipt: Vec<_> = records
        .iter()
        .filter(|record| record.id.to_string() == signed_in.claims["txn"])
        .collect();
    assert_eq!(receipt.len(), 1);
    assert_eq!(receipt[0].body["type"], "NUMBER_VERIFIED");
    assert_eq!(receipt[0].body["subject"], signed_in.claims["sub"]);
    assert_eq!(receipt[0].body["client_id"], "shop");
    let number = receipt[0].number.as_deref().unwrap();
    assert!(number.starts_with("+990") && number != NUMBER, "{number}");
}

#[tokio::test]
async fn a_client_may_have_es256_and_its_claims_at_userinfo_only() {
    let mut app = App::builder()
        .client(|client| {
            client.settings.id_token_alg = SigningAlg::ES256;
            client.settings.claims_in_userinfo_only = true;
        })
        .start()
        .await;
    app.shop.alg = CoreJwsSigningAlgorithm::EcdsaP256Sha256;
    let mut browser = app.browser();
    let signed_in = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(signed_in.header["alg"], "ES256");
    let expected: BTreeSet<&str> = LOGIN.into_iter().chain(PROTOCOL).collect();
    assert_eq!(names(&signed_in.claims), expected);
    assert_eq!(signed_in.userinfo["phone_number"], NUMBER);
    assert_eq!(signed_in.userinfo["sub"], signed_in.claims["sub"]);
}

#[tokio::test]
async fn a_number_is_one_subject_within_a_sector_and_another_elsewhere() {
    let app = App::start().await;
    let mut same = new_client("sister");
    same.redirect_uris = vec!["https://shop.example/sister".to_owned()];
    let mut public = [new_client("one"), new_client("two")];
    for client in &mut public {
        client.settings.subject_type = SubjectType::Public;
    }
    let [one, two] = public;
    let mut subjects = Vec::new();
    let mut sessions = BTreeSet::new();
    let mut browser = app.browser();
    let shop = app.shop.clone();
    let mut rps = vec![shop];
    for new in [same, new_client("bank"), one, two] {
        rps.push(app.register(new).await);
    }
    for rp in &rps {
        let departure = rp.depart(&Wish::of(NUMBER)).await;
        browser.open(&departure.url).await;
        browser.press("Continue").await;
        let answer = rp.answer(&departure, browser.left());
        let signed_in = rp.redeem(&departure, answer.code()).await;
        subjects.push(signed_in.claims["sub"].as_str().unwrap().to_owned());
        sessions.insert(signed_in.claims["sid"].as_str().unwrap().to_owned());
    }
    let [shop, sister, bank, one, two] = &subjects[..] else {
        unreachable!()
    };
    assert_eq!(shop, sister, "one sector");
    assert_ne!(shop, bank, "two sectors");
    assert_eq!(one, two, "public");
    assert_ne!(shop, one);
    // One session of ours, and every app knows it under a name of its own.
    assert_eq!(sessions.len(), rps.len());
    assert_eq!(super::worth(&app).await[2], 1);

    let mut other = app.browser();
    let again = app.sign_in(&mut other, &Wish::of(NUMBER)).await;
    assert_eq!(
        again.claims["sub"], **shop,
        "another browser, the same number"
    );
}
