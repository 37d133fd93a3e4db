//! The authorization endpoint against hostile requests.

use reqwest::header::CONTENT_TYPE;
use url::Url;

use super::{OPENED, Raw, count, http, nothing_opened};
use crate::support::app::{App, NUMBER, REDIRECT_URI};
use crate::support::rp::Wish;

/// A good request's parameters.
async fn good(app: &App) -> Vec<(String, String)> {
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    departure.url.query_pairs().into_owned().collect()
}

fn url(app: &App, parameters: &[(String, String)]) -> Url {
    let mut url = Url::parse(&format!("{}/authorize", app.issuer)).unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    url
}

fn with(parameters: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut changed: Vec<_> = parameters
        .iter()
        .filter(|(known, _)| known != name)
        .cloned()
        .collect();
    changed.push((name.to_owned(), value.to_owned()));
    changed
}

#[tokio::test]
async fn no_redirect_leads_where_nobody_registered() {
    let app = App::start().await;
    let good = good(&app).await;
    for hostile in [
        "https://evil.example/",
        "https://evil.example/callback",
        "https://shop.example.evil.example/callback",
        "https://shop.example@evil.example/callback",
        "https://shop.example:pw@evil.example/callback",
        "https://evil.example/https://shop.example/callback",
        "https://evil.example#https://shop.example/callback",
        "https://evil.example?https://shop.example/callback",
        "https://evil.example\\.shop.example/callback",
        "https://shop.example\\@evil.example/callback",
        "https://shop.example%2eevil.example/callback",
        "https://shop.example%00.evil.example/callback",
        "https://shop.example/callback/",
        "https://shop.example/callback/../../evil",
        "https://shop.example/callback%2f..%2fevil",
        "https://shop.example/callback?next=https://evil.example",
        "https://shop.example/callback#@evil.example",
        "https://shop.example/callback;x",
        "https://shop.example/Callback",
        "https://SHOP.example/callback",
        "https://shop.example:443/callback",
        "https://shop.example:444/callback",
        "http://shop.example/callback",
        "https:shop.example/callback",
        "https:/shop.example/callback",
        "//shop.example/callback",
        "//evil.example/callback",
        "/callback",
        "shop.example/callback",
        " https://shop.example/callback",
        "https://shop.example/callback ",
        "https://shop.example/callback\r\nLocation: https://evil.example",
        "https://shop.example/callback\t",
        "https://ѕhop.example/callback",
        "javascript:alert(1)//https://shop.example/callback",
        "data:text/html,<script>alert(1)</script>",
        "",
    ] {
        let sent = with(&good, "redirect_uri", hostile);
        let answer = Raw::of(http().get(url(&app, &sent))).await;
        assert_eq!(answer.status, 400, "{hostile}");
        assert_eq!(answer.location(), "", "{hostile}");
        assert!(answer.body.contains("This link is not valid"), "{hostile}");
        assert!(!answer.body.contains("evil"), "{hostile}");
        assert!(!answer.body.contains("<script"), "{hostile}");
        assert_eq!(answer.headers.get("set-cookie"), None);
    }
    let mut twice = good.clone();
    twice.push((
        "redirect_uri".to_owned(),
        "https://evil.example/".to_owned(),
    ));
    assert_eq!(Raw::of(http().get(url(&app, &twice))).await.status, 400);
    twice.rotate_right(1);
    assert_eq!(Raw::of(http().get(url(&app, &twice))).await.status, 400);
    assert!(app.logins().await.is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_told_to_the_app_and_nothing_opens() {
    let app = App::start().await;
    let good = good(&app).await;
    let state = good
        .iter()
        .find(|(name, _)| name == "state")
        .unwrap()
        .1
        .clone();
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        (
            "response_type",
            "code id_token",
            "unsupported_response_type",
        ),
        ("response_type", "", "invalid_request"),
        ("response_mode", "web_message", "invalid_request"),
        ("scope", "number_verified", "invalid_scope"),
        ("scope", "", "invalid_scope"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        (
            "request",
            "eyJhbGciOiJub25lIn0.e30.",
            "request_not_supported",
        ),
        (
            "request_uri",
            "https://evil.example/",
            "request_uri_not_supported",
        ),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "none", "login_required"),
        ("max_age", "-1", "invalid_request"),
        ("login_hint", "+99", "invalid_request"),
        ("login_hint", "tel:+99070000000000000000", "invalid_request"),
        ("login_hint", " 99", "invalid_request"),
        ("login_hint", "+990700000\0", "invalid_request"),
        ("nonce", "\0", "invalid_request"),
        ("ui_locales", "\0", "invalid_request"),
    ] {
        let sent = with(&good, name, value);
        let answer = Raw::of(http().get(url(&app, &sent))).await;
        assert_eq!(answer.status, 303, "{name}={value}");
        let told = Url::parse(answer.location()).unwrap();
        assert!(told.as_str().starts_with(&format!("{REDIRECT_URI}?")));
        let get = |wanted: &str| {
            let found = told.query_pairs().find(|(name, _)| name == wanted);
            found
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        assert_eq!(get("error"), error, "{name}={value}");
        assert_eq!(
            (get("state"), get("iss")),
            (state.clone(), app.issuer.clone())
        );
        assert_eq!(get("code"), "");
        let why = get("error_description");
        assert!(!why.contains("99"), "no number goes back: {why}");
    }
    for (name, value) in good.clone() {
        let mut twice = good.clone();
        twice.push((name.clone(), value));
        let answer = Raw::of(http().get(url(&app, &twice))).await;
        if ["client_id", "redirect_uri", "state"].contains(&name.as_str()) {
            assert_eq!((answer.status, answer.location()), (400, ""), "{name}");
        } else {
            assert!(
                answer.location().contains("error=invalid_request"),
                "{name}"
            );
        }
    }
    assert!(app.logins().await.is_empty());
    nothing_opened(&app).await;
}

#[tokio::test]
async fn an_unknown_client_gets_a_page_and_nothing_else() {
    let app = App::start().await;
    let good = good(&app).await;
    for hostile in [
        "",
        "nobody",
        "shop\0",
        "SHOP",
        "shop ",
        "<script>alert(1)</script>",
        "' or 1=1 --",
    ] {
        let answer = Raw::of(http().get(url(&app, &with(&good, "client_id", hostile)))).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{hostile}");
        assert!(!answer.body.contains("<script"), "{hostile}");
        assert!(!answer.body.contains("or 1=1"), "{hostile}");
    }
    assert!(app.logins().await.is_empty());
}

#[tokio::test]
async fn head_changes_nothing() {
    let app = App::start().await;
    let good = good(&app).await;
    let mut browser = app.browser();
    super::depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = super::callback_of(&browser).await;
    let login = app.only_login().await;
    // Of the audit log only what is about logins: the server writes and seals records of its own meanwhile.
    let about_logins = "audit_records where login_id is not null";
    let tables = [&OPENED[..], &["logins", "legs", about_logins]].concat();
    let rows = async || {
        let mut rows = Vec::new();
        for table in &tables {
            rows.push(count(&app, table).await);
        }
        rows.push(count(&app, "legs where stage = 'away'").await);
        rows
    };
    let before = rows().await;
    let cookies = super::cookie_header(&browser);
    for target in [
        url(&app, &good).to_string(),
        callback.to_string(),
        format!("{}/login/{login}", app.issuer),
        format!("{}/login/{login}/continue", app.issuer),
        format!("{}/token", app.issuer),
        format!("{}/userinfo", app.issuer),
        format!("{}/jwks", app.issuer),
    ] {
        let answer = Raw::of(http().head(&target).header("cookie", &cookies)).await;
        assert_eq!(answer.headers.get("set-cookie"), None, "{target}");
        assert_eq!(answer.location(), "", "{target}");
        assert_eq!(rows().await, before, "{target}");
    }
    assert_eq!(super::calls(&app, "/token", false), 0);
}

#[tokio::test]
async fn a_posted_request_is_the_same_request() {
    let app = App::start().await;
    let good = good(&app).await;
    let post = |body: Vec<u8>| {
        let request = http().post(format!("{}/authorize", app.issuer));
        Raw::of(
            request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(body),
        )
    };
    let encoded = url(&app, &good).query().unwrap().to_owned();
    let answer = post(encoded.clone().into_bytes()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location(), format!("/authorize?{encoded}"));
    assert!(
        app.logins().await.is_empty(),
        "the browser comes back with its cookies"
    );
    let mut browser = app.browser();
    browser
        .open(format!("{}{}", app.issuer, answer.location()))
        .await;
    assert_eq!(browser.title(), "Check your number");
    for body in [
        b"client_id=\xff".to_vec(),
        b"client_id=shop\r\nX: y".to_vec(),
        b"client_id=shop\nSet-Cookie: a=b".to_vec(),
        b"client_id=\x00".to_vec(),
        b"client_id=\x01\x7f".to_vec(),
        vec![b'x'; 20 * 1024],
        "client_id=ä".into(),
    ] {
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(30)
            .collect::<String>();
        let answer = post(body).await;
        assert_eq!(answer.status, 400, "{shown:?}");
        assert_eq!(answer.headers.get("set-cookie"), None);
    }
    let answer = post(vec![b'x'; 100 * 1024]).await;
    assert_eq!(answer.status, 413);
    // It is our own path that follows, whatever the body says.
    for body in [
        "",
        "@evil.example",
        "//evil.example",
        "#",
        "?",
        "\\\\evil.example",
    ] {
        let answer = post(body.into()).await;
        assert!(answer.location().starts_with("/authorize?"), "{body}");
    }
}

#[tokio::test]
async fn a_request_beyond_every_size_is_refused() {
    let app = App::start().await;
    let good = good(&app).await;
    for (name, length, status) in [
        ("state", 2048, 200),
        ("state", 2049, 303),
        ("nonce", 513, 303),
        ("scope", 1025, 303),
        ("client_id", 201, 400),
    ] {
        let value = if name == "scope" {
            format!("openid {}", "x".repeat(length - 7))
        } else {
            "x".repeat(length)
        };
        let answer = Raw::of(http().get(url(&app, &with(&good, name, &value)))).await;
        assert_eq!(answer.status, status, "{name} {length}");
        assert!(!answer.location().contains("code="));
    }
    let before = app.logins().await.len();
    for length in [17 * 1024, 40 * 1024, 60 * 1024] {
        let long = with(&good, "state", &"x".repeat(length));
        let answer = Raw::of(http().get(url(&app, &long))).await;
        assert!(
            (400..500).contains(&answer.status),
            "{length}: {}",
            answer.status
        );
    }
    // What is hidden behind too many others is not read by half: the whole is refused.
    let mut many = good.clone();
    many.extend((0..300).map(|i| (format!("x{i}"), String::new())));
    for _ in 0..2 {
        assert_eq!(Raw::of(http().get(url(&app, &many))).await.status, 400);
        many.rotate_left(good.len());
    }
    assert_eq!(app.logins().await.len(), before);
}

#[tokio::test]
async fn nothing_is_reflected_as_markup() {
    const MARKUP: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}";
    let app = App::builder()
        .client(|client| client.name = format!("Shop {MARKUP}"))
        .start()
        .await;
    let good = good(&app).await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    let sent = with(&good, "state", MARKUP);
    let sent = with(&sent, "ui_locales", MARKUP);
    let sent = with(&sent, "idp_hint", MARKUP);
    let sent = with(&sent, "nonce", MARKUP);
    let mut pages = Vec::new();
    browser.open(url(&app, &sent)).await;
    pages.push(browser.page().clone());
    browser.press("Continue").await;
    pages.push(browser.page().clone());
    browser.press("Cancel").await;
    pages.push(browser.page().clone());
    // The answer gives `state` back unharmed, as one parameter.
    let left = Url::parse(browser.page().document.refresh.as_deref().unwrap()).unwrap();
    let state = left
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    assert_eq!(state.1, MARKUP);
    // The number page shows what was typed, and it is typed by whoever sends the form.
    let number = with(&good, "login_hint", "");
    browser.open(url(&app, &number)).await;
    browser.submit("/number", &[("phone_number", MARKUP)]).await;
    pages.push(browser.page().clone());
    browser
        .open(format!(
            "{}/broker/x/endpoint?state={MARKUP}&error={MARKUP}",
            app.issuer
        ))
        .await;
    pages.push(browser.page().clone());
    browser
        .open(format!("{}/{MARKUP}?{MARKUP}", app.issuer))
        .await;
    pages.push(browser.page().clone());
    browser.open(format!("{}/login/{MARKUP}", app.issuer)).await;
    pages.push(browser.page().clone());
    for page in pages {
        assert!(!page.source.contains("<script"), "{}", page.url);
        assert!(!page.source.contains("<img"), "{}", page.url);
        assert!(
            page.headers.contains_key("content-security-policy"),
            "{}",
            page.url
        );
    }
}
