use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::fake::{Fake, REDIRECT, Reply, VERIFY, shown};
use crate::oauth::signing_alg::SigningAlg;
use crate::phone::PhoneNumber;
use crate::secret::Redacted;
use crate::store::operators::{
    Dialect, HintForm, IdTokenRule, NumberForm, TokenAuth, TokenParameters,
};
use crate::verdict::Method;

const ENABLE: &str = "/v0.1/network-enablement";
const PURPOSE: &str = "dpv:FraudPreventionAndDetection#number-verification-verify-read";

/// Why the leg may not depart, as an outcome.
async fn not_departed(fake: &Fake) -> String {
    let refusal = fake.operators.depart(&fake.ask()).await.unwrap_err();
    refusal.outcome.to_string()
}

pub(super) async fn vonage() -> Fake {
    let mut fake = Fake::start().await;
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> =
        aws_lc_rs::encoding::AsDer::as_der(&key).unwrap();
    fake.credentials.private_key_pem = Some(Redacted::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    )));
    let base = fake.base.clone();
    let settings = &mut fake.operator.settings;
    settings.dialect = Dialect::Vonage;
    settings.discovery = false;
    settings.authorization_endpoint = Some(format!("{base}/oauth2/auth"));
    settings.token_endpoint = Some(format!("{base}/token"));
    settings.token_auth = TokenAuth::ApplicationJwt;
    settings.assertion_alg = SigningAlg::RS256;
    settings.login_hint = HintForm::Tel;
    settings.number_form = NumberForm::Digits;
    settings.id_token = IdTokenRule::Ignored;
    settings.scope_verify = format!("openid {PURPOSE}");
    fake
}

#[tokio::test]
async fn a_coverage_answer_leads_to_this_logins_authorization_or_nowhere() {
    let mut fake = vonage().await;
    let base = fake.base.clone();
    fake.operator.settings.enablement_endpoint = Some(format!("{base}{ENABLE}"));
    let offer = |url: &str| {
        let body = json!({ "scopes": { PURPOSE: { "auth_url": url } } });
        fake.reply(ENABLE, Reply::json(200, body));
    };
    let good = format!("{base}/oauth2/auth?client_id=us+client&state=the+state&login_hint=x");
    offer(&good);
    let departure = fake.operators.depart(&fake.ask()).await.unwrap();
    assert_eq!(departure.url.as_str(), good);
    let asked: Value = serde_json::from_str(&fake.seen(ENABLE)[0].body).unwrap();
    let expected = json!({
        "phone_number": super::fake::NUMBER, "scopes": [PURPOSE], "state": "the state",
    });
    assert_eq!(asked, expected);
    let redirect: String = url::form_urlencoded::byte_serialize(REDIRECT.as_bytes()).collect();
    offer(&format!(
        "{good}&redirect_uri={redirect}&response_type=code"
    ));
    assert!(fake.operators.depart(&fake.ask()).await.is_ok());
    for bad in [
        "https://elsewhere.example/oauth2/auth?client_id=us+client&state=the+state".to_owned(),
        format!("{base}/elsewhere?client_id=us+client&state=the+state"),
        format!("{base}/oauth2/auth?client_id=us+client"),
        format!("{base}/oauth2/auth?client_id=us+client&state=another"),
        format!("{good}&state=another"),
        format!("{base}/oauth2/auth?client_id=another&state=the+state"),
        format!("{base}/oauth2/auth?state=the+state"),
        format!("{good}&redirect_uri=https%3A%2F%2Felsewhere.example"),
        format!("{good}&response_type=token"),
    ] {
        offer(&bad);
        assert_eq!(not_departed(&fake).await, "protocol_violation", "{bad}");
    }
    fake.reply(ENABLE, Reply::html(500));
    assert_eq!(not_departed(&fake).await, "operator_unavailable");
}

#[tokio::test]
async fn an_applications_jwt_says_who_we_are_and_nothing_else() {
    let fake = vonage().await;
    let verdict = fake.conclude().await;
    assert_eq!(shown(&verdict), "verified verify");
    let token = &fake.seen("/token")[0];
    let jwt = token
        .header("authorization")
        .strip_prefix("Bearer ")
        .unwrap();
    assert_eq!(
        jsonwebtoken::decode_header(jwt).unwrap().alg,
        Algorithm::RS256
    );
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(jwt).unwrap();
    let mut names: Vec<_> = claims.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["application_id", "exp", "iat", "jti"]);
    assert_eq!(claims["application_id"], "us client");
    assert!(!token.form().contains_key("client_id"));
    let body: Value = serde_json::from_str(&fake.seen(VERIFY)[0].body).unwrap();
    assert_eq!(body, json!({ "phoneNumber": &super::fake::NUMBER[1..] }));
}

#[tokio::test]
async fn a_channel_partner_is_asked_about_a_number_and_with_no_parameter_twice() {
    let mut fake = Fake::start().await;
    let settings = &mut fake.operator.settings;
    settings.dialect = Dialect::Telefonica;
    settings.login_hint = HintForm::Tel;
    assert!(fake.operators.depart(&fake.ask()).await.is_ok());
    let twin = format!("{}/authorize?scope=x", fake.base);
    fake.operator.settings.authorization_endpoint = Some(twin);
    assert_eq!(not_departed(&fake).await, "operator_misconfigured");
    fake.operator.settings.authorization_endpoint = None;
    fake.number = None;
    fake.method = Method::DevicePhoneNumber;
    fake.operator.settings.scope_device_phone_number = Some("x".to_owned());
    assert_eq!(not_departed(&fake).await, "operator_misconfigured");
}

pub(super) async fn mobile_connect() -> Fake {
    let mut fake = Fake::start().await;
    let settings = &mut fake.operator.settings;
    settings.dialect = Dialect::MobileConnect;
    settings.token_parameters = TokenParameters::Query;
    settings.scope_verify = "openid mc_vm_match_hash".to_owned();
    settings.number_form = NumberForm::Sha256;
    settings.pkce = false;
    fake.reply(
        "/api/premiuminfo/v1/",
        Reply::json(200, json!({ "device_msisdn_verified": true, "sub": "x" })),
    );
    fake
}

#[tokio::test]
async fn a_match_is_asked_with_the_claim_of_its_scope() {
    let fake = mobile_connect().await;
    assert_eq!(fake.concluded().await, "verified verify");
    let token = &fake.seen("/token")[0];
    assert_eq!(token.body, "");
    assert!(token.header("authorization").starts_with("Basic "));
    let number = PhoneNumber::from_e164(super::fake::NUMBER).unwrap();
    let asked = &fake.seen("/api/premiuminfo/v1/")[0];
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let claim = json!({ "mc_claims": { "device_msisdn_hash": number.sha256_hex() } });
    assert_eq!(body, claim);
    assert_eq!(asked.header("authorization"), "Bearer canary-access-token");
    for (reply, outcome) in [
        (
            json!({ "device_msisdn_verified": false }),
            "mismatch verify",
        ),
        (
            json!({ "device_msisdn_verified": "true" }),
            "protocol_violation verify",
        ),
        (
            json!({ "devicePhoneNumberVerified": true }),
            "protocol_violation verify",
        ),
        (
            json!({ "mc_claims": { "device_msisdn_verified": true } }),
            "protocol_violation verify",
        ),
    ] {
        fake.reply("/api/premiuminfo/v1/", Reply::json(200, &reply));
        assert_eq!(fake.concluded().await, outcome, "{reply}");
    }
}

#[tokio::test]
async fn mobile_connect_tells_no_numbers() {
    let mut fake = mobile_connect().await;
    fake.method = Method::DevicePhoneNumber;
    assert_eq!(not_departed(&fake).await, "operator_misconfigured");
    assert_eq!(fake.concluded().await, "operator_misconfigured callback");
    assert!(fake.seen("/token").is_empty());
}

#[tokio::test]
async fn an_id_token_that_shows_a_text_message_refuses_whatever_is_accepted() {
    let mut fake = Fake::start().await;
    for (rule, amr) in [
        (IdTokenRule::Required, json!(["nba", "sms"])),
        (IdTokenRule::IfPresent, json!(["nba", "pwd"])),
        (IdTokenRule::Ignored, json!(["sms"])),
    ] {
        fake.operator.settings.id_token = rule;
        for accepted in [vec![], vec!["nba".to_owned()]] {
            fake.operator.settings.accepted_amr = accepted;
            fake.operator.revision += 1;
            let token = fake.id_token(|claims| claims["amr"] = amr.clone());
            fake.reply("/token", fake.token_reply(&token));
            assert_eq!(fake.concluded().await, "not_on_mobile_network id_token");
        }
    }
    assert!(fake.seen(VERIFY).is_empty());
}
