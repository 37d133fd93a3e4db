//! CAMARA's own test definitions, as features in `features/` that the cucumber crate runs.

use cucumber::gherkin::{Feature, GherkinEnv};
use cucumber::writer::Stats as _;
use cucumber::{World as _, given, then, when};

use super::*;
use crate::phone::PhoneNumber;

const CORRELATOR: &str = "b4333c46-49c0-4f62-80d7-f0ef930f1c46";
const FEATURES: [&str; 2] = ["verify.feature", "share.feature"];
/// The scenarios of CAMARA's two files.
const CAMARA: usize = 22;

/// One scenario: an operator of its own, a phone, and what came back.
#[derive(cucumber::World)]
#[world(init = Self::begin)]
struct Stage {
    world: World,
    sim: String,
    token: Option<String>,
    status: u16,
    kind: String,
    correlator: Option<String>,
    body: Value,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Stage({} {})", self.status, self.body)
    }
}

impl Stage {
    async fn begin() -> Self {
        Self {
            world: World::new().await,
            sim: String::new(),
            token: None,
            status: 0,
            kind: String::new(),
            correlator: None,
            body: Value::Null,
        }
    }

    async fn send(&mut self, mut request: reqwest::RequestBuilder) {
        request = request.header("x-correlator", CORRELATOR);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| {
            let value = response.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        self.status = response.status().as_u16();
        self.kind = header("content-type").unwrap_or_default();
        self.correlator = header("x-correlator");
        self.body = response.json().await.unwrap();
    }

    async fn verify(&mut self, body: &Value) {
        let url = self.world.url("/number-verification/v2/verify");
        let request = self.world.http.post(url).json(body);
        self.send(request).await;
    }

    fn members(&self) -> Vec<&String> {
        self.body.as_object().unwrap().keys().collect()
    }
}

#[given(regex = r#"^a phone on mobile data with the SIM "(.+)"$"#)]
fn a_phone(stage: &mut Stage, sim: String) {
    stage.sim = sim;
}

#[given(regex = "^a token for (verify|share)$")]
async fn a_token(stage: &mut Stage, call: String) {
    let scope = if call == "verify" { VERIFY } else { SHARE };
    stage.token = Some(stage.world.token(&stage.sim, scope).await);
}

#[given("no token")]
fn no_token(stage: &mut Stage) {
    stage.token = None;
}

#[given(regex = r#"^the token "(.+)"$"#)]
fn the_token(stage: &mut Stage, token: String) {
    stage.token = Some(token);
}

#[given(regex = r"^(\d+) seconds have passed$")]
fn time_has_passed(stage: &mut Stage, seconds: u64) {
    stage.world.clock.advance(Duration::from_secs(seconds));
}

#[when("the SIM's own number is sent")]
async fn own_number(stage: &mut Stage) {
    let body = json!({ "phoneNumber": stage.sim });
    stage.verify(&body).await;
}

#[when(regex = r#"^the number "(.+)" is sent$"#)]
async fn a_number(stage: &mut Stage, number: String) {
    stage.verify(&json!({ "phoneNumber": number })).await;
}

#[when(regex = r#"^the hash of the number "(.+)" is sent$"#)]
async fn a_hash(stage: &mut Stage, number: String) {
    let hash = PhoneNumber::from_e164(&number).unwrap().sha256_hex();
    // In either case.
    let upper = json!({ "hashedPhoneNumber": hash.to_uppercase() });
    stage.verify(&upper).await;
    let first = (stage.status, stage.body.clone());
    stage.token = Some(stage.world.token(&stage.sim, VERIFY).await);
    stage.verify(&json!({ "hashedPhoneNumber": hash })).await;
    assert_eq!(first, (stage.status, stage.body.clone()));
}

#[when("nothing is sent")]
async fn nothing(stage: &mut Stage) {
    let url = stage.world.url("/number-verification/v2/verify");
    let request = stage.world.http.post(url);
    let request = request.header("content-type", "application/json");
    stage.send(request).await;
}

#[when(regex = r"^the body (\{.*\}) is sent$")]
async fn a_body(stage: &mut Stage, body: String) {
    stage.verify(&serde_json::from_str(&body).unwrap()).await;
}

#[when("the SIM's number is asked for")]
async fn share(stage: &mut Stage) {
    let url = stage
        .world
        .url("/number-verification/v2/device-phone-number");
    let request = stage.world.http.get(url);
    stage.send(request).await;
}

#[then(regex = r"^the status is (\d+)$")]
fn the_status(stage: &mut Stage, status: u16) {
    assert_eq!(stage.status, status);
}

#[then("the answer is JSON and repeats the correlator")]
fn json_with_correlator(stage: &mut Stage) {
    assert_eq!(stage.kind, "application/json");
    assert_eq!(stage.correlator.as_deref(), Some(CORRELATOR));
}

#[then("it holds a verdict and nothing else")]
fn a_verdict(stage: &mut Stage) {
    assert_eq!(stage.members(), ["devicePhoneNumberVerified"]);
    assert!(stage.body["devicePhoneNumberVerified"].is_boolean());
}

#[then("it holds a number and nothing else")]
fn a_number_told(stage: &mut Stage) {
    assert_eq!(stage.members(), ["devicePhoneNumber"]);
    let number = stage.body["devicePhoneNumber"].as_str().unwrap();
    assert!(PhoneNumber::from_e164(number).is_ok());
}

#[then(regex = "^the number is (confirmed|not confirmed)$")]
fn the_verdict(stage: &mut Stage, verdict: String) {
    let confirmed = verdict == "confirmed";
    assert_eq!(stage.body["devicePhoneNumberVerified"], confirmed);
}

#[then(regex = r#"^the number told is "(.+)"$"#)]
fn the_number_told(stage: &mut Stage, number: String) {
    assert_eq!(stage.body["devicePhoneNumber"], number);
}

#[then(regex = r#"^it is refused with (\d+) "(.+)"$"#)]
fn refused(stage: &mut Stage, status: u16, code: String) {
    json_with_correlator(stage);
    assert_eq!(stage.status, status);
    assert_eq!(stage.body["status"], status);
    assert_eq!(stage.body["code"], code);
    let message = stage.body["message"].as_str().unwrap();
    assert!(!message.is_empty());
}

#[tokio::test]
async fn all_camara_scenarios_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/simulator/tests/features");
    let mut tagged = 0;
    for file in FEATURES {
        let path = format!("{folder}/{file}");
        let feature = Feature::parse_path(path, GherkinEnv::default()).unwrap();
        let scenarios = feature.scenarios.iter();
        tagged += scenarios
            .filter(|scenario| !scenario.tags.contains(&"ours".to_owned()))
            .count();
    }
    assert_eq!(tagged, CAMARA);
    let ran = Stage::cucumber()
        .fail_on_skipped()
        // Not those of the test binary.
        .with_default_cli()
        .run(folder)
        .await;
    assert!(!ran.execution_has_failed());
    assert!(ran.passed_steps() > 4 * CAMARA);
}

#[tokio::test]
async fn a_correlator_outside_the_pattern_comes_before_everything() {
    let world = World::new().await;
    for path in ["verify", "device-phone-number"] {
        let url = world.url(&format!("/number-verification/v2/{path}"));
        let request = if path == "verify" {
            world.http.post(url)
        } else {
            world.http.get(url)
        };
        let response = request
            .header("x-correlator", "not allowed")
            .send()
            .await
            .unwrap();
        assert!(response.headers().get("x-correlator").is_none());
        assert_eq!(response.status(), 400);
        assert_eq!(
            response.json::<Value>().await.unwrap()["code"],
            "INVALID_ARGUMENT"
        );
    }
}
