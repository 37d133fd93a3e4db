//! What an admin types, and no more: `operator add --preset …` with the credentials, run as the real
//! program; then the same app, unchanged, signs in through it.

use numbercloak::dev::personas::{self, OurKeys};
use numbercloak::simulator::Persona;

use super::{at, go};
use crate::support::app::{App, NUMBER};
use crate::support::command::run;
use crate::support::rp::Wish;

/// The preset of each operator, and what its base URL has behind the host.
const PRESETS: [(Persona, &str, &str); 8] = [
    (Persona::Camara21, "camara", ""),
    (Persona::Vonage, "vonage", ""),
    (Persona::Telefonica, "telefonica", "/apigateway"),
    (Persona::VodafoneMc, "vodafone", "/mobileconnect"),
    (Persona::VodafoneCamara, "vodafone-camara", ""),
    (Persona::Orange, "orange", ""),
    (Persona::TimMc, "tim", ""),
    (Persona::Glide, "glide", ""),
];

/// Adds the operator of `app` once more, under an alias of its own, as an admin would.
async fn add(app: &App, keys: &OurKeys, persona: Persona, preset: &str, path: &str) -> String {
    let (alias, issuer) = (personas::alias(persona), app.operator.issuer().to_owned());
    let callback = |alias: &str| format!("{}/broker/{alias}/endpoint", app.issuer);
    let registered = personas::register(persona, &issuer, callback, keys).unwrap();
    app.operator.register(registered.client);
    let credentials = registered.operator.credentials;
    let (flag, credential) = match (credentials.client_secret, credentials.private_key_pem) {
        (Some(secret), None) => ("--client-secret-file", secret),
        (None, Some(key)) => ("--private-key-file", key),
        _ => panic!("one credential"),
    };
    let base = format!("{issuer}{path}");
    let mut line = vec!["operator", "add", &alias, "--preset", preset];
    line.extend(["--base-url", &base, "--client-id", "numbercloak"]);
    line.extend(["--mode", "test", flag, "-", "--json"]);
    // Its authorization server has another host than its API; here they are one.
    let authorization = format!("{issuer}/oauth2/auth");
    if persona == Persona::Vonage {
        line.extend(["--authorization-endpoint", &authorization]);
    }
    let added = run(app, &line, credential.reveal()).await;
    let told = added.json();
    assert_eq!(told["redirect_uri"], callback(&alias));
    assert_eq!(told["has_credentials"], true);
    let secret = credential
        .reveal()
        .lines()
        .nth(1)
        .unwrap_or(credential.reveal());
    assert!(!added.out.contains(secret) && !added.err.contains(secret));
    app.state().forget("operators").await;
    alias
}

#[tokio::test]
async fn a_preset_and_credentials_are_all_that_is_typed() {
    let made = tokio::task::spawn_blocking(OurKeys::generate).await;
    let keys = made.unwrap().unwrap();
    for (persona, preset, path) in PRESETS {
        let app = at(persona).await;
        let alias = add(&app, &keys, persona, preset, path).await;
        let wish = Wish::of(NUMBER).with("idp_hint", &alias);
        let mut browser = app.browser();
        let departure = app.open(&mut browser, &wish).await;
        browser.go_as(NUMBER).await;
        let signed_in = app.redeem(&browser, &departure).await;
        let told = &signed_in.claims["number_verification"];
        assert_eq!(told["operator"], alias.as_str(), "{preset}");
        assert_eq!(signed_in.claims["phone_number"], NUMBER, "{preset}");
    }
}

#[tokio::test]
async fn what_was_added_can_be_tried_from_the_command_line() {
    let app = at(Persona::Telefonica).await;
    let test = ["operator", "test", crate::support::app::OPERATOR, "--json"];
    // Without this the server's own network is out of bounds.
    let refused = run(&app, &test, "").await;
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    let steps: serde_json::Value = serde_json::from_str(&refused.out).unwrap();
    let bad = steps
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["ok"] == false)
        .unwrap();
    assert!(
        bad["fix"]
            .as_str()
            .unwrap()
            .contains("list that network as allowed"),
        "{bad}"
    );
    let allow = "operators.allow_private_addresses=[\"127.0.0.0/8\"]";
    let well = run(&app, &[&test[..], &["-o", allow]].concat(), "").await;
    assert_eq!(well.code, Some(0), "{}", well.out);
    let mut browser = app.browser();
    go(&app, &mut browser, NUMBER, NUMBER).await;
}
