//! The three ways to a token for a check, each against the operator's rules.

use numbercloak::admin::operators;
use numbercloak::secret::{Redacted, b64};
use numbercloak::simulator::SimulatedClient;
use numbercloak::store::checks::{CheckContract, CheckFlow, Policy};
use numbercloak::store::operators::Credentials;
use serde_json::json;

use super::{log_in, ordinary, swap, wanting};
use crate::support::app::{App, OPERATOR};

async fn asking_by(flow: CheckFlow) -> App {
    let app = wanting(Policy::Report, Policy::Off).await;
    let endpoint = format!("{}/bc-authorize", app.operator.issuer());
    app.edit_operator(move |operator| {
        operator.checks.backchannel_endpoint = Some(endpoint);
    })
    .await;
    with_key(&app).await;
    app.edit_operator(move |operator| {
        operator.checks.sim_swap = Some(CheckContract {
            flow,
            ..CheckContract::default()
        });
    })
    .await;
    app
}

/// Gives us a key at the operator beside the secret.
async fn with_key(app: &App) {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let point = key.public_key_raw();
    let secret = "a secret between operator and us";
    app.operator.register(SimulatedClient {
        client_id: "numbercloak".to_owned(),
        client_secret: Some(secret.to_owned()),
        jwks: Some(json!({ "keys": [{
            "kty": "EC", "crv": "P-256", "kid": "k1",
            "x": b64(&point[1..33]), "y": b64(&point[33..]),
        }] })),
        redirect_uris: vec![format!("{}/broker/{OPERATOR}/endpoint", app.issuer)],
    });
    operators::update(&app.desk(), OPERATOR, None, |operator| {
        operator.credentials = Some(Credentials {
            client_secret: Some(Redacted::new(secret)),
            private_key_pem: Some(Redacted::new(key.serialize_pem())),
            kid: Some("k1".to_owned()),
        });
    })
    .await
    .unwrap();
    app.state().forget("operators").await;
}

async fn result_of(app: &App, number: &str) -> String {
    let mut browser = app.browser();
    let departure = log_in(app, &mut browser, number).await;
    let signed_in = app.redeem(&browser, &departure).await;
    let check = &signed_in.claims["number_verification"]["checks"]["sim_swap"];
    check["result"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_way_to_the_token_leads_to_an_answer() {
    for flow in [
        CheckFlow::ClientCredentials,
        CheckFlow::JwtBearer,
        CheckFlow::Ciba,
    ] {
        let app = asking_by(flow).await;
        assert_eq!(result_of(&app, &ordinary(1)).await, "pass", "{flow:?}");
        swap(&app, &ordinary(2), 1);
        assert_eq!(result_of(&app, &ordinary(2)).await, "fail", "{flow:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_ready_is_waited_for_within_the_time() {
    let app = asking_by(CheckFlow::Ciba).await;
    assert_eq!(result_of(&app, "+990706000").await, "pass");
    app.edit_operator(|operator| operator.checks.timeout_ms = 500)
        .await;
    assert_eq!(result_of(&app, "+990706000").await, "unavailable");
}

#[tokio::test]
async fn a_back_channel_that_is_polled_too_often_is_polled_less_often_within_the_time() {
    let app = asking_by(CheckFlow::Ciba).await;
    let polls = |app: &App| {
        let received = app.operator.received();
        let polls = received.iter().filter(|one| {
            let mut given = one.parameters.iter();
            one.path == "/token" && given.any(|(name, _)| name == "auth_req_id")
        });
        polls.count()
    };
    app.edit_operator(|operator| operator.checks.timeout_ms = 10_000)
        .await;
    assert_eq!(result_of(&app, "+990706001").await, "pass");
    assert_eq!(polls(&app), 2, "one too early, one after the longer pause");
    // A pause that does not fit into the time is not waited for to the end.
    app.edit_operator(|operator| operator.checks.timeout_ms = 3_000)
        .await;
    assert_eq!(result_of(&app, "+990706001").await, "unavailable");
    assert_eq!(polls(&app), 3);
}

#[tokio::test]
async fn a_back_channel_that_refuses_makes_the_check_unavailable() {
    let app = asking_by(CheckFlow::Ciba).await;
    for number in ["+990706002", "+990706003"] {
        assert_eq!(result_of(&app, number).await, "unavailable", "{number}");
    }
    app.edit_operator(|operator| {
        operator.checks.sim_swap = Some(CheckContract {
            scope: Some("sim-swap:check".to_owned()),
            ..CheckContract::default()
        });
    })
    .await;
    assert_eq!(
        result_of(&app, &ordinary(1)).await,
        "unavailable",
        "no purpose"
    );
}
