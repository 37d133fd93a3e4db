//! Section 2.2 of the checklist, but for what has a file of its own.

use crate::support::app::{App, NUMBER, REDIRECT_URI};
use crate::support::browser::End;
use crate::support::html::Form;
use crate::support::rp::{Answer, Wish};

/// What the app is told at once about a request with these further parameters.
async fn told(app: &App, wish: &Wish) -> (String, String) {
    let mut browser = app.browser();
    let departure = app.open(&mut browser, wish).await;
    assert_eq!(browser.hops.len(), 1, "{wish:?}");
    match app.answer(&browser, &departure) {
        Answer::Error(error, word) => (error, word),
        Answer::Code(_) => panic!("a code for {wish:?}"),
    }
}

// 2.2.1
#[tokio::test]
async fn get_and_post_are_accepted_and_unknown_parameters_ignored() {
    let app = App::start().await;
    let wish = Wish::of(NUMBER)
        .with("extra", "foobar")
        .with("extra", "again");
    let mut browser = app.browser();
    app.sign_in(&mut browser, &wish).await;
    let mut browser = app.browser();
    browser.open(&app.issuer).await;
    let departure = app.shop.depart(&wish).await;
    let form = Form {
        action: format!("{}/authorize", app.issuer),
        method: "post".to_owned(),
        fields: departure.parameters(),
        buttons: Vec::new(),
    };
    browser.send(&form, None, &[]).await;
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
}

// 2.2.1
#[tokio::test]
async fn a_repeated_parameter_is_an_invalid_request() {
    let app = App::start().await;
    for (name, value) in [
        ("response_type", "code"),
        ("scope", "openid"),
        ("nonce", "n"),
        ("prompt", "login"),
        ("max_age", "1"),
        ("claims", "{}"),
        ("display", "page"),
        ("acr_values", "x"),
        ("dpop_jkt", "x"),
        ("response_mode", "query"),
    ] {
        let wish = Wish::of(NUMBER).with(name, value).with(name, value);
        assert_eq!(told(&app, &wish).await.0, "invalid_request", "{name}");
    }
}

// 2.2.2
#[tokio::test]
async fn a_redirect_uri_that_is_not_equal_to_a_registered_one_is_never_redirected_to() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    for uri in [
        format!("{REDIRECT_URI}/x8gf"),
        format!("{REDIRECT_URI}?foo=bar"),
        format!("{REDIRECT_URI}#"),
        REDIRECT_URI.replace("https", "http"),
        String::new(),
    ] {
        let mut parameters = departure.parameters();
        parameters.retain(|(name, _)| name != "redirect_uri");
        parameters.push(("redirect_uri".to_owned(), uri.clone()));
        for mode in ["query", "fragment", "form_post", "jwt"] {
            let mut parameters = parameters.clone();
            parameters.push(("response_mode".to_owned(), mode.to_owned()));
            let mut browser = app.browser();
            browser.open(departure.with(&parameters).url).await;
            assert!(matches!(browser.end, End::Page), "{uri}");
            assert_eq!(browser.title(), "This link is not valid", "{uri} {mode}");
            assert_eq!(browser.page().status, 400);
            assert!(browser.page().document.forms.is_empty());
        }
    }
}

// 2.2.3
#[tokio::test]
async fn an_error_has_its_code_a_legal_description_the_state_and_our_issuer_and_nothing_else() {
    let app = App::start().await;
    let states = [
        "x".repeat(384),
        "a b&c=d#%2B+\u{e9}\"'<>\\".to_owned(),
        "s".repeat(2048),
    ];
    for state in states {
        let departure = app
            .shop
            .depart(&Wish::of(NUMBER).with("max_age", "\"x\""))
            .await;
        let mut parameters = departure.parameters();
        parameters.retain(|(name, _)| name != "state");
        parameters.push(("state".to_owned(), state.clone()));
        let mut departure = departure.with(&parameters);
        departure.state = state;
        let mut browser = app.browser();
        browser.open(&departure.url).await;
        // Fails if a parameter is missing, altered or one too many.
        assert_eq!(
            app.answer(&browser, &departure).error().0,
            "invalid_request"
        );
        let left = browser.left();
        let (_, description) = left
            .query_pairs()
            .find(|(name, _)| name == "error_description")
            .unwrap();
        let legal = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
        assert!(description.chars().all(legal), "{description}");
    }
}

// 2.2.3
#[tokio::test]
async fn an_oversized_value_is_told_and_never_cut() {
    let app = App::start().await;
    for (name, length) in [
        ("nonce", 513),
        ("claims", 8193),
        ("acr_values", 1025),
        ("id_token_hint", 8193),
    ] {
        let departure = app.shop.depart(&Wish::of(NUMBER)).await;
        let mut parameters = departure.parameters();
        parameters.retain(|(known, _)| known != name);
        parameters.push((name.to_owned(), "x".repeat(length)));
        let departure = departure.with(&parameters);
        let mut browser = app.browser();
        browser.open(&departure.url).await;
        let answer = app.answer(&browser, &departure);
        assert_eq!(answer.error().0, "invalid_request", "{name}");
    }
    let wish = Wish::of(NUMBER).with("state", "y".repeat(17 * 1024));
    let mut browser = app.browser();
    app.open(&mut browser, &wish).await;
    assert!(browser.page().status.is_client_error());
}

// 2.2.4
#[tokio::test]
async fn response_type_must_be_code_and_scope_hold_openid() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    for (name, value, expected) in [
        ("response_type", None, "invalid_request"),
        ("response_type", Some("token"), "unsupported_response_type"),
        (
            "response_type",
            Some("code id_token"),
            "unsupported_response_type",
        ),
        ("scope", None, "invalid_scope"),
        ("scope", Some("phone email"), "invalid_scope"),
    ] {
        let mut parameters = departure.parameters();
        parameters.retain(|(known, _)| known != name);
        parameters.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        let departure = departure.with(&parameters);
        let mut browser = app.browser();
        browser.open(&departure.url).await;
        let answer = app.answer(&browser, &departure);
        assert_eq!(answer.error().0, expected, "{name} {value:?}");
    }
    let wish = Wish::of(NUMBER).scopes(&["number_verified", "email", "unheard:of#x"]);
    let signed_in = app.sign_in(&mut app.browser(), &wish).await;
    assert_eq!(signed_in.scope, "openid number_verified");
}

// 2.2.4, OIDC Core section 11
#[tokio::test]
async fn offline_access_without_prompt_consent_is_ignored() {
    let app = App::builder()
        .client(|client| client.settings.scopes.push("offline_access".to_owned()))
        .start()
        .await;
    let wish = Wish::of(NUMBER).scopes(&["number_verified", "offline_access"]);
    let signed_in = app.sign_in(&mut app.browser(), &wish).await;
    assert_eq!(signed_in.scope, "openid number_verified");
    let signed_in = app
        .sign_in(&mut app.browser(), &wish.prompt("consent"))
        .await;
    assert_eq!(signed_in.scope, "openid number_verified offline_access");
}

// 2.2.5
#[tokio::test]
async fn prompt_none_stands_alone_and_unknown_words_are_ignored() {
    let app = App::start().await;
    let wish = Wish::of(NUMBER).prompt("none login");
    assert_eq!(told(&app, &wish).await.0, "invalid_request");
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER).prompt("unheard"))
        .await;
}

// 2.2.8
#[tokio::test]
async fn hints_and_wishes_of_any_form_are_never_an_error() {
    let app = App::start().await;
    for (name, value) in [
        ("ui_locales", "se"),
        ("ui_locales", "x-klingon zz-ZZ \u{e9}"),
        ("claims_locales", "se"),
        ("display", "page"),
        ("display", "popup"),
        ("display", "touch"),
        ("display", "wap"),
        ("display", "hologram"),
        ("acr_values", "1 2"),
        (
            "acr_values",
            "urn:numbercloak:acr:network urn:numbercloak:acr:network-handoff",
        ),
    ] {
        let mut browser = app.browser();
        let signed_in = app
            .sign_in(&mut browser, &Wish::of(NUMBER).with(name, value))
            .await;
        assert_eq!(
            signed_in.claims["acr"], "urn:numbercloak:acr:network",
            "{name}={value}"
        );
    }
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("buffy@localhost")).await;
    assert_eq!(browser.title(), "Your mobile number");
}

// 2.2.8
#[tokio::test]
async fn a_request_without_nonce_gets_a_code() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let mut parameters = departure.parameters();
    parameters.retain(|(name, _)| name != "nonce");
    let departure = departure.with(&parameters);
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let answer = app.answer(&browser, &departure);
    let (status, tokens) = app.shop.redeem_raw(&departure, answer.code()).await;
    assert_eq!(status, 200, "{tokens}");
    let payload = tokens["id_token"]
        .as_str()
        .unwrap()
        .split('.')
        .nth(1)
        .unwrap();
    let claims = numbercloak::secret::from_b64(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert!(claims.get("nonce").is_none());
}

// 2.2.10
#[tokio::test]
async fn a_request_uri_that_is_not_ours_is_never_fetched() {
    let app = App::start().await;
    let before = app.operator.received().len();
    for uri in [
        format!("http://{}/object", app.operator_address()),
        "urn:x".to_owned(),
    ] {
        let wish = Wish::of(NUMBER).with("request_uri", uri);
        assert_eq!(told(&app, &wish).await.0, "request_uri_not_supported");
    }
    assert_eq!(app.operator.received().len(), before);
}

// 2.2.11
#[tokio::test]
async fn pkce_is_s256_or_nothing() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    for method in ["plain", "s256", ""] {
        let mut parameters = departure.parameters();
        parameters.retain(|(name, _)| name != "code_challenge_method");
        parameters.push(("code_challenge_method".to_owned(), method.to_owned()));
        let departure = departure.with(&parameters);
        let mut browser = app.browser();
        browser.open(&departure.url).await;
        let answer = app.answer(&browser, &departure);
        assert_eq!(answer.error().0, "invalid_request", "{method}");
    }
}

// 2.2.12
#[tokio::test]
async fn a_code_is_long_and_random() {
    let app = App::start().await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut browser = app.browser();
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        browser.press("Continue").await;
        let answer = app.answer(&browser, &departure);
        // 256 random bits behind a row's id, in base64url.
        assert_eq!(answer.code().len(), 64);
        let secret = answer.code()[22..].to_owned();
        assert!(!seen.contains(&secret));
        seen.push(secret);
    }
}

// 2.2.16
#[tokio::test]
async fn the_page_has_continue_and_cancel_and_the_apps_links() {
    let app = App::builder()
        .client(|client| {
            client.settings.policy_uri = Some("https://shop.example/privacy".to_owned());
            client.settings.tos_uri = Some("https://shop.example/terms".to_owned());
        })
        .start()
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let links: Vec<_> = (browser.page().document.links.iter())
        .map(|(_, target)| target.as_str())
        .collect();
    assert!(links.contains(&"https://shop.example/privacy"), "{links:?}");
    assert!(links.contains(&"https://shop.example/terms"), "{links:?}");
    browser.press("Cancel").await;
    let answer = app.answer(&browser, &departure);
    assert_eq!(answer.error(), ("access_denied", "user_cancelled"));
}
