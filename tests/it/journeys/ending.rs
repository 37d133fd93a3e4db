//! How logins end without being verified, and what is left of those that were.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::simulator::scenario::Scenario;
use url::Url;

use super::{VERIFIED, asked, assert_nothing_slipped_out, assert_story, worth};
use crate::support::app::{App, NUMBER, OPERATOR};
use crate::support::browser::{Browser, End};
use crate::support::rp::{Answer, Departure, Wish};

const MINUTE: Duration = Duration::from_secs(60);
const CANCELLED: (&str, &str) = ("access_denied", "user_cancelled");

fn error(told: (&str, &str)) -> Answer {
    Answer::Error(told.0.to_owned(), told.1.to_owned())
}

fn number(code: u16) -> String {
    Scenario::with_code(code).unwrap().number()
}

/// A login that went as far as the page that leaves for the operator.
async fn away(app: &App, browser: &mut Browser) -> Departure {
    let follows = std::mem::replace(&mut browser.follows_refresh, false);
    let departure = app.open(browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Checking with Simulator");
    browser.follows_refresh = follows;
    departure
}

/// The way back that the page offers as a link.
fn way_back(browser: &Browser) -> Url {
    let links = &browser.page().document.links;
    let (_, target) = links
        .iter()
        .find(|(text, _)| text.starts_with("Return to"))
        .expect("a way back");
    Url::parse(target).unwrap()
}

#[tokio::test]
async fn every_page_can_be_cancelled() {
    let app = App::start().await;
    let mut browser = app.browser();

    let departure = app.open(&mut browser, &Wish::new()).await;
    let login = browser.login();
    browser.hops.clear();
    browser.press("Cancel").await;
    assert_eq!(browser.titles(), ["Cancelled"]);
    assert_eq!(app.answer(&browser, &departure), error(CANCELLED));
    let expected = ["LOGIN_STARTED", "LOGIN_ERROR user_cancelled"];
    assert_story(&app, login, &expected).await;

    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Cancel").await;
    assert_eq!(app.answer(&browser, &departure), error(CANCELLED));

    let departure = away(&app, &mut browser).await;
    let login = browser.login();
    browser.press("Cancel").await;
    assert_eq!(app.answer(&browser, &departure), error(CANCELLED));
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "LOGIN_ERROR user_cancelled",
    ];
    assert_story(&app, login, &expected).await;
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn the_operators_answer_to_a_cancelled_login_opens_nothing() {
    let app = App::start().await;
    let mut browser = app.browser();
    away(&app, &mut browser).await;
    let mut late = browser.clone();
    browser.press("Cancel").await;
    late.proceed().await;
    assert_eq!(late.title(), "You are already done");
    assert_eq!(asked(&app, "/token"), 0);
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn a_login_ends_with_its_time_and_the_page_leads_back() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    let page = format!("{}/login/{login}", app.issuer);
    app.clock.advance(16 * MINUTE);
    let mut second_tab = browser.clone();
    second_tab.open(&page).await;
    browser.press("Continue").await;
    for tab in [&browser, &second_tab] {
        assert_eq!(tab.title(), "This page has expired");
        assert_eq!(tab.page().status, 410);
        let answer = app.shop.answer(&departure, &way_back(tab));
        assert_eq!(answer, error(("access_denied", "expired")));
    }
    app.sweep().await;
    let expected = ["LOGIN_STARTED", "LOGIN_ERROR abandoned"];
    assert_story(&app, login, &expected).await;
    // The sweeper has been there: the way back stays.
    browser.open(&page).await;
    assert_eq!(browser.title(), "This page has expired");
    let answer = app.shop.answer(&departure, &way_back(&browser));
    assert_eq!(answer, error(("access_denied", "expired")));
    app.sweep().await;
    assert_story(&app, login, &expected).await;
    assert_eq!(asked(&app, "/authorize"), 0);
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn how_long_a_login_lives_is_configured() {
    let app = App::builder()
        .config("lifetimes.login", "2m")
        .config("lifetimes.leg", "2m")
        .start()
        .await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let page = format!("{}/login/{}", app.issuer, browser.login());
    app.clock.advance(MINUTE);
    browser.open(&page).await;
    assert_eq!(browser.title(), "Check your number");
    app.clock.advance(2 * MINUTE);
    browser.open(&page).await;
    assert_eq!(browser.title(), "This page has expired");
}

#[tokio::test]
async fn an_answer_after_the_legs_time_is_not_used_but_the_person_may_try_again() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.operator.set_override(Scenario::with_code(1047));
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Delivered late");
    let back = browser.page().document.links[0].1.clone();
    app.clock.advance(6 * MINUTE);
    browser.follow(&back).await;
    assert_eq!(browser.title(), "Check your number");
    assert_eq!(asked(&app, "/token"), 0);
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "IDENTITY_PROVIDER_RESPONSE_ERROR expired",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    assert_story(&app, login, &expected).await;
}

#[tokio::test]
async fn an_answer_after_the_logins_time_opens_nothing() {
    for swept in [false, true] {
        let app = App::start().await;
        let mut browser = app.browser();
        app.operator.set_override(Scenario::with_code(1047));
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        browser.press("Continue").await;
        let back = browser.page().document.links[0].1.clone();
        app.clock.advance(20 * MINUTE);
        if swept {
            app.sweep().await;
        }
        browser.follow(&back).await;
        assert_eq!(browser.title(), "This page has expired");
        let answer = app.shop.answer(&departure, &way_back(&browser));
        assert_eq!(answer, error(("access_denied", "expired")));
        assert_eq!(asked(&app, "/token"), 0);
        assert_nothing_slipped_out(&app).await;
    }
}

#[tokio::test]
async fn a_finished_login_is_finished() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    let page = format!("{}/login/{login}", app.issuer);
    browser.press("Continue").await;
    let answer = browser.left().clone();

    // The answer may have been lost on its way: until the code is used, it is the same answer.
    browser.open(&page).await;
    assert_eq!(*browser.left(), answer);
    assert_eq!(browser.titles().last(), Some(&"Number confirmed"));

    app.redeem(&browser, &departure).await;
    browser.open(&page).await;
    assert_eq!(browser.title(), "You are already done");
    assert_eq!(way_back(&browser).as_str(), "https://shop.example/");
    assert!(!browser.page().source.contains("code="));
    assert_eq!(worth(&app).await, [1, 1, 1, 1]);
    assert_story(&app, login, &VERIFIED).await;
}

#[tokio::test]
async fn an_old_page_of_a_finished_login_does_nothing() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    let mut old = browser.clone();
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
    for action in ["continue", "cancel", "return", "number", "more-time"] {
        let mut old = old.clone();
        old.forge(action, &[]).await;
        assert_eq!(old.title(), "You are already done", "{action}");
    }
    old.press("Continue").await;
    assert_eq!(old.title(), "You are already done");
    assert_eq!(asked(&app, "/authorize"), 1);
    assert_story(&app, login, &VERIFIED).await;
}

#[tokio::test]
async fn the_same_callback_gives_the_same_code_until_it_is_used() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let answer = browser.left().clone();
    let callback = browser.hops.last().unwrap().url.clone();
    assert!(callback.path().starts_with("/broker/"), "{callback}");
    browser.open(&callback).await;
    assert_eq!(*browser.left(), answer);
    app.redeem(&browser, &departure).await;
    browser.open(&callback).await;
    assert_eq!(browser.title(), "You are already done");
    assert_eq!(asked(&app, "/token"), 1);
    assert_eq!(worth(&app).await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn the_same_callback_twice_at_once_is_one_check_and_one_code() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(&number(1046))).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Delivered twice");
    app.operator.set_latency(Duration::from_millis(300));
    let back = browser.page().document.links[0].1.clone();
    let mut tab = browser.clone();
    tokio::join!(browser.follow(&back), tab.follow(&back));
    // One of the two may have waited on our page; both end with the one code.
    let codes: Vec<&Url> = [&browser, &tab].map(Browser::left).to_vec();
    assert_eq!(codes[0], codes[1]);
    assert_eq!(asked(&app, "/token"), 1);
    app.operator.set_latency(Duration::ZERO);
    app.redeem(&browser, &departure).await;
    assert_story(&app, login, &VERIFIED).await;
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_a_second_time_ends_its_grant() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let answer = app.answer(&browser, &departure);
    let signed_in = app.shop.redeem(&departure, answer.code()).await;
    assert_eq!(app.shop.userinfo(&signed_in.access_token).await.0, 200);
    let (status, refusal) = app.shop.redeem_raw(&departure, answer.code()).await;
    assert_eq!((status, &refusal["error"]), (400, &"invalid_grant".into()));
    assert_eq!(app.shop.userinfo(&signed_in.access_token).await.0, 401);
}

#[tokio::test]
async fn without_its_cookie_a_login_is_lost() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    let mut stranger = browser.clone();
    stranger.forget_cookies("nc_");
    for action in ["continue", "cancel", "number", "more-time"] {
        let mut stranger = stranger.clone();
        stranger.forge(action, &[("phone_number", NUMBER)]).await;
        assert_eq!(stranger.title(), "We lost track of this sign-in");
        assert_eq!(stranger.page().status, 400);
        assert_eq!(stranger.page().document.forms, []);
    }
    stranger.open(format!("{}/login/{login}", app.issuer)).await;
    assert_eq!(stranger.title(), "We lost track of this sign-in");
    // It leads to where the person can start again, and has what to tell support.
    assert_eq!(way_back(&stranger).as_str(), "https://shop.example/");
    let text = &stranger.page().document.text;
    let reference = login.simple().to_string()[28..].to_uppercase();
    assert!(text.contains(&reference), "{text}");
    assert_story(&app, login, &["LOGIN_STARTED"]).await;
    assert_eq!(asked(&app, "/authorize"), 0);
}

#[tokio::test]
async fn one_logins_cookie_opens_no_other_login() {
    let app = App::start().await;
    let (mut mine, mut theirs) = (app.browser(), app.browser());
    app.open(&mut mine, &Wish::of(NUMBER)).await;
    app.open(&mut theirs, &Wish::of(NUMBER)).await;
    let value = mine.cookies("localhost")[0].value.clone();
    let name = theirs.cookies("localhost")[0].name.clone();
    mine.set_cookie("localhost", &name, &value);
    mine.open(format!("{}/login/{}", app.issuer, theirs.login()))
        .await;
    assert_eq!(mine.title(), "We lost track of this sign-in");
}

#[tokio::test]
async fn a_form_without_its_token_does_nothing() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    for token in ["", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let mut browser = browser.clone();
        browser.submit("/continue", &[("csrf", token)]).await;
        assert_eq!(browser.title(), "This form is out of date");
        assert!(browser.page().status.is_client_error());
    }
    assert_story(&app, login, &["LOGIN_STARTED"]).await;
    assert_eq!(asked(&app, "/authorize"), 0);
}

#[tokio::test]
async fn the_operators_answer_in_another_browser_ends_its_leg() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.operator.set_override(Scenario::with_code(1048));
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Delivered elsewhere");
    let text = &browser.page().document.text;
    let callback = text.split(' ').find(|word| word.starts_with("http"));
    let callback = callback.unwrap().to_owned();

    let mut stranger = app.browser();
    stranger.open(&callback).await;
    assert_eq!(stranger.title(), "We lost track of this sign-in");
    // Its own browser is too late with it now, and starts over.
    browser.open(&callback).await;
    assert_eq!(browser.title(), "Check your number");
    assert_eq!(asked(&app, "/token"), 0);
    assert_nothing_slipped_out(&app).await;
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "IDENTITY_PROVIDER_RESPONSE_ERROR browser_mismatch",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    assert_story(&app, login, &expected).await;
}

#[tokio::test]
async fn the_answer_under_another_operators_name_is_not_used() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.operator.set_override(Scenario::with_code(1047));
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    let callback = browser.page().document.links[0].1.clone();
    browser.open(callback.replace(OPERATOR, "another")).await;
    assert_eq!(browser.title(), "Something went wrong");
    browser.open(&callback).await;
    assert_eq!(browser.title(), "Something went wrong");
    assert_eq!(asked(&app, "/token"), 0);
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "IDENTITY_PROVIDER_RESPONSE_ERROR protocol_violation",
    ];
    assert_story(&app, login, &expected).await;
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn two_logins_of_one_browser_do_not_disturb_each_other() {
    let app = App::start().await;
    let mut browser = app.browser();
    let first = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let first_page = format!("{}/login/{}", app.issuer, browser.login());
    let second = app.open(&mut browser, &Wish::of("+990709999")).await;
    browser.press("Continue").await;
    let second = app.redeem(&browser, &second).await;
    browser.open(first_page).await;
    browser.press("Continue").await;
    let first = app.redeem(&browser, &first).await;
    assert_eq!(first.claims["phone_number"], NUMBER);
    assert_eq!(second.claims["phone_number"], "+990709999");
    assert_ne!(first.claims["sub"], second.claims["sub"]);
    assert_ne!(first.claims["sid"], second.claims["sid"]);
}

#[tokio::test]
async fn a_second_departure_closes_the_first() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = away(&app, &mut browser).await;
    let mut first = browser.clone();
    // The back button, and Continue once more.
    let page = format!("{}/login/{}", app.issuer, browser.login());
    browser.open(page).await;
    browser.follows_refresh = false;
    browser.press("Continue").await;
    first.proceed().await;
    assert_eq!(first.title(), "Check your number");
    assert_eq!(asked(&app, "/token"), 0);
    browser.proceed().await;
    app.redeem(&browser, &departure).await;
    assert_eq!(worth(&app).await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn no_record_holds_a_number() {
    let app = App::start().await;
    let mut browser = app.browser();
    assert!(matches!(browser.end, End::Lost(_)));
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for record in app.audit(Query::default()).await {
        let body = record.body.to_string();
        assert!(!body.contains(&NUMBER[1..]), "{body}");
        assert!(!body.contains("localhost/callback?"), "{body}");
    }
}
