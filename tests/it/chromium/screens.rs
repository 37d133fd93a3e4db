//! The screens, on every kind of device.

use numbercloak::store::checks::{CheckContract, Policy};

use super::tour::{Tour, error};
use super::{Chromium, DESKTOP, Kind, PHONE, PHONE_WITHOUT_SCRIPTS, driver};
use crate::support::app::{NUMBER, OTHER_NUMBER};
use crate::support::rp::Wish;

async fn every_screen(kind: Kind) {
    let Some(tour) = Tour::start(kind).await else {
        return;
    };
    tour.asking().await;
    tour.failing().await;
    tour.signing_in().await;
    tour.passing().await;
    tour.outside().await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_on_a_phone() {
    every_screen(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_on_a_phone_without_scripts() {
    every_screen(PHONE_WITHOUT_SCRIPTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_screen_on_a_desktop() {
    every_screen(DESKTOP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_tells_the_number_and_one_to_be_chosen() {
    let tells =
        "openid dpv:FraudPreventionAndDetection number-verification:device-phone-number:read";
    let tour = Tour::with(PHONE, |app| {
        app.operator(move |operator| {
            operator.scope_device_phone_number = Some(tells.to_owned());
        })
    });
    let Some(tour) = tour.await else { return };
    tour.choosing().await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sim_that_is_too_new_is_explained() {
    let tour = Tour::with(PHONE, |app| {
        app.operator(|operator| operator.checks.sim_swap = Some(CheckContract::default()))
    });
    let Some(tour) = tour.await else { return };
    let require = |client: &mut numbercloak::admin::clients::Editable| {
        client.settings.checks.sim_swap.policy = Policy::Require;
    };
    tour.app.edit_client(&tour.app.shop, require).await;
    let number = numbercloak::phone::PhoneNumber::from_e164(NUMBER).unwrap();
    let now = tour.app.clock.now();
    tour.app.operator.set_swapped(&number, Some(now));
    let departure = tour.fails(NUMBER, "This SIM is too new", "refused").await;
    let told = ("access_denied", "sim_swapped");
    tour.returns(&departure, "Return to shop", told).await;
    tour.browser.end().await;
}

/// Shows the page of a login once more, 13 minutes later.
async fn almost_over(tour: &Tour) {
    let place = "return document.querySelector('form').action.replace(/[/][^/]*$/, '')";
    let here = tour.browser.compute(place).await;
    let minutes = std::time::Duration::from_secs(13 * 60);
    tour.app.clock.advance(minutes);
    tour.browser.open(here.as_str().unwrap()).await;
    tour.browser.says("ends in less than 3 minutes").await;
}

async fn ending(kind: Kind) {
    let Some(tour) = Tour::start(kind).await else {
        return;
    };
    let browser = &tour.browser;
    let departure = tour.open(&Wish::new()).await;
    browser.shows("Your mobile number").await;
    let text = browser.text().await;
    assert!(!text.contains("ends in less than"), "not yet: {text}");
    // The classes of the notice add up: 12 minutes from now.
    let delay = "return getComputedStyle(document.querySelector('.ends')).animationDelay";
    assert_eq!(browser.compute(delay).await, "720s");
    almost_over(&tour).await;
    browser.look("s02-number-ends-soon").await;
    browser.write("phone_number", "+99 0").await;
    browser.press("I need more time").await;
    browser.says("You have more time now.").await;
    let field = "return document.getElementById('phone_number').value";
    assert_eq!(browser.compute(field).await, "+99 0", "nothing is lost");
    let text = browser.text().await;
    assert!(!text.contains("ends in less than"), "not now: {text}");
    browser.look("s02-number-more-time").await;
    browser.write("phone_number", NUMBER).await;
    browser.press("Continue").await;
    let code = tour.answer(&departure).await;
    tour.app.shop.redeem(&departure, code.code()).await;

    let departure = tour.open(&Wish::of(OTHER_NUMBER)).await;
    browser.shows("Check your number").await;
    almost_over(&tour).await;
    browser.look("s01-go-ahead-ends-soon").await;
    tour.returns(&departure, "Cancel", ("access_denied", "user_cancelled"))
        .await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_ends_soon_says_so_and_gives_more_time() {
    ending(PHONE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_that_ends_soon_says_so_and_gives_more_time_without_scripts() {
    ending(PHONE_WITHOUT_SCRIPTS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_inside_another_app_is_told_where_it_is() {
    let inside = Kind {
        agent: Some(
            "Mozilla/5.0 (Linux; Android 15; Pixel 9; wv) AppleWebKit/537.36 (KHTML, like Gecko) \
             Version/4.0 Chrome/156.0.0.0 Mobile Safari/537.36 Instagram 390.0",
        ),
        ..PHONE
    };
    let Some(tour) = Tour::start(inside).await else {
        return;
    };
    let departure = tour.open(&Wish::of(NUMBER)).await;
    tour.browser.shows("Check your number").await;
    let text = tour.browser.text().await;
    assert!(text.contains("inside another app"), "{text}");
    tour.browser.look("s20-inside-another-app").await;
    tour.browser.press("Copy the link").await;
    tour.browser.says("Copied.").await;
    tour.browser.press("Continue").await;
    let code = tour.answer(&departure).await;
    tour.app.shop.redeem(&departure, code.code()).await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arabic_runs_from_right_to_left_and_fits() {
    let Some(tour) = Tour::start(PHONE).await else {
        return;
    };
    let departure = tour.open(&Wish::new().with("ui_locales", "ar")).await;
    tour.browser.shows("رقم هاتفك الجوّال").await;
    tour.browser.look("s02-number-ar").await;
    tour.browser.press("إلغاء").await;
    let told = tour.answer(&departure).await;
    assert_eq!(told, error("access_denied", "user_cancelled"));
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
    let Some(tour) = Tour::start(DESKTOP).await else {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_ends_with_its_test_also_when_that_panics() {
    let Some(driver) = driver::driver().await else {
        return;
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    let here = tokio::task::LocalSet::new();
    let test = here.spawn_local(async move {
        let browser = Chromium::start(DESKTOP).await.unwrap();
        tell.send(browser.session.id.clone()).unwrap();
        panic!("on purpose");
    });
    let ended = here.run_until(test).await;
    assert!(ended.is_err());
    let id = told.await.unwrap();
    assert!(!driver.sessions().await.contains(&id));
}
