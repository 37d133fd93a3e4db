//! What the browser is shown and where it is led.

use http::StatusCode;
use numbercloak::secret::{b64, from_b64};
use serde_json::Value;

use super::{BYE, app, logout, sessions, sign_in, sign_in_to};
use crate::support::app::{NUMBER, new_client};
use crate::support::browser::Browser;
use crate::support::listener::Listener;
use crate::support::rp::Wish;

/// RP-Initiated Logout section 2 and 3.
#[tokio::test]
async fn the_app_s_own_id_token_signs_out_without_a_question_and_leads_back() {
    let app = app().await;
    let mut browser = app.browser();
    let signed_in = sign_in(&app, &mut browser).await;
    let state = "s &\"".repeat(32);
    let hint = ("id_token_hint", signed_in.id_token.as_str());
    let back = ("post_logout_redirect_uri", BYE);
    browser
        .open(logout(&app, &[hint, back, ("state", &state)]))
        .await;
    let left = browser.left();
    assert!(left.as_str().starts_with(BYE), "{left}");
    let given: Vec<_> = left.query_pairs().into_owned().collect();
    assert_eq!(given, [("state".to_owned(), state)]);
    assert_eq!(sessions(&app).await, 0);
    // What it held without offline_access ended with it.
    assert_eq!(app.shop.userinfo(&signed_in.access_token).await.0, 401);
    let departure = app
        .open(&mut browser, &Wish::of(NUMBER).prompt("none"))
        .await;
    assert_eq!(app.answer(&browser, &departure).error().0, "login_required");
}

#[tokio::test]
async fn an_expired_id_token_still_signs_out_and_nothing_is_added_without_a_state() {
    let app = app().await;
    let mut browser = app.browser();
    let signed_in = sign_in(&app, &mut browser).await;
    app.clock.advance(std::time::Duration::from_secs(3600));
    let hint = ("id_token_hint", signed_in.id_token.as_str());
    browser
        .open(logout(&app, &[hint, ("post_logout_redirect_uri", BYE)]))
        .await;
    assert_eq!(browser.left().as_str(), BYE);
    assert_eq!(sessions(&app).await, 0);
}

#[tokio::test]
async fn signing_out_forgets_the_browser_s_go_aheads() {
    let app = app().await;
    let mut browser = app.browser();
    let signed_in = sign_in(&app, &mut browser).await;
    browser
        .open(logout(&app, &[("id_token_hint", &signed_in.id_token)]))
        .await;
    assert_eq!(browser.title(), "You are signed out");
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert!(
        browser.title().starts_with("Check your number"),
        "{}",
        browser.title()
    );
}

/// Only a string-equal registered URI, and only with a hint of ours, is a way back.
#[tokio::test]
async fn whoever_is_not_proven_gets_a_question_and_no_way_back() {
    let app = app().await;
    let mut browser = app.browser();
    let signed_in = sign_in(&app, &mut browser).await;
    let good = signed_in.id_token.as_str();
    let parts: Vec<_> = good.split('.').collect();
    let header: Value = serde_json::from_slice(&from_b64(parts[0]).unwrap()).unwrap();
    let none = {
        let mut header = header.clone();
        header["alg"] = "none".into();
        format!("{}.{}.", b64(header.to_string().as_bytes()), parts[1])
    };
    let foreign = {
        let mut claims: Value = serde_json::from_slice(&from_b64(parts[1]).unwrap()).unwrap();
        claims["aud"] = "another".into();
        format!(
            "{}.{}.{}",
            parts[0],
            b64(claims.to_string().as_bytes()),
            parts[2]
        )
    };
    let back = ("post_logout_redirect_uri", BYE);
    for parameters in [
        vec![],
        vec![("state", "s")],
        vec![back],
        vec![back, ("client_id", "shop")],
        vec![back, ("id_token_hint", &none)],
        vec![back, ("id_token_hint", &foreign)],
        vec![back, ("id_token_hint", "nonsense")],
        vec![back, ("id_token_hint", good), ("client_id", "another")],
    ] {
        browser.open(logout(&app, &parameters)).await;
        assert!(
            browser.title().starts_with("Sign out?"),
            "{parameters:?}: {}",
            browser.title()
        );
        assert!(
            !browser
                .page()
                .source
                .contains("href=\"https://shop.example"),
            "{parameters:?}"
        );
        assert_eq!(sessions(&app).await, 1);
    }
    // Registered otherwise: the hint is good, so the session ends, but nobody is led there.
    for other in [
        "https://shop.example/bye?foo=bar",
        "https://shop.example/bye/",
        "https://evil.example/",
    ] {
        let mut browser = app.browser();
        let signed_in = sign_in(&app, &mut browser).await;
        let hint = ("id_token_hint", signed_in.id_token.as_str());
        browser
            .open(logout(&app, &[hint, ("post_logout_redirect_uri", other)]))
            .await;
        assert!(browser.title().starts_with("You are signed out"), "{other}");
        assert!(!browser.page().source.contains(other), "{other}");
    }
}

#[tokio::test]
async fn the_person_confirms_on_our_page_and_nobody_else_can() {
    let app = app().await;
    let mut browser = app.browser();
    sign_in(&app, &mut browser).await;
    let mut other = app.browser();
    let elsewhere = sign_in(&app, &mut other).await;
    // Another browser's ID token names another session: the person is asked.
    let parameters = [
        ("id_token_hint", elsewhere.id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
        ("state", "s1"),
    ];
    browser.open(logout(&app, &parameters)).await;
    assert!(
        browser.title().starts_with("Sign out?"),
        "{}",
        browser.title()
    );
    browser
        .submit("/logout/confirm", &[("csrf", "forged")])
        .await;
    assert_eq!(browser.page().status, StatusCode::FORBIDDEN);
    assert_eq!(sessions(&app).await, 2);
    browser.open(logout(&app, &parameters)).await;
    browser.press("Sign out").await;
    assert_eq!(browser.left().as_str(), format!("{BYE}?state=s1"));
    assert_eq!(sessions(&app).await, 1);
}

/// 1.5 no-params and only-state: the person is asked, and after the press is signed out and told so.
#[tokio::test]
async fn sign_out_without_any_parameter_ends_the_session_after_the_press_and_stays_here() {
    let app = app().await;
    for parameters in [
        vec![],
        vec![("state", "s")],
        // What a logout hint says is nobody's proof: it changes nothing.
        vec![("logout_hint", NUMBER), ("ui_locales", "se en")],
    ] {
        let mut browser = app.browser();
        sign_in(&app, &mut browser).await;
        browser.open(logout(&app, &parameters)).await;
        assert!(browser.title().starts_with("Sign out?"), "{parameters:?}");
        let document = &browser.page().document;
        // No app asked, so whoever stays goes to our own first page.
        assert!(
            document
                .links
                .contains(&("Stay signed in".to_owned(), "/".to_owned()))
        );
        assert!(!browser.page().source.contains(&NUMBER[1..]));
        assert_eq!(sessions(&app).await, 1);
        browser.press("Sign out").await;
        assert_eq!(browser.title(), "You are signed out", "{parameters:?}");
        assert_eq!(browser.page().document.refresh, None);
        assert_eq!(sessions(&app).await, 0);
        let wish = Wish::of(NUMBER).prompt("none");
        let departure = app.open(&mut browser, &wish).await;
        assert_eq!(app.answer(&browser, &departure).error().0, "login_required");
    }
}

#[tokio::test]
async fn a_logout_hint_beside_a_good_id_token_changes_nothing() {
    let app = app().await;
    let mut browser = app.browser();
    let signed_in = sign_in(&app, &mut browser).await;
    let parameters = [
        ("id_token_hint", signed_in.id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
        ("logout_hint", "somebody else"),
        ("client_id", "shop"),
        ("state", "s"),
    ];
    browser.open(logout(&app, &parameters)).await;
    assert_eq!(browser.left().as_str(), format!("{BYE}?state=s"));
    assert_eq!(sessions(&app).await, 0);
}

#[tokio::test]
async fn a_browser_that_is_not_signed_in_is_told_so_or_led_back() {
    let app = app().await;
    let mut browser = app.browser();
    let signed_in = sign_in(&app, &mut browser).await;
    let mut stranger = app.browser();
    stranger.open(logout(&app, &[])).await;
    assert!(stranger.title().starts_with("You are signed out"));
    let hint = ("id_token_hint", signed_in.id_token.as_str());
    stranger
        .open(logout(&app, &[hint, ("post_logout_redirect_uri", BYE)]))
        .await;
    assert_eq!(stranger.left().as_str(), BYE);
    assert_eq!(sessions(&app).await, 1);
}

/// Section 2: both methods; a form of another site comes without our cookies and is asked again.
#[tokio::test]
async fn a_posted_request_works_like_one_by_link() {
    let app = app().await;
    let mut browser = app.browser();
    let signed_in = sign_in(&app, &mut browser).await;
    let hint = ("id_token_hint", signed_in.id_token.as_str());
    browser.open(logout(&app, &[])).await;
    let mut form = browser.form("/logout/confirm");
    form.action = format!("{}/logout", app.issuer);
    browser
        .send(&form, None, &[hint, ("post_logout_redirect_uri", BYE)])
        .await;
    assert_eq!(browser.left().as_str(), BYE);
    assert_eq!(sessions(&app).await, 0);
}

#[tokio::test]
async fn malformed_requests_are_refused_and_nothing_ends() {
    let app = app().await;
    let mut browser = app.browser();
    sign_in(&app, &mut browser).await;
    for query in [
        "state=a&state=b",
        "state=%00",
        "id_token_hint=a&id_token_hint=b",
    ] {
        browser.open(format!("{}/logout?{query}", app.issuer)).await;
        assert_eq!(browser.page().status, StatusCode::BAD_REQUEST, "{query}");
    }
    assert_eq!(sessions(&app).await, 1);
}

/// Front-Channel Logout section 2.
#[tokio::test]
async fn apps_are_told_by_frames_with_iss_and_sid_and_then_the_browser_goes_on() {
    let app = app().await;
    let listener = Listener::start().await;
    let uri = listener.url("/front?a=b");
    let mut news = new_client("news");
    // Front-Channel Logout section 2: on the origin of a redirect URI.
    news.redirect_uris.push(listener.url("/callback"));
    news.settings.frontchannel_logout_uri = Some(uri.clone());
    let news = app.register(news).await;
    let mut browser: Browser = app.browser();
    let to_news = sign_in_to(&news, &mut browser).await;
    let to_shop = sign_in_to(&app.shop, &mut browser).await;
    let parameters = [
        ("id_token_hint", to_shop.id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    browser.follows_refresh = false;
    browser.open(logout(&app, &parameters)).await;
    let sid = to_news.claims["sid"].as_str().unwrap();
    let source = browser.page().source.clone();
    let iss = url::form_urlencoded::byte_serialize(app.issuer.as_bytes()).collect::<String>();
    let expected = format!("{uri}&iss={iss}&sid={sid}").replace('&', "&#38;");
    assert!(
        source.contains(&format!("<iframe src=\"{expected}\"")),
        "{source}"
    );
    assert!(
        source.contains(&format!("content=\"3;url={BYE}\"")),
        "{source}"
    );
    let policy = browser.page().headers["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(policy.contains("frame-src https: http:"), "{policy}");
}
