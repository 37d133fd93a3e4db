//! Pushed requests (RFC 9126): section 1.7, group PAR.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use serde_json::Value;

use super::{fapi, push_with_key, signed, with_key};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::browser::Browser;
use crate::support::rp::{Departure, Wish};

fn assert_refused(browser: &Browser) {
    assert_eq!(browser.title(), "This link is not valid");
    assert_eq!(browser.page().status, 400);
    assert!(browser.page().document.text.contains("invalid_request_uri"));
}

/// A departure that was pushed, opened in a browser.
async fn opened(app: &App) -> (Browser, Departure) {
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let departure = app.shop.push_departure(&departure).await;
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    (browser, departure)
}

#[tokio::test]
async fn a_pushed_request_is_answered_with_a_reference_and_its_lifetime() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let answer = app.shop.post("/par", &departure.parameters()).await;
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let pushed: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(pushed.as_object().unwrap().len(), 2);
    assert_eq!(pushed["expires_in"], 90);
    let uri = pushed["request_uri"].as_str().unwrap();
    let reference = uri
        .strip_prefix("urn:ietf:params:oauth:request_uri:")
        .unwrap();
    assert_eq!(reference.len(), 64);
}

#[tokio::test]
async fn a_login_by_reference_pins_the_number_and_shows_none_on_the_way() {
    let app = App::start().await;
    let (mut browser, departure) = opened(&app).await;
    browser.press("Continue").await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["number_verification"]["pinned"], true);
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_eq!(signed_in.claims["nonce"], departure.nonce);
    let mut owner = app.database.owner().await;
    let sealed: Vec<u8> = sqlx::query_scalar("select sealed from pushed_requests")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let readable = String::from_utf8_lossy(&sealed).into_owned();
    assert!(!readable.contains(&NUMBER[1..]) && !readable.contains("shop"));
}

/// A number beside a reference is nobody's word.
#[tokio::test]
async fn what_stands_beside_the_reference_does_not_count() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let pushed = app.shop.push_departure(&departure).await;
    let mut parameters = pushed.parameters();
    for (name, value) in [
        ("login_hint", "+990709999"),
        ("state", "another"),
        ("redirect_uri", "https://evil.example/"),
        ("scope", "openid phone"),
        ("response_mode", "fragment"),
    ] {
        parameters.push((name.to_owned(), value.to_owned()));
    }
    let pushed = pushed.with(&parameters);
    let mut browser = app.browser();
    browser.open(&pushed.url).await;
    browser.press("Continue").await;
    let signed_in = app.redeem(&browser, &pushed).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_eq!(signed_in.scope, "openid number_verified");
}

#[tokio::test]
async fn the_same_browser_may_come_again_until_the_login_is_over() {
    let app = App::start().await;
    let (mut browser, departure) = opened(&app).await;
    let login = browser.login();
    browser.open(&departure.url).await;
    assert_eq!(browser.login(), login);
    // A reload of a page that stayed open longer than the reference lives.
    app.clock.advance(Duration::from_secs(120));
    browser.open(&departure.url).await;
    assert_eq!(browser.login(), login);
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
    assert_eq!(app.logins().await, [login]);
    browser.open(&departure.url).await;
    assert_refused(&browser);
    assert_eq!(app.logins().await, [login]);
}

#[tokio::test]
async fn a_reference_opens_one_login_whoever_brings_it() {
    let app = App::start().await;
    let (mut first, departure) = opened(&app).await;
    let mut other = app.browser();
    other.open(&departure.url).await;
    assert_refused(&other);
    first.press("Continue").await;
    app.redeem(&first, &departure).await;
    other.open(&departure.url).await;
    assert_refused(&other);
    assert_eq!(app.logins().await.len(), 1);
}

/// P6, over two replicas.
#[tokio::test]
async fn of_browsers_that_bring_a_reference_at_once_one_is_served() {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let departure = app.shop.push_departure(&departure).await;
    let mut opens = tokio::task::JoinSet::new();
    for at_replica in [false, true, false, true] {
        let mut browser = app.browser();
        if at_replica {
            browser.goes_to(&app.issuer, replica.address);
        }
        let url = departure.url.clone();
        opens.spawn(async move {
            browser.open(&url).await;
            browser
        });
    }
    let browsers: Vec<Browser> = opens.join_all().await;
    let served = browsers
        .iter()
        .filter(|browser| browser.page().status == 200);
    assert_eq!(served.count(), 1);
    assert_eq!(app.logins().await.len(), 1);
    replica.stop().await;
}

#[tokio::test]
async fn an_expired_unknown_or_foreign_reference_is_refused() {
    let app = App::start().await;
    let other = app.register(new_client("other")).await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let pushed = app.shop.push_departure(&departure).await;
    let mut browser = app.browser();
    let foreign = pushed
        .url
        .as_str()
        .replace("client_id=shop", "client_id=other");
    browser.open(&foreign).await;
    assert_refused(&browser);
    for reference in [
        "x",
        "urn:ietf:params:oauth:request_uri:",
        "urn:ietf:params:oauth:request_uri:AAAA",
    ] {
        browser
            .open(other.by_reference(&departure, reference).url)
            .await;
        if reference == "x" {
            // Not ours, and no way back beside it.
            assert_eq!(browser.title(), "This link is not valid");
        } else {
            assert_refused(&browser);
        }
    }
    let altered = format!("{}A", &pushed.url.as_str()[..pushed.url.as_str().len() - 1]);
    if altered != pushed.url.as_str() {
        browser.open(&altered).await;
        assert_refused(&browser);
    }
    app.clock.advance(Duration::from_secs(91));
    browser.open(&pushed.url).await;
    assert_refused(&browser);
    assert!(app.logins().await.is_empty());
}

#[tokio::test]
async fn faults_are_told_the_client_with_the_code_they_have_at_the_front() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    for (name, value, expected) in [
        (
            "request_uri",
            "urn:ietf:params:oauth:request_uri:x",
            "invalid_request",
        ),
        ("redirect_uri", "https://evil.example/", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("scope", "phone", "invalid_scope"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("prompt", "none login", "invalid_request"),
        ("resource", "https://api.example/", "invalid_target"),
        ("dpop_jkt", "x", "invalid_request"),
        ("login_hint", "+1", "invalid_request"),
        ("request", "e30.e30.", "request_not_supported"),
        ("client_id", "other", "invalid_request"),
    ] {
        let mut parameters = departure.parameters();
        parameters.retain(|(known, _)| known != name);
        parameters.push((name.to_owned(), value.to_owned()));
        let (status, body) = app.shop.push(&parameters).await;
        assert_eq!(
            (status, body["error"].as_str().unwrap()),
            (400, expected),
            "{name}"
        );
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    }
    let mut twice = departure.parameters();
    twice.extend(departure.parameters());
    assert_eq!(app.shop.push(&twice).await.1["error"], "invalid_request");
}

#[tokio::test]
async fn only_an_authenticated_client_can_push_and_only_by_post() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let mut thief = app.shop.clone();
    thief.secret = Some(numbercloak::secret::Token::random().reveal());
    let answer = thief.post("/par", &departure.parameters()).await;
    assert_eq!(answer.status(), 401);
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["error"], "invalid_client");
    let http = crate::support::outside_client(Duration::from_secs(10));
    let answer = http
        .get(format!("{}/par", app.issuer))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 405);
    let form = vec![("x".to_owned(), "y".repeat(200_000))];
    assert_eq!(app.shop.post("/par", &form).await.status(), 413);
}

#[tokio::test]
async fn a_client_that_must_push_is_refused_without() {
    let app = App::start().await;
    app.edit_client(&app.shop, |client| client.settings.require_pushed = true)
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(
        app.answer(&browser, &departure).error().0,
        "invalid_request"
    );
    let departure = app.shop.push_departure(&departure).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
}

// Section 1.7, front channel; FAPI 2.0 security profile section 5.3.2.2
#[tokio::test]
async fn a_fapi_client_must_push_and_use_pkce() {
    let app = App::start().await;
    let (bank, key) = fapi(&app, "fapi2").await;
    let departure = bank.depart(&Wish::of(NUMBER)).await;
    let mut browser = app.browser();
    browser.open(&departure.url).await;
    let answer = bank.answer(&departure, browser.left());
    assert_eq!(answer.error().0, "invalid_request");
    let mut without = departure.parameters();
    without.retain(|(name, _)| !name.starts_with("code_challenge"));
    let (status, body) = push_with_key(&app, &bank, &key, without).await;
    assert_eq!((status, &body["error"]), (400, &"invalid_request".into()));
    let (status, pushed) = push_with_key(&app, &bank, &key, departure.parameters()).await;
    assert_eq!(status, 201, "{pushed}");
    let departure = bank.by_reference(&departure, pushed["request_uri"].as_str().unwrap());
    browser.open(&departure.url).await;
    browser.press("Cancel").await;
    let answer = bank.answer(&departure, browser.left());
    assert_eq!(answer.error(), ("access_denied", "user_cancelled"));
}

/// The number of pushes is bounded by nothing but time: what is over is deleted.
#[tokio::test]
async fn what_was_pushed_and_is_over_is_deleted() {
    let app = App::start().await;
    opened(&app).await;
    let later = app.clock.now() + Duration::from_secs(3600);
    let db = app.state().db.relaxed();
    assert_eq!(
        numbercloak::store::pushed::purge(db, app.clock.now(), 10)
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        numbercloak::store::pushed::purge(db, later, 10)
            .await
            .unwrap(),
        1
    );
}

/// What is on record of refused requests of the shop's: error and reason.
async fn refused(app: &App, kind: &str) -> Vec<(String, String)> {
    let query = Query {
        kind: Some(kind.to_owned()),
        client_id: Some("shop".to_owned()),
        ..Query::default()
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let records = app.audit(query).await;
    let of = |body: &Value| (text(&body["error"]), text(&body["reason"]));
    records.iter().map(|record| of(&record.body)).collect()
}

const PUSHED: &str = "PUSHED_AUTHORIZATION_REQUEST_ERROR";

#[tokio::test]
async fn what_a_client_pushed_in_vain_is_on_record_and_strangers_write_nothing() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let mut wrong = departure.parameters();
    wrong.retain(|(name, _)| name != "redirect_uri");
    assert_eq!(app.shop.push(&wrong).await.0, 400);
    let hint = app.shop.depart(&Wish::of("+34 666 1")).await;
    assert_eq!(app.shop.push(&hint.parameters()).await.0, 400);
    let records = refused(&app, PUSHED).await;
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|(error, _)| error == "invalid_request"));
    assert!(
        records
            .iter()
            .any(|(_, reason)| reason == "redirect_uri is missing")
    );
    assert!(
        records.iter().all(|(_, reason)| !reason.contains("666")),
        "{records:?}"
    );
    // Whoever is not the client is a failed authentication, which has limits of its own.
    let mut stranger = app.shop.clone();
    stranger.secret = Some("wrong".to_owned());
    assert_eq!(stranger.push(&wrong).await.0, 401);
    assert_eq!(refused(&app, PUSHED).await.len(), 2);
}

#[tokio::test]
async fn a_client_that_pushes_nonsense_all_day_does_not_fill_the_log() {
    let app = App::start().await;
    let wrong = [("response_type".to_owned(), "code".to_owned())];
    for _ in 0..45 {
        assert_eq!(app.shop.push(&wrong).await.0, 400);
    }
    let kept = refused(&app, PUSHED).await.len();
    // A few more for as long as the test took.
    assert!((30..45).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_request_that_leads_nowhere_is_on_record_with_its_app() {
    let app = App::start().await;
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    let mut parameters = departure.parameters();
    for (name, value) in &mut parameters {
        if name == "redirect_uri" {
            *value = "https://evil.example/".to_owned();
        }
    }
    let mut browser = app.browser();
    browser.open(&departure.with(&parameters).url).await;
    assert_eq!(browser.page().status, 400);
    // Of an app that nobody registered nothing is written.
    browser
        .open(format!("{}/authorize?client_id=nobody", app.issuer))
        .await;
    let gone = app
        .shop
        .by_reference(&departure, "urn:ietf:params:oauth:request_uri:gone");
    browser.open(&gone.url).await;
    let records = refused(&app, "LOGIN_ERROR").await;
    let reasons: Vec<_> = records.iter().map(|(_, reason)| reason.as_str()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons.contains(&"invalid_request: redirect_uri is not registered for this app"));
    assert!(
        reasons
            .iter()
            .any(|reason| reason.starts_with("invalid_request_uri: "))
    );
    assert!(
        records.iter().all(|(error, _)| error.is_empty()),
        "no app was told"
    );
}

#[tokio::test]
async fn the_record_says_whether_a_request_was_pushed_and_whether_it_was_signed() {
    let app = App::start().await;
    let (rp, key) = with_key(&app, "signer", |_| {}).await;
    let plain = rp.depart(&Wish::of(NUMBER)).await;
    let by_value = signed(&app, &rp, &key, &rp.depart(&Wish::of(NUMBER)).await);
    let pushed = rp.push_departure(&rp.depart(&Wish::of(NUMBER)).await).await;
    let both = signed(&app, &rp, &key, &rp.depart(&Wish::of(NUMBER)).await);
    let both = rp.push_departure(&both).await;
    for (departure, expected) in [
        (plain, (None, None)),
        (by_value, (None, Some(true))),
        (pushed, (Some(true), None)),
        (both, (Some(true), Some(true))),
    ] {
        app.browser().open(&departure.url).await;
        let query = Query {
            kind: Some("LOGIN_STARTED".to_owned()),
            client_id: Some("signer".to_owned()),
            ..Query::default()
        };
        let records = app.audit(query).await;
        let newest = &records.last().unwrap().body;
        let told = |name: &str| newest.get(name).and_then(Value::as_bool);
        assert_eq!((told("pushed"), told("signed")), expected);
        app.clock.advance(Duration::from_secs(1));
    }
}
