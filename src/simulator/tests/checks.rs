//! SIM swap and number recycling: their own tokens, their contract, their magic numbers.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{SECRET, VERIFY, World, error_of};
use crate::phone::PhoneNumber;
use crate::simulator::scenario::{Effect, TABLE};

const SWAP: &str = "dpv:FraudPreventionAndDetection sim-swap:check";
const RECYCLING: &str = "dpv:FraudPreventionAndDetection number-recycling:check";
const NUMBER: &str = "+990709999";

impl World {
    /// A token of the client's own.
    async fn own_token(&self, scope: &str) -> String {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let answer = self.post_token("app", SECRET, &form).await;
        let body: Value = answer.json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// An assertion about a number, by the client with keys.
    fn assertion(&self, change: impl FnOnce(&mut Value)) -> String {
        let now = self.clock.now().timestamp();
        let mut claims = json!({
            "iss": "keyed", "sub": format!("tel:{NUMBER}"), "aud": self.url("/token"), "iat": now,
            "exp": now + 60, "jti": crate::secret::b64(&crate::secret::random::<12>()),
            "scope": SWAP,
        });
        change(&mut claims);
        self.jwt(&claims)
    }

    async fn assert_about(&self, assertion: &str, more: &[(&str, &str)]) -> reqwest::Response {
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion),
        ];
        form.extend(more);
        let request = self.http.post(self.url("/token")).form(&form);
        request.send().await.unwrap()
    }

    /// Status, and the value or the error's code.
    async fn ask(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(self.url(path)).bearer_auth(token);
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        let names = ["swapped", "phoneNumberRecycled", "code"];
        let told = names.iter().find_map(|name| body.get(name));
        (status, told.cloned().unwrap_or(body))
    }

    async fn swapped(&self, body: Value) -> (u16, Value) {
        let token = self.own_token(SWAP).await;
        self.ask("/sim-swap/v2/check", &token, body).await
    }

    async fn recycled(&self, number: &str, since: &str) -> (u16, Value) {
        let token = self.own_token(RECYCLING).await;
        let body = json!({ "phoneNumber": number, "specifiedDate": since });
        self.ask("/number-recycling/v0.2/check", &token, body).await
    }

    fn days_ago(&self, days: i64) -> String {
        (self.clock.now() - TimeDelta::days(days))
            .date_naive()
            .to_string()
    }
}

#[tokio::test]
async fn every_magic_number_of_the_checks_does_what_the_table_says() {
    let world = World::new().await;
    let number = |code: u16| format!("+99070{code:04}");
    let swap = async |code: u16, hours: u32| {
        let body = json!({ "phoneNumber": number(code), "maxAge": hours });
        let (status, told) = world.swapped(body).await;
        format!("{status} {told}")
    };
    let mut played = Vec::new();
    for (code, hours, expected) in [
        (4000, 1, "200 true"),
        (4001, 239, "200 true"),
        (4001, 238, "200 false"),
        (4002, 240, "200 false"),
        (4002, 500, "200 true"),
        (4003, 2_400, "200 false"),
        (4004, 2_400, "200 false"),
        (4005, 240, "400 \"OUT_OF_RANGE\""),
        (4006, 240, "422 \"SERVICE_NOT_APPLICABLE\""),
        (4007, 240, "404 \"IDENTIFIER_NOT_FOUND\""),
        (4008, 240, "503 \"UNAVAILABLE\""),
        (4012, 240, "200 \"false\""),
    ] {
        assert_eq!(swap(code, hours).await, expected, "{code} {hours}");
        played.push(code);
    }
    for (code, days, expected) in [
        (4010, 1, "200 true"),
        (4010, 0, "200 false"),
        (4011, 1, "503 \"UNAVAILABLE\""),
    ] {
        let (status, told) = world.recycled(&number(code), &world.days_ago(days)).await;
        assert_eq!(format!("{status} {told}"), expected, "{code} {days}");
        played.push(code);
    }
    // 4009 answers after half a minute; the others act at the back channel.
    played.push(4009);
    for (code, expected) in [
        (6000, ""),
        (6001, "slow_down"),
        (6002, "expired_token"),
        (6003, "unknown_user_id"),
    ] {
        assert_eq!(world.by_ciba(&number(code)).await, expected, "{code}");
        played.push(code);
    }
    played.sort_unstable();
    played.dedup();
    let own = TABLE
        .iter()
        .filter(|row| matches!(row.effect, Effect::Check(_) | Effect::BackChannel(_)));
    assert_eq!(played, own.map(|row| row.code).collect::<Vec<_>>());
}

impl World {
    /// Goes through CIBA about a number; the error it ends with, if it does.
    async fn by_ciba(&self, number: &str) -> String {
        let hint = format!("tel:{number}");
        let form = [("scope", SWAP), ("login_hint", hint.as_str())];
        let request = self.http.post(self.url("/bc-authorize"));
        let encoded = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect::<String>();
        let begun = request
            .basic_auth("app", Some(encoded))
            .form(&form)
            .send()
            .await
            .unwrap();
        if !begun.status().is_success() {
            return error_of(begun).await.1;
        }
        let begun: Value = begun.json().await.unwrap();
        let id = begun["auth_req_id"].as_str().unwrap();
        let form = [
            ("grant_type", "urn:openid:params:grant-type:ciba"),
            ("auth_req_id", id),
        ];
        for _ in 0..5 {
            let answer = self.post_token("app", SECRET, &form).await;
            if answer.status().is_success() {
                let again = self.post_token("app", SECRET, &form).await;
                assert_eq!(error_of(again).await.1, "invalid_grant");
                return String::new();
            }
            let (_, word) = error_of(answer).await;
            if word != "authorization_pending" {
                return word;
            }
        }
        panic!("still pending");
    }
}

#[tokio::test]
async fn the_number_stands_in_the_token_or_in_the_body_and_never_in_both() {
    let world = World::new().await;
    let missing = world.swapped(json!({})).await;
    assert_eq!(missing, (422, json!("MISSING_IDENTIFIER")));
    for (body, expected) in [
        (json!({}), (200, json!(false))),
        (
            json!({ "phoneNumber": NUMBER }),
            (422, json!("UNNECESSARY_IDENTIFIER")),
        ),
    ] {
        let answer = world.assert_about(&world.assertion(|_| {}), &[]).await;
        let token: Value = answer.json().await.unwrap();
        let token = token["access_token"].as_str().unwrap();
        assert_eq!(world.ask("/sim-swap/v2/check", token, body).await, expected);
    }
}

#[tokio::test]
async fn the_body_follows_the_contract() {
    let world = World::new().await;
    for (body, code) in [
        (json!({ "phoneNumber": "990709999" }), "INVALID_ARGUMENT"),
        (json!({ "phoneNumber": 1 }), "INVALID_ARGUMENT"),
        (
            json!({ "phoneNumber": NUMBER, "maxAge": 0 }),
            "OUT_OF_RANGE",
        ),
        (
            json!({ "phoneNumber": NUMBER, "maxAge": 2_401 }),
            "OUT_OF_RANGE",
        ),
        (
            json!({ "phoneNumber": NUMBER, "maxAge": "1" }),
            "INVALID_ARGUMENT",
        ),
        (json!([]), "INVALID_ARGUMENT"),
    ] {
        assert_eq!(
            world.swapped(body.clone()).await,
            (400, json!(code)),
            "{body}"
        );
    }
    let tomorrow = world.recycled(NUMBER, &world.days_ago(-1)).await;
    assert_eq!(tomorrow, (400, json!("OUT_OF_RANGE")));
    let no_date = world.recycled(NUMBER, "yesterday").await;
    assert_eq!(no_date, (400, json!("INVALID_ARGUMENT")));
}

#[tokio::test]
async fn a_token_is_for_one_check_of_its_own_kind_and_verifies_nothing() {
    let world = World::new().await;
    let body = json!({ "phoneNumber": NUMBER });
    let token = world.own_token(SWAP).await;
    let ask = async |path| world.ask(path, &token, body.clone()).await;
    let wrong = ask("/number-recycling/v0.2/check").await;
    assert_eq!(wrong, (403, json!("PERMISSION_DENIED")));
    assert_eq!(ask("/sim-swap/v2/check").await.0, 401, "it was used");

    let token = world.own_token(SWAP).await;
    assert_eq!(world.verify(&token, &body).await.status(), 401);
    let verifying = world.token(NUMBER, VERIFY).await;
    let asked = world.ask("/sim-swap/v2/check", &verifying, body).await;
    assert_eq!(asked.0, 401);
    for scope in [
        "openid dpv:X number-verification:verify",
        "sim-swap:check",
        "dpv:X dpv:Y sim-swap:check",
        "dpv:X",
        "",
    ] {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        let refused = world.post_token("app", SECRET, &form).await;
        assert_eq!(error_of(refused).await, (400, "invalid_scope".to_owned()));
    }
}

#[tokio::test]
async fn an_assertion_about_a_number_is_checked_like_a_clients_own() {
    let world = World::new().await;
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 7] = [
        (|c| c["sub"] = json!("keyed"), "invalid_grant"),
        (|c| c["sub"] = json!("operatortoken:x"), "invalid_grant"),
        (|c| c["iss"] = json!("nobody"), "invalid_grant"),
        (
            |c| c["aud"] = json!("https://other.example"),
            "invalid_grant",
        ),
        (|c| c["exp"] = json!(1), "invalid_grant"),
        (|c| c["scope"] = json!("openid"), "invalid_scope"),
        (
            |c| c["exp"] = json!(c["exp"].as_i64().unwrap() + 3_600),
            "invalid_grant",
        ),
    ];
    for (change, word) in changes {
        let answer = world.assert_about(&world.assertion(change), &[]).await;
        assert_eq!(error_of(answer).await, (400, word.to_owned()));
    }
    let once = world.assertion(|_| {});
    assert_eq!(world.assert_about(&once, &[]).await.status(), 200);
    let again = world.assert_about(&once, &[]).await;
    assert_eq!(error_of(again).await.1, "invalid_grant");
    let beside = world
        .assert_about(&world.assertion(|_| {}), &[("scope", SWAP)])
        .await;
    assert_eq!(error_of(beside).await.1, "invalid_request");
}

#[tokio::test]
async fn a_swap_set_by_hand_is_found() {
    let world = World::new().await;
    let number = PhoneNumber::from_e164(NUMBER).unwrap();
    let at = Some(world.clock.now() - TimeDelta::hours(30));
    let handle = world.simulator.handle();
    handle.set_swapped(&number, at);
    handle.set_recycled(&number, at);
    let body = |hours: u32| json!({ "phoneNumber": NUMBER, "maxAge": hours });
    assert_eq!(world.swapped(body(31)).await, (200, json!(true)));
    assert_eq!(world.swapped(body(29)).await, (200, json!(false)));
    assert_eq!(
        world.recycled(NUMBER, &world.days_ago(3)).await.1,
        json!(true)
    );
    handle.reset();
    assert_eq!(world.swapped(body(31)).await, (200, json!(false)));
    assert_eq!(
        world.recycled(NUMBER, &world.days_ago(3)).await.1,
        json!(false)
    );
}
