use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::fake::{Fake, Reply, VERIFY, sign};
use crate::oauth::signing_alg::SigningAlg;
use crate::secret::b64;
use crate::store::operators::IdTokenRule;

const VIOLATION: &str = "protocol_violation id_token";
const GOOD: &str = "verified verify";

async fn with(fake: &Fake, id_token: &str) -> String {
    fake.reply("/token", fake.token_reply(id_token));
    fake.concluded().await
}

#[tokio::test]
async fn each_claim_is_checked() {
    let fake = Fake::start().await;
    let now = fake.clock.now().timestamp();
    let set = |name: &'static str, value: Value| {
        move |claims: &mut Value| {
            claims[name] = value;
        }
    };
    let without = |name: &'static str| {
        move |claims: &mut Value| {
            claims.as_object_mut().unwrap().remove(name);
        }
    };
    type Change = Box<dyn FnOnce(&mut Value)>;
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(set("nonce", json!("another"))), VIOLATION),
        (Box::new(without("nonce")), VIOLATION),
        (Box::new(set("aud", json!("another"))), VIOLATION),
        (
            Box::new(set("aud", json!(["us client", "another"]))),
            VIOLATION,
        ),
        (Box::new(without("aud")), VIOLATION),
        (
            Box::new(set("iss", json!("https://evil.example"))),
            VIOLATION,
        ),
        (
            Box::new(set("iss", json!(format!("{}/", fake.base)))),
            VIOLATION,
        ),
        (Box::new(without("iss")), VIOLATION),
        (Box::new(set("exp", json!(now - 31))), VIOLATION),
        (Box::new(set("exp", json!("never"))), VIOLATION),
        (Box::new(without("exp")), VIOLATION),
        (Box::new(set("iat", json!(now + 400))), VIOLATION),
        (Box::new(set("iat", json!(now - 400))), VIOLATION),
        (Box::new(without("iat")), VIOLATION),
        (Box::new(set("azp", json!("another"))), VIOLATION),
        (
            Box::new(set("amr", json!(["pwd"]))),
            "not_on_mobile_network id_token",
        ),
        (
            Box::new(set("amr", json!([]))),
            "not_on_mobile_network id_token",
        ),
        (Box::new(set("exp", json!(now - 20))), GOOD),
        (Box::new(set("iat", json!(now + 200))), GOOD),
        (Box::new(set("aud", json!(["us client"]))), GOOD),
        (Box::new(set("azp", json!("us client"))), GOOD),
        (Box::new(set("amr", json!(["x", "mnba"]))), GOOD),
        (Box::new(without("amr")), GOOD),
    ];
    for (nth, (change, expected)) in cases.into_iter().enumerate() {
        let id_token = fake.id_token(change);
        assert_eq!(with(&fake, &id_token).await, expected, "case {nth}");
    }
}

#[tokio::test]
async fn only_the_operators_own_signature_counts() {
    let mut fake = Fake::start().await;
    let claims = fake.claims();
    let body = b64(claims.to_string().as_bytes());
    let head = |header: Value| b64(header.to_string().as_bytes());
    let none = format!("{}.{body}.", head(json!({ "alg": "none" })));
    let nothing = format!("{}.{body}.", head(json!({ "alg": "ES256", "kid": "k1" })));
    let public = fake.key.public_key_pem();
    let hmac = |secret: &[u8]| {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("k1".to_owned());
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret)).unwrap()
    };
    let stranger = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let good = fake.id_token(|_| {});
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let moved = format!("{}.{}.{signature}", signed.split('.').next().unwrap(), {
        let mut other = claims.clone();
        other["sub"] = json!("another");
        b64(other.to_string().as_bytes())
    });
    for bad in [
        none,
        nothing,
        hmac(public.as_bytes()),
        hmac(fake.key.public_key_raw()),
        hmac(b"s3cret:/?"),
        sign(&claims, "k1", &stranger),
        sign(&claims, "unknown", &stranger),
        moved,
        "garbage".to_owned(),
        "a.b.c".to_owned(),
        String::new(),
    ] {
        assert_eq!(with(&fake, &bad).await, VIOLATION, "{bad}");
    }
    assert!(fake.seen(VERIFY).is_empty());
    assert_eq!(with(&fake, &good).await, GOOD);
    fake.operator.settings.id_token_algs = vec![SigningAlg::RS256];
    assert_eq!(with(&fake, &good).await, VIOLATION);
}

#[tokio::test]
async fn the_record_says_whether_an_id_token_must_come() {
    let mut fake = Fake::start().await;
    let bare = Reply::json(200, r#"{"access_token":"t"}"#);
    let bad = fake.id_token(|claims| claims["nonce"] = json!("another"));
    for (rule, without, with_bad) in [
        (IdTokenRule::Required, VIOLATION, VIOLATION),
        (IdTokenRule::IfPresent, GOOD, VIOLATION),
        (IdTokenRule::Ignored, GOOD, GOOD),
    ] {
        fake.operator.settings.id_token = rule;
        fake.reply("/token", bare.clone());
        assert_eq!(fake.concluded().await, without, "{rule:?}");
        assert_eq!(with(&fake, &bad).await, with_bad, "{rule:?}");
    }
    // One that cannot be checked is not taken on trust.
    fake.operator.settings.id_token = IdTokenRule::IfPresent;
    let settings = &mut fake.operator.settings;
    settings.discovery = false;
    settings.token_endpoint = Some(format!("{}/token", fake.base));
    let good = fake.id_token(|_| {});
    assert_eq!(with(&fake, &good).await, "operator_misconfigured id_token");
}

#[tokio::test]
async fn a_changed_key_is_found_and_a_flood_of_unknown_ones_is_not_passed_on() {
    let fake = Fake::start().await;
    assert_eq!(fake.concluded().await, GOOD);
    assert_eq!(fake.seen("/jwks").len(), 1);
    let newer = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    fake.publish(&[("k2", &newer)]);
    let rotated = sign(&fake.claims(), "k2", &newer);
    // Within 30 s of the last fetch the operator is not asked again.
    assert_eq!(with(&fake, &rotated).await, VIOLATION);
    assert_eq!(fake.seen("/jwks").len(), 1);
    fake.clock.advance(Duration::from_secs(31));
    assert_eq!(with(&fake, &rotated).await, GOOD);
    assert_eq!(fake.seen("/jwks").len(), 2);
    for nth in 0..5 {
        let unknown = sign(&fake.claims(), &format!("x{nth}"), &newer);
        assert_eq!(with(&fake, &unknown).await, VIOLATION);
    }
    assert_eq!(fake.seen("/jwks").len(), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_had_fail_the_leg_until_they_can() {
    let fake = Fake::start().await;
    let good = fake.id_token(|_| {});
    fake.reply("/jwks", Reply::html(503));
    assert_eq!(with(&fake, &good).await, "operator_unavailable id_token");
    fake.publish(&[("k1", &fake.key)]);
    fake.clock.advance(Duration::from_secs(6));
    assert_eq!(with(&fake, &good).await, GOOD);
    // Known keys carry logins while the operator's key set is down.
    fake.reply("/jwks", Reply::html(503));
    fake.clock.advance(Duration::from_secs(120));
    assert_eq!(with(&fake, &fake.id_token(|_| {})).await, GOOD);
}
