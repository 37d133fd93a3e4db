use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use url::Url;

use super::fake::{Fake, REDIRECT, Reply};
use crate::operator::Departure;
use crate::secret::{Redacted, b64, sha256};
use crate::store::operators::{Credentials, HintForm};
use crate::verdict::{Method, Outcome};

async fn depart(fake: &Fake) -> Departure {
    fake.operators.depart(&fake.ask()).await.unwrap()
}

async fn refused(fake: &Fake) -> Outcome {
    fake.operators
        .depart(&fake.ask())
        .await
        .unwrap_err()
        .outcome
}

fn query(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

#[tokio::test]
async fn the_browser_carries_a_complete_request() {
    let fake = Fake::start().await;
    let departure = depart(&fake).await;
    let sent = query(&departure.url);
    let verifier = departure.verifier.unwrap();
    assert!(
        departure
            .url
            .as_str()
            .starts_with(&format!("{}/authorize?tenant=es&", fake.base))
    );
    let expected = json!({
        "tenant": "es",
        "response_type": "code",
        "client_id": "us client",
        "redirect_uri": REDIRECT,
        "scope": "openid dpv:FraudPreventionAndDetection number-verification:verify",
        "state": "the state",
        "nonce": departure.nonce,
        "prompt": "none",
        "code_challenge": b64(&sha256(verifier.as_bytes())),
        "code_challenge_method": "S256",
    });
    assert_eq!(serde_json::to_value(sent).unwrap(), expected);
    let again = depart(&fake).await;
    assert_ne!(again.nonce, departure.nonce);
    assert_ne!(again.verifier.unwrap(), verifier);
}

#[tokio::test]
async fn a_hash_sign_in_the_scope_does_not_cut_the_url() {
    let mut fake = Fake::start().await;
    let scope = "openid dpv:FraudPreventionAndDetection#number-verification-verify-read";
    fake.operator.settings.scope_verify = scope.to_owned();
    let url = depart(&fake).await.url;
    assert!(url.fragment().is_none());
    assert!(
        url.as_str().contains("%23number-verification-verify-read"),
        "{url}"
    );
    assert!(url.as_str().contains("scope=openid+dpv%3AFraud"), "{url}");
    assert_eq!(query(&url)["scope"], scope);
}

#[tokio::test]
async fn the_record_says_how_the_request_looks() {
    let mut fake = Fake::start().await;
    let settings = &mut fake.operator.settings;
    settings.login_hint = HintForm::Tel;
    settings.pkce = false;
    settings.authorize_params =
        BTreeMap::from([("version".to_owned(), "mc_di_r2_v2.3".to_owned())]);
    settings.scope_device_phone_number = Some("openid share".to_owned());
    fake.silent = false;
    let departure = depart(&fake).await;
    let sent = query(&departure.url);
    assert_eq!(sent["login_hint"], "tel:+34666111334");
    assert!(
        departure
            .url
            .as_str()
            .contains("login_hint=tel%3A%2B34666111334")
    );
    assert_eq!(sent["version"], "mc_di_r2_v2.3");
    assert!(departure.verifier.is_none() && !sent.contains_key("code_challenge"));
    assert!(
        !sent.contains_key("prompt"),
        "the operator's page was asked for"
    );

    fake.operator.settings.login_hint = HintForm::E164;
    fake.method = Method::DevicePhoneNumber;
    let sent = query(&depart(&fake).await.url);
    assert_eq!(
        (sent["login_hint"].as_str(), sent["scope"].as_str()),
        ("+34666111334", "openid share")
    );
}

#[tokio::test]
async fn a_signed_request_hides_everything_but_what_must_be_seen() {
    let mut fake = Fake::start().await;
    fake.operator.settings.signed_request = true;
    fake.operator.settings.login_hint = HintForm::Tel;
    fake.credentials = Credentials {
        private_key_pem: Some(Redacted::new(fake.key.serialize_pem())),
        kid: Some("ours".to_owned()),
        ..Credentials::default()
    };
    let departure = depart(&fake).await;
    let sent = query(&departure.url);
    let mut names: Vec<_> = sent.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "client_id",
            "redirect_uri",
            "request",
            "response_type",
            "scope",
            "tenant"
        ]
    );
    let key = DecodingKey::from_ec_pem(fake.key.public_key_pem().as_bytes()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[format!("{}/authorize?tenant=es", fake.base)]);
    let object = jsonwebtoken::decode::<Value>(&sent["request"], &key, &validation).unwrap();
    assert_eq!(object.header.kid.as_deref(), Some("ours"));
    let claims = object.claims;
    for name in ["client_id", "redirect_uri", "response_type", "scope"] {
        assert_eq!(claims[name], sent[name]);
    }
    assert_eq!(claims["state"], "the state");
    assert_eq!(claims["nonce"], departure.nonce);
    assert_eq!(claims["login_hint"], "tel:+34666111334");
    assert_eq!(claims["iss"], "us client");
    assert!(claims.get("sub").is_none() && claims.get("tenant").is_none());
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 300);
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_asked() {
    let mut fake = Fake::start().await;
    fake.operator.settings.prefixes = vec!["44".to_owned()];
    assert_eq!(refused(&fake).await, Outcome::OperatorUnsupportedNumber);
    fake.operator.settings.prefixes = vec!["34".to_owned()];
    fake.number = None;
    assert_eq!(refused(&fake).await, Outcome::OperatorMisconfigured);
    fake.method = Method::DevicePhoneNumber;
    assert_eq!(
        refused(&fake).await,
        Outcome::OperatorMisconfigured,
        "not offered"
    );
    fake.operator.settings.scope_device_phone_number = Some("openid share".to_owned());
    assert!(fake.operators.depart(&fake.ask()).await.is_ok());
    for name in ["state", "request", "redirect_uri", "prompt"] {
        let extra = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
        fake.operator.settings.authorize_params = extra;
        assert_eq!(
            refused(&fake).await,
            Outcome::OperatorMisconfigured,
            "{name}"
        );
    }
    fake.operator.settings.authorize_params.clear();
    for endpoint in [
        "javascript:alert(1)",
        "http://op.example/",
        "https://op.example/#x",
        "/x",
    ] {
        fake.operator.settings.authorization_endpoint = Some(endpoint.to_owned());
        assert_eq!(
            refused(&fake).await,
            Outcome::OperatorMisconfigured,
            "{endpoint}"
        );
    }
}

#[tokio::test]
async fn a_discovery_document_counts_only_if_it_is_the_issuers_own() {
    const DOCUMENT: &str = "/.well-known/openid-configuration";
    for (reply, outcome) in [
        (Reply::json(404, "{}"), Outcome::OperatorMisconfigured),
        (Reply::html(200), Outcome::OperatorMisconfigured),
        (Reply::html(503), Outcome::OperatorUnavailable),
        (Reply::Hang, Outcome::OperatorTimeout),
    ] {
        let mut fake = Fake::start().await;
        if matches!(reply, Reply::Hang) {
            fake.operator.settings.total_timeout_ms = 200;
        }
        fake.reply(DOCUMENT, reply);
        assert_eq!(refused(&fake).await, outcome);
    }
    let fake = Fake::start().await;
    for issuer in [
        format!("{}/", fake.base),
        "https://other.example".to_owned(),
    ] {
        let fake = Fake::start().await;
        fake.reply(DOCUMENT, Reply::json(200, fake.metadata(&issuer)));
        assert_eq!(refused(&fake).await, Outcome::OperatorMisconfigured);
    }
}

#[tokio::test]
async fn a_known_document_carries_logins_while_the_operators_host_is_silent() {
    const DOCUMENT: &str = "/.well-known/openid-configuration";
    let mut fake = Fake::start().await;
    depart(&fake).await;
    fake.reply(DOCUMENT, Reply::html(503));
    depart(&fake).await;
    assert_eq!(fake.seen(DOCUMENT).len(), 1);
    // An edited record is looked at anew.
    fake.operator.revision = 2;
    assert_eq!(refused(&fake).await, Outcome::OperatorUnavailable);
    // With everything on the record nothing is fetched at all.
    let settings = &mut fake.operator.settings;
    settings.authorization_endpoint = Some("https://op.example/authorize".to_owned());
    settings.token_endpoint = Some("https://op.example/token".to_owned());
    settings.jwks_uri = Some("https://op.example/jwks".to_owned());
    let url = depart(&fake).await.url;
    assert_eq!(url.host_str(), Some("op.example"));
    assert_eq!(fake.seen(DOCUMENT).len(), 2);
}
