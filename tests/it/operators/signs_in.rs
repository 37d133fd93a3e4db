//! One whole login per persona, and what was on the wire.

use numbercloak::simulator::{Persona, Received};
use numbercloak::store::operators::NumberForm;

use super::{at, go};
use crate::support::app::{App, NUMBER};

/// The last request to a path.
fn last(app: &App, path: &str) -> Received {
    let received = app.operator.received();
    received
        .into_iter()
        .rfind(|one| one.path == path)
        .unwrap_or_else(|| panic!("nothing was sent to {path}"))
}

fn parameter<'a>(received: &'a Received, name: &str) -> Option<&'a str> {
    let mut found = received
        .parameters
        .iter()
        .filter(|(known, _)| known == name);
    let value = found.next().map(|(_, value)| value.as_str());
    assert!(found.next().is_none(), "{name} came twice");
    value
}

fn header<'a>(received: &'a Received, name: &str) -> Option<&'a str> {
    let mut headers = received.headers.iter();
    headers
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

/// The same app, unchanged, signs in; every call was made once.
async fn signs_in(app: &App) {
    let mut browser = app.browser();
    let departure = go(app, &mut browser, NUMBER, NUMBER).await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_eq!(signed_in.claims["phone_number_verified"], true);
    assert_eq!(signed_in.claims["number_verification"]["method"], "verify");
    assert_eq!(signed_in.claims["number_verification"]["test"], true);
    let login = app.only_login().await;
    let story = app.story(login).await;
    assert!(
        story.contains(&"NUMBER_VERIFIED verified".to_owned()),
        "{story:?}"
    );
    for path in app.operator.received().iter().map(|one| &one.path) {
        let calls = super::super::journeys::asked(app, path);
        let by_browser = path.contains("auth") || path.contains("/sim/");
        assert!(calls == 1 || by_browser, "{path} was called {calls} times");
    }
}

#[tokio::test]
async fn camara_2_1_with_a_signed_assertion() {
    let app = at(Persona::Camara21).await;
    signs_in(&app).await;
    let token = last(&app, "/token");
    assert!(parameter(&token, "client_assertion").is_some());
    assert!(parameter(&token, "code_verifier").is_some());
    assert!(header(&token, "authorization").is_none());
}

#[tokio::test]
async fn camara_2_0_and_1_0_at_their_paths() {
    for (persona, path) in [
        (Persona::Camara20, "/number-verification/v2/verify"),
        (Persona::Camara10, "/number-verification/v1/verify"),
    ] {
        let app = at(persona).await;
        signs_in(&app).await;
        assert_eq!(last(&app, path).body.unwrap()["phoneNumber"], NUMBER);
    }
}

#[tokio::test]
async fn camara_0_3_with_a_hash_sign_in_its_scope() {
    let app = at(Persona::Camara03).await;
    signs_in(&app).await;
    let request = last(&app, "/authorize");
    assert_eq!(
        parameter(&request, "scope"),
        Some("openid dpv:FraudPreventionAndDetection#number-verification-verify-read")
    );
    last(&app, "/number-verification/v0/verify");
}

#[tokio::test]
async fn camara_strict_with_the_number_in_a_signed_request_only() {
    let app = at(Persona::CamaraStrict).await;
    signs_in(&app).await;
    let request = last(&app, "/authorize");
    assert!(parameter(&request, "request").is_some());
    for hidden in ["login_hint", "state", "nonce", "code_challenge"] {
        assert_eq!(parameter(&request, hidden), None, "{hidden}");
    }
}

#[tokio::test]
async fn camara_by_the_hash_of_the_number() {
    let app = App::builder()
        .persona(Persona::Camara21)
        .operator(|operator| operator.number_form = NumberForm::Sha256)
        .start()
        .await;
    signs_in(&app).await;
    let body = last(&app, "/number-verification/v2/verify").body.unwrap();
    assert!(body.get("hashedPhoneNumber").is_some() && body.get("phoneNumber").is_none());
}

#[tokio::test]
async fn telefonica_by_a_second_hop_in_every_release() {
    for (release, scope) in [
        (
            None,
            "dpv:FraudPreventionAndDetection number-verification:verify",
        ),
        (
            Some("0.3"),
            "dpv:FraudPreventionAndDetection#number-verification-verify-read",
        ),
        (
            Some("1.0"),
            "dpv:FraudPreventionAndDetection number-verification:verify",
        ),
    ] {
        let app = App::builder()
            .persona(Persona::Telefonica)
            .operator(move |operator| {
                scope.clone_into(&mut operator.scope_verify);
                if let Some(release) = release {
                    operator.release = serde_json::from_value(release.into()).unwrap();
                }
            })
            .start()
            .await;
        signs_in(&app).await;
        last(&app, "/operator/authorize");
        let request = last(&app, "/apigateway/authorize");
        assert_eq!(
            parameter(&request, "login_hint"),
            Some(format!("tel:{NUMBER}").as_str())
        );
        assert!(!parameter(&request, "state").unwrap().contains(&NUMBER[1..]));
        let token = last(&app, "/apigateway/token");
        assert_eq!(header(&token, "authorization"), Some("Basic [redacted]"));
        let version = match release {
            Some("0.3") => "v0",
            Some(_) => "v1",
            None => "v2",
        };
        last(
            &app,
            &format!("/apigateway/number-verification/{version}/verify"),
        );
    }
}

#[tokio::test]
async fn vonage_with_an_applications_jwt_and_the_number_out_of_the_address_bar() {
    let app = at(Persona::Vonage).await;
    signs_in(&app).await;
    last(&app, "/v0.1/network-enablement");
    let request = last(&app, "/oauth2/auth");
    // Not a number: the journal redacts what is none of the test numbers.
    assert_eq!(parameter(&request, "login_hint"), Some("[redacted]"));
    let token = last(&app, "/oauth2/token");
    assert_eq!(header(&token, "authorization"), Some("Bearer [redacted]"));
    assert_eq!(parameter(&token, "client_id"), None);
    last(&app, "/camara/number-verification/v031/verify");
}

#[tokio::test]
async fn vonage_without_asking_for_coverage_first() {
    let app = App::builder()
        .persona(Persona::Vonage)
        .operator(|operator| operator.enablement_endpoint = None)
        .start()
        .await;
    signs_in(&app).await;
    let request = last(&app, "/oauth2/auth");
    let names: Vec<_> = request
        .parameters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "client_id",
            "response_type",
            "scope",
            "redirect_uri",
            "login_hint",
            "state"
        ]
    );
}

#[tokio::test]
async fn vodafone_by_mobile_connect_with_a_hash() {
    let app = at(Persona::VodafoneMc).await;
    signs_in(&app).await;
    let request = last(&app, "/mobileconnect/deviceinitiated/v1/authorize");
    assert_eq!(parameter(&request, "acr_values"), Some("2"));
    assert_eq!(parameter(&request, "version"), Some("mc_di_r2_v2.3"));
    for absent in ["login_hint", "prompt", "code_challenge"] {
        assert_eq!(parameter(&request, absent), None, "{absent}");
    }
    let matched = last(&app, "/mobileconnect/premiuminfo/v1/").body.unwrap();
    assert!(matched["mc_claims"]["device_msisdn_hash"].is_string());
    assert_eq!(matched.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn vodafone_by_mobile_connect_with_a_plain_number() {
    let app = App::builder()
        .persona(Persona::VodafoneMc)
        .operator(|operator| {
            "openid mc_vm_match".clone_into(&mut operator.scope_verify);
            operator.number_form = NumberForm::Plain;
        })
        .start()
        .await;
    signs_in(&app).await;
    let matched = last(&app, "/mobileconnect/premiuminfo/v1/").body.unwrap();
    assert_eq!(matched["mc_claims"]["device_msisdn"], NUMBER);
}

#[tokio::test]
async fn vodafone_by_its_camara_door() {
    let app = at(Persona::VodafoneCamara).await;
    signs_in(&app).await;
    let request = last(&app, "/openIDConnectCIBA/v1/bc-authorize");
    assert_eq!(
        parameter(&request, "scope"),
        Some("dpv:FraudPreventionAndDetection#number-verification:verify")
    );
}

#[tokio::test]
async fn orange_by_configuration_alone() {
    let app = at(Persona::Orange).await;
    signs_in(&app).await;
    last(&app, "/openidconnect/fr/v1/token");
}

#[tokio::test]
async fn tim_by_configuration_alone() {
    let app = at(Persona::TimMc).await;
    signs_in(&app).await;
    let matched = last(&app, "/openid/userinfo");
    assert_eq!(header(&matched, "x-request-consentgranted"), Some("true"));
    // The end of the phone's connection that the operator can compare.
    assert_eq!(header(&matched, "x-request-deviceip"), Some("127.0.0.1"));
    let port = header(&matched, "x-request-deviceport").unwrap();
    assert_ne!(port.parse::<u16>().unwrap(), 0);
    assert!(matched.body.unwrap()["correlation_id"].is_string());
}

#[tokio::test]
async fn glide_by_configuration_alone() {
    let app = at(Persona::Glide).await;
    signs_in(&app).await;
    let request = last(&app, "/oauth2/auth");
    assert_eq!(parameter(&request, "scope"), Some("openid"));
    assert_eq!(
        parameter(&last(&app, "/oauth2/token"), "redirect_uri"),
        None
    );
    last(&app, "/number-verification/verify");
}
