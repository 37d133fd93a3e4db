//! The screens, on every kind of device.

use super::tour::{Tour, error};
use super::{Chromium, DESKTOP, Kind, Landing, PHONE};
use crate::support::app::NUMBER;
use crate::support::rp::Wish;

async fn tour(kind: Kind) -> Option<Tour> {
    let browser = Chromium::start(kind).await?;
    let landing = Landing::start().await;
    let app = landing.app().start().await;
    Some(Tour {
        app,
        browser,
        landing,
    })
}

async fn every_screen(kind: Kind) {
    let Some(tour) = tour(kind).await else {
        return;
    };
    tour.asking().await;
    tour.failing().await;
    tour.signing_in().await;
    tour.outside().await;
    tour.sharing().await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_on_a_phone() {
    every_screen(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_on_a_desktop() {
    every_screen(DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_on_a_phone_without_scripts() {
    every_screen(PHONE.without_scripts()).await;
}

async fn too_many(kind: Kind) {
    let Some(browser) = Chromium::start(kind).await else {
        return;
    };
    let landing = Landing::start().await;
    let limited = landing
        .app()
        .config("limits.tries_per_number_per_hour", "1");
    let tour = Tour {
        app: limited.start().await,
        browser,
        landing,
    };
    let departure = tour.open(&Wish::of(NUMBER)).await;
    tour.browser.shows("Check your number").await;
    tour.browser.press("Continue").await;
    tour.answer(&departure).await;
    let departure = tour.open(&Wish::of(NUMBER)).await;
    tour.browser.shows("Too many tries").await;
    let text = tour.browser.text().await;
    assert!(text.contains("Wait 10 minutes, then try again."), "{text}");
    assert_eq!(
        text.contains("\n10:00\n") || text.contains("\n9:5"),
        kind.scripts,
        "{text}"
    );
    tour.browser.look("s22-too-many").await;
    tour.browser.press("Return to shop").await;
    let told = tour.answer(&departure).await;
    assert_eq!(told, error("access_denied", "rate_limited"));
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_that_asks_to_wait_counts_down() {
    too_many(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_that_asks_to_wait_says_how_long_without_scripts() {
    too_many(PHONE.without_scripts()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arabic_runs_from_right_to_left_and_fits() {
    let Some(tour) = tour(PHONE).await else {
        return;
    };
    let wish = Wish::of(NUMBER).with("ui_locales", "ar");
    let departure = tour.open(&wish).await;
    tour.browser.shows("تأكيد رقمك").await;
    let direction = "return getComputedStyle(document.querySelector('h1')).direction";
    assert_eq!(tour.browser.compute(direction).await, "rtl");
    tour.browser.look("s01-go-ahead-ar").await;
    tour.browser.press("متابعة").await;
    let code = tour.answer(&departure).await;
    tour.app.shop.redeem(&departure, code.code()).await;
    tour.browser.end().await;
}

/// The other tests assert that there is nothing to complain about; this one, that they would notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_policy_is_noticed() {
    let Some(tour) = tour(DESKTOP).await else {
        return;
    };
    tour.browser.open(&tour.app.issuer).await;
    tour.browser.shows("This is a sign-in service").await;
    let smuggle =
        "const s = document.createElement('script'); s.textContent = '1'; document.head.append(s)";
    tour.browser.compute(smuggle).await;
    let complaints = tour.browser.complaints().await;
    assert!(
        complaints
            .iter()
            .any(|line| line.contains("Content Security Policy")),
        "{complaints:?}"
    );
    tour.browser.end().await;
}
