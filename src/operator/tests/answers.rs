//! Whatever an operator answers, only the one exact shape verifies: every dialect, on the whole way from the
//! callback to the verdict.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::dialects::{mobile_connect, vonage};
use super::fake::{Fake, NUMBER, Reply, SHARE, VERIFY};
use crate::phone::PhoneNumber;
use crate::store::operators::{Dialect, HintForm};
use crate::verdict::{Method, Verdict};

/// Answers tried with each dialect.
const TRIES: usize = 150;

/// A status, a content type and a body that is right, nearly right, or anything.
fn any_answer(good: Value) -> impl Strategy<Value = (u16, &'static str, String)> {
    let member = good.as_object().unwrap().keys().next().unwrap().clone();
    let status = prop_oneof![9 => Just(200_u16), 1 => prop::sample::select(vec![201, 202, 206, 400, 403, 500])];
    let kind = prop_oneof![
        9 => Just("application/json"),
        1 => prop::sample::select(vec!["text/html", "application/jsonx", "text/json"]),
    ];
    let leaf = prop_oneof![
        3 => Just(good[&member].clone()),
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        2 => "true|TRUE|yes|1|\\+34[0-9]{9}|34[0-9]{9}|\\PC{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(2, 12, 3, |inner| {
        let inside = prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from);
        prop_oneof![inside, inner.prop_map(|value| json!({ "value": value }))]
    });
    let key = prop_oneof![
        4 => Just(member.clone()),
        1 => Just(member.to_lowercase()),
        1 => Just("verified".to_owned()),
        1 => Just("device_phone_number_verified".to_owned()),
        1 => "\\PC{0,6}",
    ];
    let made = prop::collection::vec((key, value.clone()), 0..3);
    let made = made.prop_map(|pairs| Value::Object(pairs.into_iter().collect()).to_string());
    let text = good.to_string();
    let (whole, length) = (text.clone(), text.len());
    let broken = (0..length, "[ -~]{0,2}", any::<bool>()).prop_map(move |(at, with, cut)| {
        let rest = at + usize::from(cut);
        format!("{}{with}{}", &text[..at], &text[rest..])
    });
    let body = prop_oneof![
        4 => made,
        1 => value.prop_map(|value| value.to_string()),
        3 => broken,
        1 => Just(whole.clone()),
        1 => Just(format!("[{whole}]")),
        1 => "\\PC{0,40}",
    ];
    (status, kind, body)
}

/// What stands at the key of an answer that may count.
fn said((status, kind, body): &(u16, &str, String), member: &str) -> Option<Value> {
    let counts = *status == 200 && *kind == "application/json";
    let object: serde_json::Map<String, Value> = serde_json::from_str(body).ok()?;
    object.get(member).filter(|_| counts).cloned()
}

/// Tries many answers to the call at `path`; `right` says which number one of them proves.
async fn only_the_exact_shape_verifies(
    mut fake: Fake,
    path: &str,
    good: Value,
    right: impl Fn(Option<Value>) -> Option<PhoneNumber>,
) {
    // However many of them look as if the operator was down.
    fake.operator.settings.restraint.breaker_failures = 0;
    let member = good.as_object().unwrap().keys().next().unwrap().clone();
    let answers = any_answer(good);
    let mut runner = TestRunner::deterministic();
    let mut verified = 0;
    for _ in 0..TRIES {
        let answer = answers.new_tree(&mut runner).unwrap().current();
        let (status, kind, body) = answer.clone();
        fake.reply(path, Reply::Send(status, kind, body));
        let proven = match fake.conclude().await {
            Verdict::Verified(proof) => Some(proof.number),
            Verdict::Refused(_) => None,
        };
        assert_eq!(proven, right(said(&answer, &member)), "{answer:?}");
        verified += usize::from(proven.is_some());
    }
    assert!((1..TRIES).contains(&verified), "{verified} of {TRIES}");
}

fn number() -> PhoneNumber {
    PhoneNumber::from_e164(NUMBER).unwrap()
}

fn asked_if(said: Option<Value>) -> Option<PhoneNumber> {
    (said == Some(Value::Bool(true))).then(number)
}

#[tokio::test]
async fn camara_verifies_by_a_boolean_only() {
    let good = json!({ "devicePhoneNumberVerified": true });
    only_the_exact_shape_verifies(Fake::start().await, VERIFY, good, asked_if).await;
}

#[tokio::test]
async fn camara_tells_a_number_in_its_own_area_only() {
    let mut fake = Fake::start().await;
    fake.method = Method::DevicePhoneNumber;
    fake.number = None;
    let scope = "openid dpv:ServiceProvision number-verification:device-phone-number:read";
    fake.operator.settings.scope_device_phone_number = Some(scope.to_owned());
    let token = fake.id_token(|_| {});
    fake.reply("/token", fake.token_reply(&token));
    let good = json!({ "devicePhoneNumber": NUMBER });
    let right = |said: Option<Value>| {
        let text = said?.as_str()?.to_owned();
        let number = PhoneNumber::from_e164(&text).ok()?;
        number.digits().starts_with("34").then_some(number)
    };
    only_the_exact_shape_verifies(fake, SHARE, good, right).await;
}

#[tokio::test]
async fn telefonica_verifies_by_a_boolean_only() {
    let mut fake = Fake::start().await;
    fake.operator.settings.dialect = Dialect::Telefonica;
    fake.operator.settings.login_hint = HintForm::Tel;
    let good = json!({ "devicePhoneNumberVerified": true });
    only_the_exact_shape_verifies(fake, VERIFY, good, asked_if).await;
}

#[tokio::test]
async fn vonage_verifies_by_a_boolean_only() {
    let good = json!({ "devicePhoneNumberVerified": true });
    only_the_exact_shape_verifies(vonage().await, VERIFY, good, asked_if).await;
}

#[tokio::test]
async fn mobile_connect_verifies_by_a_boolean_only() {
    let good = json!({ "device_msisdn_verified": true });
    let path = "/api/premiuminfo/v1/";
    only_the_exact_shape_verifies(mobile_connect().await, path, good, asked_if).await;
}
