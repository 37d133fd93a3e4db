//! Authorization requests that open no login.

use numbercloak::admin::audit::Query;
use numbercloak::store::clients::Kind;

use crate::support::app::{App, NUMBER, REDIRECT_URI, new_client};
use crate::support::browser::End;
use crate::support::rp::{Answer, Wish};

#[tokio::test]
async fn what_cannot_be_answered_safely_ends_on_a_page() {
    let app = App::start().await;
    let good = app.shop.depart(&Wish::of(NUMBER)).await.url.to_string();
    let uri: String = url::form_urlencoded::byte_serialize(REDIRECT_URI.as_bytes()).collect();
    for (from, to) in [
        ("client_id=shop", "client_id=nobody"),
        ("client_id=shop&", ""),
        ("client_id=shop", "client_id=shop&client_id=shop"),
        (uri.as_str(), "https%3A%2F%2Fevil.example%2F"),
        (&format!("{uri}&"), &format!("{uri}%2Fmore&")),
        (&format!("redirect_uri={uri}"), "x=y"),
    ] {
        let url = good.replace(from, to);
        assert_ne!(url, good, "{from}");
        let mut browser = app.browser();
        browser.open(&url).await;
        assert!(matches!(browser.end, End::Page), "{from} -> {to}");
        assert_eq!(browser.title(), "This link is not valid", "{from} -> {to}");
        assert_eq!(browser.page().status, 400);
        assert_eq!(browser.hops.len(), 1);
        assert!(browser.cookies("localhost").is_empty());
    }
    assert!(app.logins().await.is_empty());
}

#[tokio::test]
async fn a_link_that_an_app_has_wrong_has_a_reference_that_support_finds() {
    let app = App::start().await;
    let good = app.shop.depart(&Wish::of(NUMBER)).await.url.to_string();
    let mut browser = app.browser();
    browser
        .open(good.replace("shop.example", "evil.example"))
        .await;
    assert_eq!(browser.title(), "This link is not valid");
    let text = &browser.page().document.text;
    let (_, reference) = text.split_once("Reference ").expect(text);
    app.clock.advance(std::time::Duration::from_secs(180));
    app.index_records().await;
    let query = Query {
        reference: Some(reference[..9].to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].body["type"], "LOGIN_ERROR");
    assert_eq!(records[0].body["client_id"], "shop");
}

#[tokio::test]
async fn other_faults_are_told_the_app() {
    let app = App::start().await;
    let wish = Wish::of(NUMBER);
    for (wish, expected) in [
        (wish.clone().prompt("none"), "login_required"),
        (Wish::of("+1"), "invalid_request"),
        (Wish::of("666111334"), "invalid_request"),
        (
            wish.clone().with("request", "e30.e30."),
            "request_not_supported",
        ),
        (
            wish.clone().with("request_uri", "urn:x"),
            "request_uri_not_supported",
        ),
        (
            wish.clone().with("response_mode", "web_message"),
            "invalid_request",
        ),
        (wish.clone().with("scope", "openid"), "invalid_request"),
    ] {
        let mut browser = app.browser();
        let departure = app.open(&mut browser, &wish).await;
        assert_eq!(browser.hops.len(), 1, "{wish:?}");
        match app.answer(&browser, &departure) {
            Answer::Error(error, _) => assert_eq!(error, expected, "{wish:?}"),
            Answer::Code(_) => panic!("{wish:?}"),
        }
    }
    assert!(app.logins().await.is_empty());
    let query = Query {
        kind: Some("LOGIN_ERROR".to_owned()),
        client_id: Some("shop".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    assert_eq!(records.len(), 7);
    assert_eq!(records[0].body["error"], "login_required");
}

#[tokio::test]
async fn a_public_client_needs_pkce() {
    let app = App::start().await;
    let mut new = new_client("spa");
    new.kind = Kind::Spa;
    let spa = app.register(new).await;
    let departure = spa.depart(&Wish::of(NUMBER)).await;
    let mut url = departure.url.clone();
    let without: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !name.starts_with("code_challenge"))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(without);
    let mut browser = app.browser();
    browser.open(&url).await;
    let answer = spa.answer(&departure, browser.left());
    assert_eq!(answer.error().0, "invalid_request");
}

#[tokio::test]
async fn a_hint_that_cannot_be_a_number_is_passed_over() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("somebody@example.org"))
        .await;
    assert_eq!(browser.title(), "Your mobile number");
}

#[tokio::test]
async fn every_form_of_a_hint_means_the_same_number() {
    let app = App::start().await;
    for hint in ["+990700000", "tel:+990700000", "+990 70-0000"] {
        let mut browser = app.browser();
        let signed_in = app.sign_in(&mut browser, &Wish::of(hint)).await;
        assert_eq!(signed_in.claims["phone_number"], NUMBER, "{hint}");
    }
}

#[tokio::test]
async fn a_request_in_a_form_is_the_same_request() {
    let app = App::start().await;
    let mut browser = app.browser();
    // A first sign-in, so that there is a go-ahead that a post from another site must find.
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    browser
        .open(format!("{}/authorize?{}", app.issuer, "client_id=nobody"))
        .await;
    let fields = departure.url.query_pairs().into_owned().collect();
    let form = crate::support::html::Form {
        action: format!("{}/authorize", app.issuer),
        method: "post".to_owned(),
        fields,
        buttons: Vec::new(),
    };
    browser.send(&form, None, &[]).await;
    app.redeem(&browser, &departure).await;
}
