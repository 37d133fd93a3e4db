//! The operator could not, would not or did not say yes.

use std::time::Duration;

use numbercloak::simulator::scenario::Scenario;
use numbercloak::simulator::{Device, Handle, Whose};

use super::{assert_nothing_slipped_out, assert_story};
use crate::support::app::{App, NUMBER};
use crate::support::rp::{Answer, Wish};

fn error(code: &str, word: &str) -> Answer {
    Answer::Error(code.to_owned(), word.to_owned())
}

fn number(code: u16) -> String {
    Scenario::with_code(code).unwrap().number()
}

#[tokio::test]
async fn a_phone_on_wifi_may_try_again_on_mobile_data() {
    let app = App::start().await;
    let mut browser = app.browser();
    let host = app.operator_address().ip().to_string();
    browser.set_cookie(&host, Handle::COOKIE, "my-phone");
    let phone = Whose::Browser("my-phone".to_owned());
    app.operator.set_sim(phone.clone(), Some(Device::Wifi));
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Switch to mobile data");
    assert_nothing_slipped_out(&app).await;
    app.operator.set_sim(phone, None);
    browser.press("Try again").await;
    app.redeem(&browser, &departure).await;
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "NUMBER_NOT_VERIFIED not_on_mobile_network",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    assert_story(&app, login, &expected).await;
}

/// What the person sees and the app is told when the SIM's scenario is this and the person gives up.
async fn assert_refused(code: u16, title: &str, may_retry: bool, told: (&str, &str)) {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(&number(code))).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), title);
    let mut forms = browser.page().document.forms.iter();
    let retries = forms.any(|form| form.action.ends_with("/continue"));
    assert_eq!(retries, may_retry);
    browser.press("Return to shop").await;
    assert_eq!(app.answer(&browser, &departure), error(told.0, told.1));
    let refused = format!("NUMBER_NOT_VERIFIED {}", told.1);
    let ended = format!("LOGIN_ERROR {}", told.1);
    let expected = ["LOGIN_STARTED", "OPERATOR_SELECTED", &refused, &ended];
    assert_story(&app, login, &expected).await;
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn an_operator_that_is_down_is_told_apart_from_a_no() {
    let told = ("temporarily_unavailable", "operator_unavailable");
    assert_refused(2010, "Simulator does not answer", true, told).await;
    assert_refused(2011, "Simulator does not answer", true, told).await;
}

#[tokio::test]
async fn an_operator_that_says_when_it_will_answer_is_asked_then_and_not_before() {
    // At the token endpoint 503 and 429 with a time, then 503 without one.
    for (code, waits) in [(2011, true), (2012, true), (2010, false)] {
        let app = App::start().await;
        let mut browser = app.browser();
        app.open(&mut browser, &Wish::of(&number(code))).await;
        browser.press("Continue").await;
        let title = if code == 2012 {
            "Simulator is busy"
        } else {
            "Simulator does not answer"
        };
        assert_eq!(browser.title(), title);
        let page = browser.page().clone();
        let wait = page.headers.get("retry-after");
        let wait = wait.map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
        assert_eq!(wait.is_some(), waits, "{code}");
        let text = &page.document.text;
        let Some(wait) = wait else {
            assert!(text.contains("Try again in a minute."), "{text}");
            continue;
        };
        assert!((1..=60).contains(&wait), "{wait}");
        let sentence = format!("Try again in {wait} seconds.");
        assert!(text.contains(&sentence), "{text}");
        let asked = app.operator.received().len();
        browser.press("Try again").await;
        assert_eq!(browser.title(), title);
        assert_eq!(app.operator.received().len(), asked, "nobody was asked");
        app.clock.advance(Duration::from_secs(wait));
        browser.press("Try again").await;
        assert!(app.operator.received().len() > asked);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_protocol_ends_in_an_error() {
    let told = ("server_error", "protocol_violation");
    for code in [3020, 3022, 2030, 1045] {
        assert_refused(code, "Something went wrong", false, told).await;
    }
}

#[tokio::test]
async fn a_final_refusal_cannot_be_tried_again_by_a_forged_form() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(&number(3020))).await;
    browser.press("Continue").await;
    browser.forge("continue", &[]).await;
    assert_eq!(browser.title(), "Something went wrong");
    assert_eq!(super::asked(&app, "/authorize"), 1);
}

#[tokio::test]
async fn an_operator_that_recovers_may_be_asked_again() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.operator.set_override(Scenario::with_code(2011));
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Simulator does not answer");
    // What it asked for.
    app.clock.advance(Duration::from_secs(30));
    browser.press("Try again").await;
    app.redeem(&browser, &departure).await;
}

#[tokio::test]
async fn an_operator_that_takes_too_long_is_not_waited_for() {
    let app = App::builder()
        .operator(|operator| {
            operator.connect_timeout_ms = 3_000;
            operator.total_timeout_ms = 3_000;
        })
        .start()
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(&number(2013))).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Simulator does not answer");
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure),
        error("temporarily_unavailable", "operator_timeout")
    );
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn consent_at_the_operator_is_asked_for_on_its_own_page() {
    let app = App::builder()
        .operator(|operator| operator.retry_with_page = true)
        .start()
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(&number(1020))).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Your consent", "asked once more at once");
    browser.press("Deny").await;
    assert_eq!(browser.title(), "Simulator needs your permission");
    assert_nothing_slipped_out(&app).await;
    browser.press("Try again").await;
    browser.press("Accept").await;
    app.redeem(&browser, &departure).await;
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "NUMBER_NOT_VERIFIED consent_required",
        "OPERATOR_SELECTED",
        "NUMBER_NOT_VERIFIED consent_denied",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    assert_story(&app, login, &expected).await;
}

#[tokio::test]
async fn who_declines_at_the_operator_and_returns_has_denied_consent() {
    let app = App::builder()
        .operator(|operator| operator.prompt_none = false)
        .start()
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(&number(1020))).await;
    browser.press("Continue").await;
    browser.press("Deny").await;
    assert_eq!(browser.title(), "Simulator needs your permission");
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure),
        error("access_denied", "consent_denied")
    );
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn an_operator_edited_meanwhile_is_not_believed() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    app.edit_operator(|operator| operator.notice = Some("new".to_owned()))
        .await;
    browser.proceed().await;
    assert_eq!(browser.title(), "Something went wrong");
    assert_eq!(super::asked(&app, "/token"), 0);
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "NUMBER_NOT_VERIFIED operator_misconfigured",
    ];
    assert_story(&app, app.only_login().await, &expected).await;
    assert_nothing_slipped_out(&app).await;
}
