use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method as HttpMethod;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::fake::{Fake, NUMBER, REDIRECT, Reply, SHARE, VERIFY, shown};
use crate::phone::PhoneNumber;
use crate::secret::Redacted;
use crate::store::operators::{Credentials, NumberForm, Release, TokenAuth};
use crate::verdict::{Method, Outcome, Verdict};

#[tokio::test]
async fn true_verifies_the_number_that_was_asked_for() {
    let fake = Fake::start().await;
    let Verdict::Verified(proof) = fake.conclude().await else {
        panic!("not verified");
    };
    assert_eq!(proof.number.e164(), NUMBER);
    assert_eq!(proof.method, Method::Verify);
    let evidence = proof.evidence;
    assert_eq!(
        (evidence.stage.as_str(), evidence.http_status),
        ("verify", Some(200))
    );
    assert!(evidence.token_ms.is_some() && evidence.api_ms.is_some());

    let [token] = fake.seen("/token").try_into().ok().unwrap();
    let credentials = STANDARD.encode("us+client:s3cret%3A%2F%3F");
    assert_eq!(
        token.header("authorization"),
        format!("Basic {credentials}")
    );
    let form = token.form();
    assert_eq!(form["grant_type"], "authorization_code");
    assert_eq!(form["code"], "canary-code");
    assert_eq!(form["redirect_uri"], REDIRECT);
    assert_eq!(form["code_verifier"], "the-verifier");
    assert!(!form.contains_key("client_secret"));

    let [verify] = fake.seen(VERIFY).try_into().ok().unwrap();
    assert_eq!(verify.method, HttpMethod::POST);
    assert_eq!(verify.header("authorization"), "Bearer canary-access-token");
    assert_eq!(verify.header("content-type"), "application/json");
    assert_eq!(verify.body, json!({ "phoneNumber": NUMBER }).to_string());
    assert_eq!(
        Some(verify.header("x-correlator")),
        evidence.correlator.as_deref()
    );
    assert!(uuid::Uuid::parse_str(verify.header("x-correlator")).is_ok());
    assert!(verify.header("accept-encoding").is_empty());
}

#[tokio::test]
async fn an_answer_that_is_not_exactly_true_opens_nothing() {
    let fake = Fake::start().await;
    let violation = "protocol_violation verify";
    let huge = format!(
        r#"{{"devicePhoneNumberVerified":true,"x":"{}"}}"#,
        "x".repeat(70_000)
    );
    for (reply, expected) in [
        (
            Reply::json(200, r#"{"devicePhoneNumberVerified":false}"#),
            "mismatch verify",
        ),
        (
            Reply::json(200, r#"{"devicePhoneNumberVerified":"true"}"#),
            violation,
        ),
        (
            Reply::json(200, r#"{"devicePhoneNumberVerified":1}"#),
            violation,
        ),
        (
            Reply::json(200, r#"{"devicePhoneNumberVerified":null}"#),
            violation,
        ),
        (
            Reply::json(200, r#"{"devicePhoneNumberVerified":[true]}"#),
            violation,
        ),
        (
            Reply::json(200, r#"{"DevicePhoneNumberVerified":true}"#),
            violation,
        ),
        (
            Reply::json(200, r#"{"device_phone_number_verified":true}"#),
            violation,
        ),
        (
            Reply::json(200, r#"{"data":{"devicePhoneNumberVerified":true}}"#),
            violation,
        ),
        (
            Reply::json(200, r#"[{"devicePhoneNumberVerified":true}]"#),
            violation,
        ),
        (Reply::json(200, r#"{"verified":true}"#), violation),
        (
            Reply::json(200, r#"{"devicePhoneNumberVerified":true"#),
            violation,
        ),
        (
            Reply::json(200, r#"{"devicePhoneNumberVerified":true}{}"#),
            violation,
        ),
        (
            Reply::json(
                200,
                r#"{"devicePhoneNumberVerified":false,"devicePhoneNumberVerified":true}"#,
            ),
            violation,
        ),
        (
            Reply::json(
                200,
                r#"{"devicePhoneNumberVerified":true,"devicePhoneNumberVerified":true}"#,
            ),
            violation,
        ),
        (Reply::json(200, ""), violation),
        (Reply::json(200, "true"), violation),
        (Reply::html(200), violation),
        (
            Reply::Send(
                200,
                "text/plain",
                r#"{"devicePhoneNumberVerified":true}"#.to_owned(),
            ),
            violation,
        ),
        (Reply::json(200, huge), violation),
        (
            Reply::json(201, r#"{"devicePhoneNumberVerified":true}"#),
            violation,
        ),
        (Reply::json(204, ""), violation),
        (
            Reply::json(302, r#"{"devicePhoneNumberVerified":true}"#),
            violation,
        ),
        (
            Reply::json(401, r#"{"devicePhoneNumberVerified":true}"#),
            violation,
        ),
        (
            Reply::json(500, r#"{"devicePhoneNumberVerified":true}"#),
            "operator_unavailable verify",
        ),
        (Reply::html(503), "operator_unavailable verify"),
        (Reply::html(504), "operator_timeout verify"),
        (
            Reply::json(
                403,
                r#"{"status":403,"code":"INVALID_TOKEN_CONTEXT","message":"m"}"#,
            ),
            "not_on_mobile_network verify",
        ),
        (
            Reply::json(
                422,
                r#"{"status":422,"code":"SERVICE_NOT_APPLICABLE","message":"m"}"#,
            ),
            "operator_unsupported_number verify",
        ),
    ] {
        fake.reply(VERIFY, reply);
        assert_eq!(fake.concluded().await, expected);
    }
    let verdict = fake.conclude().await;
    assert!(matches!(verdict, Verdict::Refused(_)));
    // Other members beside the exact one do no harm.
    fake.reply(
        VERIFY,
        Reply::json(
            200,
            r#"{"devicePhoneNumberVerified":true,"assessedAt":"x"}"#,
        ),
    );
    assert_eq!(fake.concluded().await, "verified verify");
}

#[tokio::test]
async fn an_exchange_that_fails_ends_the_leg_before_the_api_is_called() {
    let fake = Fake::start().await;
    let error = |status, word: &str| Reply::json(status, json!({ "error": word }));
    let cases = [
        (error(400, "invalid_grant"), "protocol_violation token"),
        (
            error(400, "invalid_request"),
            "operator_misconfigured token",
        ),
        (error(401, "invalid_client"), "operator_misconfigured token"),
        (
            Reply::json(401, r#"{"code":401,"message":"no"}"#),
            "operator_misconfigured token",
        ),
        (error(429, "slow_down"), "operator_rate_limited token"),
        (Reply::html(500), "operator_unavailable token"),
        (Reply::html(200), "protocol_violation token"),
        (
            Reply::json(200, r#"{"access_token":"#),
            "protocol_violation token",
        ),
        (Reply::json(200, "{}"), "protocol_violation token"),
        (Reply::json(302, "{}"), "protocol_violation token"),
        (
            Reply::json(200, r#"{"access_token":"t","scope":"openid"}"#),
            "operator_misconfigured token",
        ),
    ];
    let tried = cases.len();
    for (reply, expected) in cases {
        fake.reply("/token", reply);
        assert_eq!(fake.concluded().await, expected);
    }
    assert_eq!(fake.seen("/token").len(), tried, "each code was sent once");
    assert!(fake.seen(VERIFY).is_empty());
    fake.reply("/token", error(429, "slow_down"));
    assert_eq!(fake.conclude().await.evidence().retry_after, Some(11));
}

#[tokio::test]
async fn irregular_token_answers_are_understood() {
    let fake = Fake::start().await;
    for body in [
        r#"{"access_token":"t","token_type":"BEARER","expires_in":"500"}"#,
        r#"{"access_token":"t"}"#,
        r#"{"access_token":"t","scope":"dpv:FraudPreventionAndDetection#number-verification:verify"}"#,
    ] {
        fake.reply("/token", Reply::json(200, body));
        assert_eq!(fake.concluded().await, "verified verify", "{body}");
    }
}

#[tokio::test]
async fn a_silent_operator_is_given_up_and_never_asked_twice() {
    let mut fake = Fake::start().await;
    fake.operator.settings.total_timeout_ms = 2_000;
    fake.reply(VERIFY, Reply::Hang);
    assert_eq!(fake.concluded().await, "operator_timeout verify");
    assert_eq!((fake.seen("/token").len(), fake.seen(VERIFY).len()), (1, 1));
    fake.reply("/token", Reply::Hang);
    assert_eq!(fake.concluded().await, "operator_timeout token");
    assert_eq!((fake.seen("/token").len(), fake.seen(VERIFY).len()), (2, 1));
}

#[tokio::test]
async fn an_operator_that_is_gone_is_unavailable() {
    let mut fake = Fake::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = listener.local_addr().unwrap();
    drop(listener);
    fake.operator.settings.api_root = format!("http://{gone}/api");
    assert_eq!(fake.concluded().await, "operator_unavailable verify");
    fake.operator.settings.api_root = "https://10.0.0.1/api".to_owned();
    assert_eq!(fake.concluded().await, "operator_misconfigured verify");
    fake.operator.settings.token_endpoint = Some(format!("http://{gone}/token"));
    assert_eq!(fake.concluded().await, "operator_unavailable token");
}

#[tokio::test]
async fn a_callback_that_is_not_a_good_one_reaches_nobody() {
    let mut fake = Fake::start().await;
    let issuer = url::form_urlencoded::byte_serialize(fake.base.as_bytes()).collect::<String>();
    let violation = "protocol_violation callback";
    for (query, expected) in [
        ("state=x", violation),
        ("state=x&code=", violation),
        ("state=x&code=a&code=b", violation),
        ("state=x&code=a&error=access_denied", violation),
        ("state=x&code=a&iss=https%3A%2F%2Fevil.example", violation),
        (
            "state=x&error=access_denied&iss=https%3A%2F%2Fevil.example",
            violation,
        ),
        ("state=x&error=teapot", violation),
        (
            "state=x&error=access_denied",
            "not_on_mobile_network callback",
        ),
        (
            "state=x&error=access_denied&error_description=consent+refused",
            "consent_denied callback",
        ),
        (
            "state=x&error=consent_required",
            "consent_required callback",
        ),
        (
            "state=x&error=login_required",
            "not_on_mobile_network callback",
        ),
        (
            "state=x&error=server_error",
            "operator_unavailable callback",
        ),
        (
            "state=x&error=invalid_scope",
            "operator_misconfigured callback",
        ),
    ] {
        assert_eq!(shown(&fake.conclude_with(query).await), expected, "{query}");
    }
    assert!(fake.seen("/token").is_empty());
    fake.operator.settings.require_iss = true;
    assert_eq!(fake.concluded().await, violation);
    assert!(fake.seen("/token").is_empty());
    let good = fake.conclude_with(&format!("code=a&iss={issuer}")).await;
    assert_eq!(good.outcome(), Outcome::Verified);
}

#[tokio::test]
async fn the_device_tells_its_own_number() {
    let mut fake = Fake::start().await;
    fake.method = Method::DevicePhoneNumber;
    fake.operator.settings.scope_device_phone_number =
        Some("openid number-verification:device-phone-number:read".to_owned());
    let other = PhoneNumber::from_e164("+34777111334").unwrap();
    let own = fake.number.clone();
    let stage = "device_phone_number";
    for (hinted, body, expected) in [
        (None, r#"{"devicePhoneNumber":"+34666111334"}"#, "verified"),
        (
            own.clone(),
            r#"{"devicePhoneNumber":"+34666111334"}"#,
            "verified",
        ),
        (
            Some(other),
            r#"{"devicePhoneNumber":"+34666111334"}"#,
            "mismatch",
        ),
        (
            None,
            r#"{"devicePhoneNumber":"+447700900123"}"#,
            "operator_unsupported_number",
        ),
        (
            None,
            r#"{"devicePhoneNumber":"+990700000"}"#,
            "operator_unsupported_number",
        ),
        (
            None,
            r#"{"devicePhoneNumber":"34666111334"}"#,
            "protocol_violation",
        ),
        (
            None,
            r#"{"devicePhoneNumber":34666111334}"#,
            "protocol_violation",
        ),
        (None, r#"{"devicePhoneNumber":null}"#, "protocol_violation"),
        (
            own.clone(),
            r#"{"devicePhoneNumberVerified":true}"#,
            "protocol_violation",
        ),
    ] {
        fake.number = hinted;
        fake.reply(SHARE, Reply::json(200, body));
        assert_eq!(
            fake.concluded().await,
            format!("{expected} {stage}"),
            "{body}"
        );
    }
    fake.number = None;
    fake.reply(
        SHARE,
        Reply::json(200, r#"{"devicePhoneNumber":"+34666111334"}"#),
    );
    let Verdict::Verified(proof) = fake.conclude().await else {
        panic!("not verified");
    };
    assert_eq!(Some(proof.number), own);
    let share = fake.seen(SHARE).pop().unwrap();
    assert_eq!((share.method, share.body.as_str()), (HttpMethod::GET, ""));

    fake.operator.settings.release = Release::V0_3;
    let path = "/api/number-verification/v0/device-phone-number";
    fake.reply(
        path,
        Reply::json(200, r#"{"devicePhoneNumber":"34666111334"}"#),
    );
    assert_eq!(fake.concluded().await, format!("verified {stage}"));
}

#[tokio::test]
async fn a_number_outside_the_prefixes_is_never_asked_for() {
    let mut fake = Fake::start().await;
    fake.number = Some(PhoneNumber::from_e164("+447700900123").unwrap());
    assert_eq!(
        fake.conclude().await.outcome(),
        Outcome::OperatorUnsupportedNumber
    );
    assert!(fake.seen("/token").is_empty() && fake.seen(VERIFY).is_empty());
}

#[tokio::test]
async fn the_number_goes_hashed_where_the_operator_wants_that() {
    let mut fake = Fake::start().await;
    fake.operator.settings.number_form = NumberForm::Sha256;
    assert_eq!(fake.concluded().await, "verified verify");
    let body: Value = serde_json::from_str(&fake.seen(VERIFY)[0].body).unwrap();
    let hash = fake.number.as_ref().unwrap().sha256_hex();
    assert_eq!(body, json!({ "hashedPhoneNumber": hash }));
}

#[tokio::test]
async fn each_way_to_authenticate_sends_its_own_proof_only() {
    let mut fake = Fake::start().await;
    fake.operator.settings.token_auth = TokenAuth::ClientSecretPost;
    assert_eq!(fake.concluded().await, "verified verify");
    let post = fake.seen("/token").pop().unwrap();
    assert_eq!(post.form()["client_id"], "us client");
    assert_eq!(post.form()["client_secret"], "s3cret:/?");
    assert!(post.header("authorization").is_empty());

    fake.operator.settings.token_auth = TokenAuth::PrivateKeyJwt;
    assert_eq!(
        fake.concluded().await,
        "operator_misconfigured token",
        "no key yet"
    );
    fake.operator.revision = 2;
    fake.credentials = Credentials {
        private_key_pem: Some(Redacted::new(fake.key.serialize_pem())),
        ..Credentials::default()
    };
    assert_eq!(fake.concluded().await, "verified verify");
    let form = fake.seen("/token").pop().unwrap().form();
    assert!(!form.contains_key("client_secret"));
    assert_eq!(form["client_id"], "us client");
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let key = DecodingKey::from_ec_pem(fake.key.public_key_pem().as_bytes()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[format!("{}/token", fake.base)]);
    validation.set_issuer(&["us client"]);
    validation.sub = Some("us client".to_owned());
    jsonwebtoken::decode::<Value>(&form["client_assertion"], &key, &validation).unwrap();
}

#[tokio::test]
async fn a_conclusion_can_run_in_a_task_of_its_own() {
    let fake = Fake::start().await;
    let verdict = tokio::spawn(async move {
        fake.operators.depart(&fake.ask()).await.unwrap();
        fake.conclude().await
    });
    assert_eq!(verdict.await.unwrap().outcome(), Outcome::Verified);
}

#[tokio::test]
async fn evidence_holds_nothing_secret_or_personal() {
    let fake = Fake::start().await;
    let gossip = json!({
        "status": 403, "code": "PERMISSION_DENIED",
        "message": format!("{NUMBER} {} canary-access-token34 canary-code1234567", fake.number.as_ref().unwrap().sha256_hex()),
    });
    fake.reply(VERIFY, Reply::json(403, gossip));
    for query in [
        "code=canary-code",
        "error=server_error&error_description=%2B34+666+111+334",
        "error=%2B34666111334",
    ] {
        let verdict = fake.conclude_with(query).await;
        // Without what is random or measured, which may hold any digits.
        let mut evidence = verdict.evidence().clone();
        evidence.correlator = None;
        (evidence.token_ms, evidence.api_ms) = (None, None);
        let told = serde_json::to_string(&evidence).unwrap();
        for secret in ["666", "111", "334", "canary-access", "s3cret", "the nonce"] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
}
