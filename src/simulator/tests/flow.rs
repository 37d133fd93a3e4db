//! The code flow and what the operator refuses in it.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_number_is_verified_from_authorization_to_api() {
    let world = World::new().await;
    let challenge = challenge();
    let response = world
        .authorize(&[
            ("login_hint", "tel:+990709999"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("acr_values", "whatever"),
        ])
        .await;
    let back = callback(&response);
    assert_eq!(back["state"], "st4te");
    assert_eq!(back["iss"], world.simulator.issuer());
    let response = world
        .redeem(&back["code"], &[("code_verifier", VERIFIER)])
        .await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 300);
    assert!(answer.get("refresh_token").is_none() && answer.get("scope").is_none());
    let claims: Value = claims_of(answer["id_token"].as_str().unwrap());
    assert_eq!(claims["nonce"], "n0nce");
    assert_eq!(claims["amr"], json!(["nba"]));
    assert_eq!(claims["aud"], "app");
    assert!(!claims.to_string().contains("990709999"));
    let token = answer["access_token"].as_str().unwrap();
    let response = world
        .verify(token, &json!({ "phoneNumber": "+990709999" }))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-correlator"], "c0rr");
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer, json!({ "devicePhoneNumberVerified": true }));
}

fn claims_of(jwt: &str) -> Value {
    let part = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&crate::secret::from_b64(part).unwrap()).unwrap()
}

#[tokio::test]
async fn an_id_token_comes_only_with_openid_and_its_subject_is_pairwise() {
    let world = World::new().await;
    let scope = "dpv:FraudPreventionAndDetection number-verification:verify";
    let code = world.code("+990709999", scope).await;
    let answer: Value = world.redeem(&code, &[]).await.json().await.unwrap();
    assert!(answer.get("id_token").is_none() && answer.get("access_token").is_some());
    let mut subjects = Vec::new();
    for (id, secret) in [("app", SECRET), ("other", "another"), ("app", SECRET)] {
        let response = world
            .authorize(&[("client_id", id), ("login_hint", "+990709999")])
            .await;
        let code = callback(&response)["code"].clone();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
        ];
        let answer: Value = world
            .post_token(id, secret, &form)
            .await
            .json()
            .await
            .unwrap();
        subjects.push(claims_of(answer["id_token"].as_str().unwrap())["sub"].clone());
    }
    assert_ne!(subjects[0], subjects[1]);
    assert_eq!(subjects[0], subjects[2]);
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_the_second_try_voids_the_token() {
    let world = World::new().await;
    let code = world.code("+990709999", VERIFY).await;
    let first: Value = world.redeem(&code, &[]).await.json().await.unwrap();
    assert_eq!(
        error_of(world.redeem(&code, &[]).await).await,
        (400, "invalid_grant".into())
    );
    let token = first["access_token"].as_str().unwrap();
    let response = world
        .verify(token, &json!({ "phoneNumber": "+990709999" }))
        .await;
    assert_eq!(response.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_redeemed_by_many_at_once_gives_nobody_a_working_token() {
    let world = World::new().await;
    for _ in 0..20 {
        let code = world.code("+990709999", VERIFY).await;
        let (a, b, c) = tokio::join!(
            world.redeem(&code, &[]),
            world.redeem(&code, &[]),
            world.redeem(&code, &[])
        );
        let mut tokens = Vec::new();
        for response in [a, b, c] {
            let answer: Value = response.json().await.unwrap();
            if let Some(token) = answer["access_token"].as_str() {
                tokens.push(token.to_owned());
            }
        }
        assert!(tokens.len() <= 1);
        for token in tokens {
            let body = json!({ "phoneNumber": "+990709999" });
            assert_eq!(world.verify(&token, &body).await.status(), 401);
        }
    }
}

#[tokio::test]
async fn a_code_dies_after_a_minute_and_a_token_after_five() {
    let world = World::new().await;
    let code = world.code("+990709999", VERIFY).await;
    let token = world.token("+990709999", VERIFY).await;
    let late = world.token("+990709999", VERIFY).await;
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(
        error_of(world.redeem(&code, &[]).await).await,
        (400, "invalid_grant".into())
    );
    let body = json!({ "phoneNumber": "+990709999" });
    assert_eq!(world.verify(&token, &body).await.status(), 200);
    world.clock.advance(Duration::from_secs(240));
    assert_eq!(world.verify(&late, &body).await.status(), 401);
}

#[tokio::test]
async fn a_token_is_good_for_one_call() {
    let world = World::new().await;
    let both = format!("{VERIFY} number-verification:device-phone-number:read");
    let token = world.token("+990709999", &both).await;
    let body = json!({ "phoneNumber": "+990709999" });
    assert_eq!(world.verify(&token, &body).await.status(), 200);
    assert_eq!(world.verify(&token, &body).await.status(), 401);
    assert_eq!(world.share(&token).await.status(), 401);
}

#[tokio::test]
async fn a_code_is_bound_to_client_redirect_uri_and_verifier() {
    let world = World::new().await;
    let invalid_grant = (400, "invalid_grant".to_owned());
    // Another client's try leaves the code alone, a wrong redirect URI burns it.
    let code = world.code("+990709999", VERIFY).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
    ];
    assert_eq!(
        error_of(world.post_token("other", "another", &form).await).await,
        invalid_grant
    );
    let elsewhere = format!("{CALLBACK}?tenant=1");
    assert_eq!(
        error_of(world.redeem(&code, &[("redirect_uri", &elsewhere)]).await).await,
        invalid_grant
    );
    assert_eq!(
        error_of(world.redeem(&code, &[]).await).await,
        invalid_grant
    );
    // With a challenge the right verifier is needed; without one, none may come.
    let challenge = challenge();
    for (given, verifier, good) in [
        (Some(challenge.as_str()), VERIFIER, true),
        (Some(challenge.as_str()), "", false),
        (
            Some(challenge.as_str()),
            "another-verifier-of-forty-three-characters-at-least",
            false,
        ),
        (None, VERIFIER, false),
    ] {
        let mut changes = vec![("login_hint", "+990709999")];
        if let Some(challenge) = given {
            changes.extend([
                ("code_challenge", challenge),
                ("code_challenge_method", "S256"),
            ]);
        }
        let code = callback(&world.authorize(&changes).await)["code"].clone();
        let response = world.redeem(&code, &[("code_verifier", verifier)]).await;
        assert_eq!(response.status() == 200, good, "{given:?} {verifier}");
    }
}

#[tokio::test]
async fn a_bad_client_or_redirect_uri_never_redirects() {
    let world = World::new().await;
    for change in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://rp.example/cb/"),
        ("redirect_uri", "https://rp.example/CB"),
        ("redirect_uri", "https://rp.example/cb?x=1"),
    ] {
        let response = world
            .authorize(&[change, ("login_hint", "+990709999")])
            .await;
        assert_eq!(response.status(), 400, "{change:?}");
        assert!(response.headers().get("location").is_none(), "{change:?}");
    }
    let twice = format!(
        "{}&redirect_uri=https%3A%2F%2Frp.example%2Fcb",
        world.request(&[])
    );
    assert_eq!(world.get(twice).await.status(), 400);
}

#[tokio::test]
async fn a_bad_request_goes_back_with_its_error() {
    let world = World::new().await;
    let cut = "dpv:FraudPreventionAndDetection";
    for (changes, error) in [
        (vec![("scope", "openid")], "invalid_scope"),
        (vec![("scope", cut)], "invalid_scope"),
        (vec![("scope", "")], "invalid_scope"),
        (
            vec![("scope", "dpv:A dpv:B number-verification:verify")],
            "invalid_scope",
        ),
        (
            vec![(
                "scope",
                "dpv:FraudPreventionAndDetection#number-verification:verify",
            )],
            "invalid_scope",
        ),
        (vec![("response_type", "")], "invalid_request"),
        (
            vec![("response_type", "token")],
            "unsupported_response_type",
        ),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("request_uri", "urn:x")], "request_uri_not_supported"),
        (vec![("request", "not.a.jwt")], "invalid_request_object"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("code_challenge", VERIFIER)], "invalid_request"),
        (
            vec![
                ("code_challenge", VERIFIER),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
        ),
        (
            vec![
                ("code_challenge", "short"),
                ("code_challenge_method", "S256"),
            ],
            "invalid_request",
        ),
        (vec![("code_challenge_method", "S256")], "invalid_request"),
    ] {
        let mut all = vec![("login_hint", "+990709999")];
        all.extend(&changes);
        let back = callback(&world.authorize(&all).await);
        assert_eq!(back["error"], error, "{changes:?}");
        assert_eq!(back["state"], "st4te", "{changes:?}");
        assert!(!back.contains_key("code"), "{changes:?}");
    }
    let twice = format!("{}&login_hint=%2B990709999&nonce=2", world.request(&[]));
    assert_eq!(
        callback(&world.get(twice).await)["error"],
        "invalid_request"
    );
    // A scope cut at `#` by the browser takes all that follows with it.
    let unescaped = format!(
        "{}?client_id=app&redirect_uri={CALLBACK}&response_type=code&login_hint=%2B990709999&scope=openid+{cut}#number-verification:verify",
        world.url("/authorize")
    );
    assert_eq!(
        callback(&world.get(unescaped).await)["error"],
        "invalid_scope"
    );
}

#[tokio::test]
async fn offline_access_is_not_granted_and_said_so() {
    let world = World::new().await;
    let code = world
        .code("+990709999", &format!("{VERIFY} offline_access"))
        .await;
    let answer: Value = world.redeem(&code, &[]).await.json().await.unwrap();
    assert_eq!(answer["scope"], "openid number-verification:verify");
    assert!(answer.get("refresh_token").is_none());
}

#[tokio::test]
async fn the_metadata_names_endpoints_that_are_there() {
    let world = World::new().await;
    let metadata: Value = world
        .get(world.url("/.well-known/openid-configuration"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(metadata["issuer"], world.simulator.issuer());
    let keys: Value = world
        .get(metadata["jwks_uri"].as_str().unwrap())
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    assert!(keys["keys"][0].get("d").is_none());
    assert_eq!(
        world
            .get(metadata["authorization_endpoint"].as_str().unwrap())
            .await
            .status(),
        400
    );
    assert_eq!(
        world
            .get(metadata["token_endpoint"].as_str().unwrap())
            .await
            .status(),
        405
    );
}

#[tokio::test]
async fn a_stopped_operator_answers_nobody() {
    let world = World::new().await;
    let url = world.url("/jwks");
    assert_eq!(world.get(&url).await.status(), 200);
    world.simulator.stop().await;
    assert!(outside().get(&url).send().await.is_err());
    assert!(
        world.http.get(&url).send().await.is_err(),
        "kept connections are cut too"
    );
}
