//! The circuit breaker: what opens it, what it answers, how it closes.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::breakers;
use reqwest::header::RETRY_AFTER;
use serde_json::Value;

use super::{asked, last_word, log_in};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

/// The token endpoint answers 500.
const BROKEN: &str = "+990702010";
const PAUSE: Duration = Duration::from_secs(31);

async fn turns(app: &App) -> Vec<Value> {
    let query = Query {
        kind: Some("OPERATOR_BREAKER".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    records.into_iter().map(|record| record.body).collect()
}

/// As many failures as open the breaker.
async fn broken() -> App {
    let app = App::start().await;
    for _ in 0..5 {
        log_in(&app, &mut app.browser(), BROKEN).await;
        assert_eq!(
            last_word(&app).await,
            "NUMBER_NOT_VERIFIED operator_unavailable"
        );
    }
    app
}

#[tokio::test]
async fn an_operator_whose_calls_fail_is_left_alone_and_everybody_is_told_until_when() {
    let app = broken().await;
    let sent = asked(&app, "/authorize");
    let mut browser = app.browser();
    let departure = log_in(&app, &mut browser, NUMBER).await;
    assert_eq!(browser.title(), "Simulator does not answer");
    assert!(browser.page().document.text.contains("Try again in"));
    let wait: u64 = browser.page().headers[RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(asked(&app, "/authorize"), sent, "nobody departs");
    assert_eq!(
        last_word(&app).await,
        "OPERATOR_SELECTED_ERROR operator_unavailable"
    );
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure).error(),
        ("temporarily_unavailable", "operator_unavailable")
    );

    let turns = turns(&app).await;
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0]["state"], "open");
    assert_eq!(turns[0]["operator"], "simulator");
    assert_eq!(turns[0]["failures"], 5);
    let open = breakers::open(&app.desk()).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (open[0].operator.as_str(), open[0].state),
        ("simulator", "open")
    );
}

#[tokio::test]
async fn one_login_tries_again_and_a_good_answer_closes_it() {
    let app = broken().await;
    app.clock.advance(PAUSE);
    let open = breakers::open(&app.desk()).await.unwrap();
    assert_eq!(open[0].state, "half_open");
    let mut first = app.browser();
    first.follows_refresh = false;
    let departure = log_in(&app, &mut first, NUMBER).await;
    assert_eq!(first.title(), "Checking with Simulator");
    let mut second = app.browser();
    log_in(&app, &mut second, NUMBER).await;
    assert_eq!(second.title(), "Simulator does not answer", "one at a time");

    first.proceed().await;
    app.redeem(&first, &departure).await;
    let turns = turns(&app).await;
    assert_eq!(turns.len(), 2);
    assert_eq!(turns[1]["state"], "closed");
    assert!(breakers::open(&app.desk()).await.unwrap().is_empty());
    app.clock.advance(PAUSE);
    second.press("Try again").await;
    assert_eq!(second.left().host_str(), Some("shop.example"));
}

#[tokio::test]
async fn a_try_that_fails_leaves_it_open_and_one_that_never_comes_back_does_not() {
    let app = broken().await;
    app.clock.advance(PAUSE);
    log_in(&app, &mut app.browser(), BROKEN).await;
    log_in(&app, &mut app.browser(), NUMBER).await;
    assert_eq!(
        last_word(&app).await,
        "OPERATOR_SELECTED_ERROR operator_unavailable"
    );
    assert_eq!(turns(&app).await.len(), 2);

    app.clock.advance(PAUSE);
    let mut gone = app.browser();
    gone.follows_refresh = false;
    log_in(&app, &mut gone, NUMBER).await;
    app.clock.advance(PAUSE);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
}

#[tokio::test]
async fn what_is_no_failure_of_the_operator_opens_nothing() {
    let app = App::start().await;
    // Mismatch; server_error brought by the browser; our credentials refused; a broken answer.
    for number in ["+990700001", "+990701009", "+990702006", "+990703020"] {
        for _ in 0..6 {
            log_in(&app, &mut app.browser(), number).await;
        }
    }
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert!(turns(&app).await.is_empty());
}

#[tokio::test]
async fn failures_far_apart_open_nothing() {
    let app = App::start().await;
    for _ in 0..8 {
        log_in(&app, &mut app.browser(), BROKEN).await;
        app.clock.advance(Duration::from_secs(6));
    }
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert!(turns(&app).await.is_empty());
}

#[tokio::test]
async fn each_server_has_its_own_breaker() {
    let app = broken().await;
    let other = app.second_replica().await;
    let mut browser = app.browser();
    browser.goes_to(&app.issuer, other.address);
    let departure = log_in(&app, &mut browser, NUMBER).await;
    assert!(app.answer(&browser, &departure).code().len() > 20);
    other.stop().await;
}
