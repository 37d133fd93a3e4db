//! How clients prove who they are, and that a request is theirs.

use super::*;

#[tokio::test]
async fn a_wrong_secret_is_invalid_client() {
    let world = World::new().await;
    let code = world.code("+990709999", VERIFY).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
    ];
    let invalid_client = (401, "invalid_client".to_owned());
    for (id, secret) in [
        ("app", "wrong"),
        ("nobody", SECRET),
        ("keyed", ""),
        ("app", ""),
    ] {
        let response = world.post_token(id, secret, &form).await;
        assert_eq!(error_of(response).await, invalid_client, "{id}");
    }
    let plain = |extra: Vec<(&'static str, &'static str)>| {
        let mut form = form.to_vec();
        form.extend(extra);
        world.http.post(world.url("/token")).form(&form).send()
    };
    assert_eq!(error_of(plain(vec![]).await.unwrap()).await, invalid_client);
    let wrong = plain(vec![("client_id", "app"), ("client_secret", "wrong")])
        .await
        .unwrap();
    assert_eq!(error_of(wrong).await, invalid_client);
    let right = plain(vec![("client_id", "app"), ("client_secret", SECRET)])
        .await
        .unwrap();
    assert_eq!(right.status(), 200);
    let mut both = form.to_vec();
    both.extend([("client_id", "app"), ("client_secret", SECRET)]);
    assert_eq!(
        error_of(world.post_token("app", SECRET, &both).await).await,
        (400, "invalid_request".into())
    );
    let mut grant = form.to_vec();
    grant[0].1 = "refresh_token";
    assert_eq!(
        error_of(world.post_token("app", SECRET, &grant).await).await,
        (400, "unsupported_grant_type".into())
    );
}

#[tokio::test]
async fn a_client_assertion_is_checked_in_every_claim_and_used_once() {
    let world = World::new().await;
    let now = world.clock.now().timestamp();
    let endpoint = world.url("/token");
    let good = |jti: &str| json!({ "iss": "keyed", "sub": "keyed", "aud": endpoint, "iat": now, "exp": now + 120, "jti": jti });
    let redeem = async |assertion: String| {
        let hint = [("client_id", "keyed"), ("login_hint", "+990709999")];
        let code = callback(&world.authorize(&hint).await)["code"].clone();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", CALLBACK),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
        ];
        let response = world
            .http
            .post(world.url("/token"))
            .form(&form)
            .send()
            .await
            .unwrap();
        error_of(response).await
    };
    let once = world.jwt(&good("1"));
    assert_eq!(redeem(once.clone()).await.0, 200);
    assert_eq!(
        redeem(once).await,
        (401, "invalid_client".into()),
        "replayed"
    );
    let mut issuer = good("2");
    issuer["aud"] = json!([world.simulator.issuer()]);
    assert_eq!(redeem(world.jwt(&issuer)).await.0, 200);
    for (claim, value) in [
        ("iss", json!("app")),
        ("sub", json!("app")),
        ("aud", json!("https://elsewhere.example")),
        ("aud", Value::Null),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 330)),
        ("exp", Value::Null),
        ("iat", json!(now + 60)),
        ("iat", json!(now - 200)),
        ("jti", Value::Null),
    ] {
        let mut claims = good(&format!("{claim} {value}"));
        claims[claim] = value.clone();
        assert_eq!(
            redeem(world.jwt(&claims)).await,
            (401, "invalid_client".into()),
            "{claim} {value}"
        );
    }
    let jwt = world.jwt(&good("3"));
    let (input, _) = jwt.rsplit_once('.').unwrap();
    assert_eq!(
        redeem(format!("{input}.{}", b64(&[1; 64]))).await.0,
        401,
        "forged"
    );
    let none = format!(
        "{}.{}.",
        b64(br#"{"alg":"none"}"#),
        b64(good("4").to_string().as_bytes())
    );
    assert_eq!(redeem(none).await.0, 401, "alg none");
}

#[tokio::test]
async fn a_request_object_is_the_only_source_of_parameters() {
    let world = World::new().await;
    let now = world.clock.now().timestamp();
    let good = json!({
        "iss": "keyed", "aud": world.url("/authorize"), "iat": now, "exp": now + 60, "jti": "1",
        "client_id": "keyed", "redirect_uri": CALLBACK, "response_type": "code", "scope": VERIFY,
        "state": "inside", "login_hint": "+990709999",
    });
    let send = async |claims: &Value| {
        let jwt = world.jwt(claims);
        let response = world
            .authorize(&[
                ("client_id", "keyed"),
                ("login_hint", "+990701000"),
                ("request", &jwt),
            ])
            .await;
        callback(&response)
    };
    let back = send(&good).await;
    assert_eq!(back["state"], "inside");
    assert!(back.contains_key("code"), "the hint outside must not count");
    for (claim, value) in [
        ("iss", json!("app")),
        ("aud", json!("https://elsewhere.example")),
        ("exp", json!(now + 301)),
        ("exp", json!(now - 1)),
        ("iat", json!(now + 60)),
        ("iat", Value::Null),
        ("iat", json!(now - 290)),
        ("jti", Value::Null),
        ("sub", json!("keyed")),
        ("scope", json!("openid")),
        ("client_id", json!("app")),
        ("redirect_uri", Value::Null),
    ] {
        let mut claims = good.clone();
        claims[claim] = value.clone();
        assert_eq!(
            send(&claims).await["error"],
            "invalid_request_object",
            "{claim} {value}"
        );
    }
}
