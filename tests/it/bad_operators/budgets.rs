//! Budgets, quotas, and what the operator itself says is enough.

use std::time::Duration;

use numbercloak::store::restraint::Restraint;
use reqwest::header::RETRY_AFTER;

use super::{asked, last_word, log_in};
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::Wish;

const REFUSED: &str = "OPERATOR_SELECTED_ERROR operator_rate_limited";

async fn passes(app: &App) {
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
}

/// The login does not depart; the seconds it is told to wait.
async fn is_refused(app: &App) -> u64 {
    let before = asked(app, "/authorize");
    let mut browser = app.browser();
    let departure = log_in(app, &mut browser, NUMBER).await;
    assert_eq!(browser.title(), "Simulator is busy");
    assert_eq!(last_word(app).await, REFUSED);
    assert_eq!(asked(app, "/authorize"), before);
    let wait = browser.page().headers[RETRY_AFTER].to_str().unwrap();
    let wait = wait.parse().unwrap();
    browser.press("Return to shop").await;
    assert_eq!(
        app.answer(&browser, &departure).error(),
        ("temporarily_unavailable", "operator_rate_limited")
    );
    wait
}

async fn restrained(restraint: Restraint) -> App {
    App::builder()
        .operator(move |operator| operator.restraint = restraint)
        .start()
        .await
}

#[tokio::test]
async fn an_operators_budget_is_so_many_a_minute() {
    let app = restrained(Restraint {
        departures_per_minute: 2,
        ..Restraint::default()
    })
    .await;
    passes(&app).await;
    passes(&app).await;
    let wait = is_refused(&app).await;
    assert!((1..=30).contains(&wait), "{wait}");
    app.clock.advance(Duration::from_secs(31));
    passes(&app).await;
    is_refused(&app).await;
}

#[tokio::test]
async fn an_operators_quota_is_so_many_a_day() {
    let app = restrained(Restraint {
        departures_per_day: 2,
        ..Restraint::default()
    })
    .await;
    passes(&app).await;
    passes(&app).await;
    app.clock.advance(Duration::from_secs(3_600));
    let wait = is_refused(&app).await;
    assert!(wait > 3_600, "{wait}");
    app.clock.advance(Duration::from_secs(12 * 3_600));
    passes(&app).await;
}

#[tokio::test]
async fn an_apps_budget_is_its_own() {
    let app = App::builder()
        .client(|client| client.settings.checks.departures_per_minute = 1)
        .start()
        .await;
    passes(&app).await;
    is_refused(&app).await;
    let other = app.register(new_client("other")).await;
    let mut browser = app.browser();
    let departure = other.depart(&Wish::of(NUMBER)).await;
    browser.open(&departure.url).await;
    browser.press("Continue").await;
    let answer = other.answer(&departure, browser.left());
    assert!(!answer.code().is_empty());
    app.clock.advance(Duration::from_secs(61));
    passes(&app).await;
}

#[tokio::test]
async fn an_operator_that_says_to_come_back_later_is_left_alone_so_long() {
    // At the token endpoint and at the API, with Retry-After: 30.
    for number in ["+990702012", "+990703014"] {
        let app = App::start().await;
        log_in(&app, &mut app.browser(), number).await;
        assert_eq!(
            last_word(&app).await,
            "NUMBER_NOT_VERIFIED operator_rate_limited"
        );
        let wait = is_refused(&app).await;
        assert!((1..=30).contains(&wait), "{wait}");
        app.clock.advance(Duration::from_secs(20));
        is_refused(&app).await;
        app.clock.advance(Duration::from_secs(11));
        passes(&app).await;
    }
}

#[tokio::test]
async fn an_operator_that_does_not_say_how_long_is_left_alone_for_half_a_minute() {
    let app = App::start().await;
    log_in(&app, &mut app.browser(), "+990703013").await;
    is_refused(&app).await;
    app.clock.advance(Duration::from_secs(31));
    passes(&app).await;
}
