//! The pages that ask to wait: each says why, and counts down where scripts run.

use numbercloak::store::clients::Hint;

use super::tour::{Tour, error};
use super::{Kind, PHONE, PHONE_WITHOUT_SCRIPTS};
use crate::support::app::{NUMBER, OTHER_NUMBER};
use crate::support::rp::Wish;

/// Uses a limit up by one sign-in.
async fn sign_in(tour: &Tour) {
    let departure = tour.open(&Wish::of(NUMBER)).await;
    tour.browser.shows("Check your number").await;
    tour.browser.press("Continue").await;
    let code = tour.answer(&departure).await;
    tour.app.shop.redeem(&departure, code.code()).await;
}

/// The page says how long to wait; the clock runs, or is not there.
async fn waits(tour: &Tour, words: &str, why: &str, screen: &str) {
    tour.browser.shows("Too many tries").await;
    let text = tour.browser.text().await;
    assert!(text.contains(words), "{words} in {text}");
    assert!(text.contains(why), "{why} in {text}");
    let is_clock = |line: &str| {
        let parts = line.split_once(':');
        parts.is_some_and(|parts| {
            [parts.0, parts.1]
                .iter()
                .all(|part| part.parse::<u8>().is_ok())
        })
    };
    let runs = text.lines().any(is_clock) || text.contains("You can try again now.");
    assert_eq!(runs, tour.browser.kind.scripts, "{text}");
    tour.browser.look(screen).await;
}

async fn of_one_number(kind: Kind) {
    let tour = Tour::with(kind, |app| {
        app.config("limits.tries_per_number_per_hour", "1")
    });
    let Some(tour) = tour.await else { return };
    sign_in(&tour).await;
    let departure = tour.open(&Wish::of(NUMBER)).await;
    let why = "We limit how often numbers can be checked";
    let wait = "Wait 10 minutes, then try again.";
    waits(&tour, wait, why, "s22-one-number").await;
    let told = ("access_denied", "rate_limited");
    tour.returns(&departure, "Return to shop", told).await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_was_checked_too_often() {
    of_one_number(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_was_checked_too_often_without_scripts() {
    of_one_number(PHONE_WITHOUT_SCRIPTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_tried_too_many_numbers() {
    let tour = Tour::with(PHONE, |app| {
        app.config("limits.numbers_per_browser_per_hour", "1")
    });
    let Some(tour) = tour.await else { return };
    sign_in(&tour).await;
    let (app, suggestion) = (&tour.app, Hint::Suggestion);
    app.edit_client(&app.shop, |client| client.settings.hint = suggestion)
        .await;
    let departure = tour.open(&Wish::of(OTHER_NUMBER)).await;
    tour.browser.shows("Check your number").await;
    tour.browser.press("Continue").await;
    let why = "You have tried several different numbers in this browser.";
    let wait = "Wait 60 minutes, then try again.";
    waits(&tour, wait, why, "s22-many-numbers").await;
    tour.browser.press("Use another number").await;
    tour.browser.write("phone_number", NUMBER).await;
    tour.browser.press("Check this number").await;
    let code = tour.answer(&departure).await;
    tour.app.shop.redeem(&departure, code.code()).await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_started_too_many_sign_ins() {
    let tour = Tour::with(PHONE, |app| {
        app.config("limits.logins_per_address_per_minute", "10")
    });
    let Some(tour) = tour.await else { return };
    let mut departure = tour.open(&Wish::of(NUMBER)).await;
    // Minutes pass on a slow machine, and a try comes free every six seconds.
    while tour.app.logins().await.len() < 60 {
        departure = tour.open(&Wish::of(NUMBER)).await;
        if tour
            .browser
            .client
            .title()
            .await
            .unwrap()
            .starts_with("Too many tries")
        {
            break;
        }
    }
    let why = "Many sign-ins were started from your network";
    waits(
        &tour,
        "Wait 10 seconds, then try again.",
        why,
        "s22-network",
    )
    .await;
    let back = tour.browser.link("Return to shop").await;
    let told = tour.app.shop.answer(&departure, &back.parse().unwrap());
    assert_eq!(told, error("access_denied", "rate_limited"));
    tour.browser.end().await;
}
