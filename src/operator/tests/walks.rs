use serde_json::json;

use super::fake::{Fake, REDIRECT, Reply, VERIFY};
use crate::operator::test::{Step, walk};

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
            "discovery",
            "departure",
            "reach",
            "clock",
            "keys",
            "token",
            "api"
        ]
    );
    assert!(
        fake.seen(VERIFY).is_empty(),
        "nothing that costs money is called"
    );
}

#[tokio::test]
async fn each_fault_is_found_where_it_lies() {
    let unknown_client = Reply::json(401, json!({ "error": "invalid_client" }));
    let refusal = Reply::json(400, json!({ "error": "invalid_grant" }));
    let fake = Fake::start().await;
    assert_eq!(
        bad(&walked(&fake).await),
        ["token"],
        "it took a made-up code"
    );
    fake.reply("/token", unknown_client);
    assert_eq!(bad(&walked(&fake).await), ["token"]);
    fake.reply("/token", refusal);
    fake.reply("/jwks", Reply::html(500));
    assert_eq!(bad(&walked(&fake).await), ["keys"]);
    fake.reply("/.well-known/openid-configuration", Reply::html(404));
    assert_eq!(bad(&walked(&fake).await), ["discovery"]);

    let mut fake = Fake::start().await;
    fake.reply(
        "/token",
        Reply::json(400, json!({ "error": "invalid_grant" })),
    );
    fake.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(bad(&walked(&fake).await), ["clock"]);
    fake.operator.settings.prefixes.clear();
    fake.operator.settings.api_root = "https://10.0.0.1/api".to_owned();
    assert_eq!(bad(&walked(&fake).await), ["record", "clock", "api"]);
    fake.operator.settings.token_endpoint = Some("https://10.0.0.1/token".to_owned());
    assert_eq!(bad(&walked(&fake).await), ["record", "reach"]);
    fake.operator.settings.signed_request = true;
    assert_eq!(bad(&walked(&fake).await), ["record", "departure", "reach"]);
}
