use serde_json::json;

use super::fake::{Fake, REDIRECT, Reply, VERIFY};
use crate::operator::test::{Step, walk};
use crate::store::checks::{CheckContract, CheckFlow};

async fn walked(fake: &Fake) -> Vec<Step> {
    walk(
        &fake.outbound,
        &fake.operator,
        &fake.credentials,
        REDIRECT,
        &fake.clock,
    )
    .await
}

fn bad(steps: &[Step]) -> Vec<&'static str> {
    steps
        .iter()
        .filter(|step| !step.ok)
        .map(|step| step.name)
        .collect()
}

#[tokio::test]
async fn a_good_operator_passes_every_step() {
    let fake = Fake::start().await;
    fake.reply(
        "/token",
        Reply::json(400, json!({ "error": "invalid_grant" })),
    );
    let steps = walked(&fake).await;
    assert!(bad(&steps).is_empty(), "{steps:?}");
    let names: Vec<_> = steps.iter().map(|step| step.name).collect();
    assert_eq!(
        names,
        [
            "record",
            "dns",
            "tls",
            "clock",
            "discovery",
            "issuer",
            "departure",
            "keys",
            "client_authentication",
        ]
    );
    assert!(
        fake.seen(VERIFY).is_empty(),
        "nothing that costs money is called"
    );
}

fn refuses_codes(fake: &Fake) {
    let refusal = Reply::json(400, json!({ "error": "invalid_grant" }));
    fake.reply("/token", refusal);
}

/// A name nobody has: reserved for that by RFC 6761.
const NOWHERE: &str = "https://operator.invalid/token";

#[tokio::test]
async fn a_fault_of_the_answers_is_found_where_it_lies() {
    let fake = Fake::start().await;
    let at_the_client = ["client_authentication"];
    assert_eq!(
        bad(&walked(&fake).await),
        at_the_client,
        "it took a made-up code"
    );
    for (status, body) in [
        (401, json!({ "error": "invalid_client" })),
        (401, json!({ "code": 401, "message": "no" })),
        (400, json!({ "error": "invalid_request" })),
        (404, json!({})),
        (503, json!({})),
    ] {
        fake.reply("/token", Reply::json(status, body));
        assert_eq!(bad(&walked(&fake).await), at_the_client, "{status}");
    }
    refuses_codes(&fake);
    fake.reply("/jwks", Reply::html(500));
    assert_eq!(bad(&walked(&fake).await), ["keys"]);
    fake.reply("/jwks", Reply::json(200, json!({ "keys": [] })));
    assert_eq!(bad(&walked(&fake).await), ["keys"]);
    let document = "/.well-known/openid-configuration";
    let another = fake.metadata(&format!("{}/", fake.base));
    fake.reply(document, Reply::json(200, another));
    assert_eq!(bad(&walked(&fake).await), ["issuer"]);
    for reply in [Reply::html(404), Reply::html(200), Reply::html(503)] {
        fake.reply(document, reply);
        assert_eq!(bad(&walked(&fake).await), ["discovery"]);
    }
}

#[tokio::test]
async fn a_fault_of_the_way_is_found_where_it_lies() {
    let mut fake = Fake::start().await;
    refuses_codes(&fake);
    fake.operator.settings.token_endpoint = Some(NOWHERE.to_owned());
    assert_eq!(bad(&walked(&fake).await), ["dns"]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("https://{}/token", free.local_addr().unwrap());
    drop(free);
    fake.operator.settings.token_endpoint = Some(closed);
    assert_eq!(bad(&walked(&fake).await), ["connection"]);
    // It speaks http, not TLS, at that port.
    fake.operator.settings.token_endpoint = Some(fake.base.replace("http:", "https:"));
    let steps = walked(&fake).await;
    assert_eq!(bad(&steps), ["tls"], "{steps:?}");
    fake.operator.settings.token_endpoint = Some("https://10.0.0.1/token".to_owned());
    assert_eq!(bad(&walked(&fake).await), ["dns"], "a private address");

    let mut fake = Fake::start().await;
    refuses_codes(&fake);
    fake.operator.settings.issuer = Some("https://operator.invalid".to_owned());
    assert_eq!(bad(&walked(&fake).await), ["dns"], "nothing else is tried");
}

/// What is to be mended, by the first step that failed.
fn fix(steps: &[Step]) -> &'static str {
    let bad = steps.iter().find(|step| !step.ok);
    bad.and_then(|step| step.fix).unwrap()
}

#[tokio::test]
async fn names_and_clocks_that_are_wrong_are_told_with_what_to_mend() {
    let mut fake = Fake::start().await;
    refuses_codes(&fake);
    fake.operator.settings.token_endpoint = Some(NOWHERE.to_owned());
    let steps = walked(&fake).await;
    assert_eq!(
        fix(&steps),
        "check the host name, and that this server can resolve names"
    );
    fake.operator.settings.token_endpoint = Some("https://10.0.0.1/token".to_owned());
    assert!(fix(&walked(&fake).await).contains("list that network as allowed"));
    fake.operator.settings.token_endpoint = Some("no url".to_owned());
    assert!(fix(&walked(&fake).await).contains("the whole URL"));
    fake.operator.settings.token_endpoint = None;
    // 30 s apart pass; what an assertion or an ID token would trip over does not. The operator's clock goes on
    // meanwhile: a name that is none may take seconds to be told so.
    fake.clock.advance(std::time::Duration::from_secs(25));
    assert!(bad(&walked(&fake).await).is_empty());
    fake.clock.advance(std::time::Duration::from_secs(60));
    let steps = walked(&fake).await;
    assert!(fix(&steps).contains("synchronise this server's clock (NTP)"));
    let clock = steps.iter().find(|step| step.name == "clock").unwrap();
    assert!(
        clock.detail.starts_with("the operator's clock is -"),
        "{clock:?}"
    );
}

#[tokio::test]
async fn a_fault_of_ours_is_found_where_it_lies() {
    let mut fake = Fake::start().await;
    refuses_codes(&fake);
    fake.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(bad(&walked(&fake).await), ["clock"]);
    fake.operator.settings.prefixes.clear();
    fake.operator.settings.api_root = "https://10.0.0.1/api".to_owned();
    assert_eq!(bad(&walked(&fake).await), ["record", "clock", "dns"]);
    fake.operator.settings.signed_request = true;
    let found = bad(&walked(&fake).await);
    assert_eq!(found, ["record", "clock", "departure", "dns"]);
}

#[tokio::test]
async fn the_token_of_an_extra_check_is_tried_and_the_check_is_not() {
    let mut fake = Fake::start().await;
    fake.operator.settings.checks.sim_swap = Some(CheckContract::default());
    refuses_codes(&fake);
    let steps = walked(&fake).await;
    assert_eq!(bad(&steps), ["checks"], "it refuses every grant");
    fake.operator.settings.checks.sim_swap = Some(CheckContract {
        flow: CheckFlow::JwtBearer,
        ..CheckContract::default()
    });
    assert!(bad(&walked(&fake).await).is_empty());
    assert!(fake.seen("/api/sim-swap/v2/check").is_empty());
}

#[tokio::test]
async fn every_fault_says_what_to_do() {
    let fake = Fake::start().await;
    fake.reply("/jwks", Reply::html(500));
    for step in walked(&fake).await {
        assert_eq!(step.fix.is_some(), !step.ok, "{step:?}");
    }
}
