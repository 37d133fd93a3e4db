//! CAMARA's own test definitions (number-verification-verify.feature and -share.feature), and the
//! invalid numbers of the 2.0 set.

use super::*;
use crate::phone::PhoneNumber;

const SIM: &str = "+990709999";
const OTHER: &str = "+990708888";
/// A SIM whose token was not made by network authentication.
const NOT_BY_NETWORK: &str = "+990703004";

/// How the call authenticates.
#[derive(Clone, Copy)]
enum Bearer {
    Valid,
    Missing,
    Expired,
    Garbage,
    WithoutScope,
    NotByNetwork,
}

/// A call to `verify` with a body (none is no body at all), or to `device-phone-number`.
enum Call {
    Verify(Option<Value>),
    Share,
}

struct Answer {
    status: u16,
    body: Value,
    correlator: Option<String>,
}

async fn call(world: &World, bearer: Bearer, call: &Call) -> Answer {
    let (own, foreign) = match call {
        Call::Verify(_) => (VERIFY, SHARE),
        Call::Share => (SHARE, VERIFY),
    };
    let token = match bearer {
        Bearer::Valid | Bearer::Expired => Some(world.token(SIM, own).await),
        Bearer::Missing => None,
        Bearer::Garbage => Some("garbage".to_owned()),
        Bearer::WithoutScope => Some(world.token(SIM, foreign).await),
        Bearer::NotByNetwork => Some(world.token(NOT_BY_NETWORK, own).await),
    };
    if matches!(bearer, Bearer::Expired) {
        world.clock.advance(Duration::from_secs(301));
    }
    let mut request = match call {
        Call::Verify(body) => {
            let request = world.http.post(world.url("/number-verification/v2/verify"));
            match body {
                Some(body) => request.json(body),
                None => request.header("content-type", "application/json"),
            }
        }
        Call::Share => world
            .http
            .get(world.url("/number-verification/v2/device-phone-number")),
    };
    request = request.header("x-correlator", "b4333c46-49c0-4f62-80d7-f0ef930f1c46");
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    Answer {
        status: response.status().as_u16(),
        correlator: response
            .headers()
            .get("x-correlator")
            .map(|v| v.to_str().unwrap().to_owned()),
        body: response.json().await.unwrap(),
    }
}

#[tokio::test]
async fn all_camara_scenarios_hold() {
    let world = World::new().await;
    let hash = |text| PhoneNumber::from_e164(text).unwrap().sha256_hex();
    let ask = |body: Value| Call::Verify(Some(body));
    let verified = |value: bool| json!({ "devicePhoneNumberVerified": value });
    let number = || json!({ "phoneNumber": SIM });
    let network = "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK";
    use Bearer::{Expired, Garbage, Missing, NotByNetwork, Valid, WithoutScope};
    let good: Vec<(&str, Call, Value)> = vec![
        ("phone_number_verify_01", ask(number()), verified(true)),
        ("phone_number_verify.02", ask(number()), verified(true)),
        (
            "phone_number_verify.03",
            ask(json!({ "phoneNumber": OTHER })),
            verified(false),
        ),
        (
            "phone_number_verify.04",
            ask(json!({ "hashedPhoneNumber": hash(SIM) })),
            verified(true),
        ),
        (
            "phone_number_verify.04, upper case",
            ask(json!({ "hashedPhoneNumber": hash(SIM).to_uppercase() })),
            verified(true),
        ),
        (
            "phone_number_verify.05",
            ask(json!({ "hashedPhoneNumber": hash(OTHER) })),
            verified(false),
        ),
        (
            "phone_number_share_01",
            Call::Share,
            json!({ "devicePhoneNumber": SIM }),
        ),
        (
            "phone_number_share_02",
            Call::Share,
            json!({ "devicePhoneNumber": SIM }),
        ),
    ];
    for (name, what, body) in good {
        let answer = call(&world, Valid, &what).await;
        assert_eq!((answer.status, answer.body), (200, body), "{name}");
        assert_eq!(
            answer.correlator.as_deref(),
            Some("b4333c46-49c0-4f62-80d7-f0ef930f1c46"),
            "{name}"
        );
    }
    let both = json!({ "phoneNumber": SIM, "hashedPhoneNumber": hash(SIM) });
    let mut bad: Vec<(&str, Bearer, Call, u16, &str)> = vec![
        (
            "phone_number_verify_400.1",
            Valid,
            Call::Verify(None),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "phone_number_verify_400.2",
            Valid,
            ask(json!({})),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "phone_number_verify_400.3",
            Valid,
            ask(json!({ "number": SIM })),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "phone_number_verify_400.4",
            Valid,
            ask(both),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "phone_number_verify_401.1",
            Missing,
            ask(number()),
            401,
            "UNAUTHENTICATED",
        ),
        (
            "phone_number_verify_401.2",
            Expired,
            ask(number()),
            401,
            "UNAUTHENTICATED",
        ),
        (
            "phone_number_verify_401.3",
            Garbage,
            ask(number()),
            401,
            "UNAUTHENTICATED",
        ),
        (
            "phoneNumberVerify_403.1",
            WithoutScope,
            ask(number()),
            403,
            "PERMISSION_DENIED",
        ),
        (
            "phoneNumberVerify_403.2",
            NotByNetwork,
            ask(json!({ "phoneNumber": NOT_BY_NETWORK })),
            403,
            network,
        ),
        (
            "phone_number_verify_C02.01",
            Valid,
            ask(json!({ "phoneNumber": "123" })),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "hash not schema compliant",
            Valid,
            ask(json!({ "hashedPhoneNumber": "32f67ab4" })),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "number is no string",
            Valid,
            ask(json!({ "phoneNumber": 990709999 })),
            400,
            "INVALID_ARGUMENT",
        ),
        (
            "one known and one unknown",
            Valid,
            ask(json!({ "phoneNumber": SIM, "x": 1 })),
            400,
            "INVALID_ARGUMENT",
        ),
        ("share 401.1", Missing, Call::Share, 401, "UNAUTHENTICATED"),
        ("share 401.2", Expired, Call::Share, 401, "UNAUTHENTICATED"),
        ("share 401.3", Garbage, Call::Share, 401, "UNAUTHENTICATED"),
        (
            "phoneNumberShare_403.1",
            WithoutScope,
            Call::Share,
            403,
            "PERMISSION_DENIED",
        ),
        (
            "phoneNumberShare_403.2",
            NotByNetwork,
            Call::Share,
            403,
            network,
        ),
    ];
    for number in [
        "string_value",
        "1234567890",
        "+12334foo22222",
        "+00012230304913849",
        "123",
        "++49565456787",
    ] {
        bad.push((
            number,
            Valid,
            ask(json!({ "phoneNumber": number })),
            400,
            "INVALID_ARGUMENT",
        ));
    }
    for (name, bearer, what, status, code) in bad {
        let answer = call(&world, bearer, &what).await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (status, Some(code)),
            "{name}"
        );
        assert_eq!(answer.body["status"], status, "{name}");
        assert!(
            answer.body["message"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{name}"
        );
        assert!(answer.correlator.is_some(), "{name}");
    }
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
