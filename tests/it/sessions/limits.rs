//! How long a session lives, which browsers have it, and what becomes of its row.

use std::time::Duration;

use numbercloak::simulator::{Device, Whose};
use numbercloak::store::grants;

use super::{agree, checks, client, open, refused, sso, start};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::rp::Wish;
use crate::support::wire::count;

const DEVICE_SCOPE: &str =
    "openid dpv:FraudPreventionAndDetection number-verification:device-phone-number:read";
const MINUTE: Duration = Duration::from_secs(60);

async fn short() -> App {
    App::builder()
        .client(|client| client.settings.fresh_for_s = 3600)
        .config("lifetimes.session_idle", "10m")
        .config("lifetimes.session_absolute", "25m")
        .start()
        .await
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_lives_on_when_it_is() {
    let app = short().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for _ in 0..2 {
        app.clock.advance(6 * MINUTE);
        sso(&app.shop, &mut browser, &Wish::new()).await;
    }
    app.clock.advance(11 * MINUTE);
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
}

#[tokio::test]
async fn a_session_ends_in_any_case_and_a_new_verdict_opens_another() {
    let app = short().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for _ in 0..4 {
        app.clock.advance(6 * MINUTE);
        sso(&app.shop, &mut browser, &Wish::new()).await;
    }
    app.clock.advance(MINUTE + Duration::from_secs(1));
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
    let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    let second = app.redeem(&browser, &departure).await;
    assert_eq!(checks(&app), 2);
    assert_eq!(second.claims["sub"], first.claims["sub"]);
    assert_ne!(second.claims["sid"], first.claims["sid"]);
}

#[tokio::test]
async fn each_verdict_renews_the_cookie_and_the_old_one_is_dead() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let mut before = browser.clone();
    let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER).prompt("login")).await;
    agree(&app.shop, &mut browser, &departure).await;
    assert_eq!(
        refused(&app.shop, &mut before, &Wish::new()).await,
        "login_required"
    );
    sso(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(count(&app, "sessions").await, 1);
}

#[tokio::test]
async fn each_browser_has_a_session_of_its_own() {
    let app = start().await;
    let (mut laptop, mut phone) = (app.browser(), app.browser());
    let there = app.sign_in(&mut laptop, &Wish::of(NUMBER)).await;
    assert_eq!(
        refused(&app.shop, &mut phone, &Wish::of(NUMBER)).await,
        "login_required"
    );
    let here = app.sign_in(&mut phone, &Wish::of(NUMBER)).await;
    assert_eq!(here.claims["sub"], there.claims["sub"]);
    assert_ne!(here.claims["sid"], there.claims["sid"]);
    for (browser, signed_in) in [(&mut laptop, there), (&mut phone, here)] {
        let again = sso(&app.shop, browser, &Wish::new()).await;
        assert_eq!(again.claims["sid"], signed_in.claims["sid"]);
    }
}

#[tokio::test]
async fn a_number_that_the_operator_told_is_told_again_in_the_same_session() {
    let app = App::builder()
        .client(|client| client.settings.fresh_for_s = 60)
        .operator(|operator| {
            operator.scope_device_phone_number = Some(DEVICE_SCOPE.to_owned());
        })
        .start()
        .await;
    let radio = Whose::Address("127.0.0.1".parse().unwrap());
    let sim = |number: &str| {
        let device = Device::parse(number).unwrap();
        app.operator.set_sim(radio.clone(), Some(device));
    };
    sim(NUMBER);
    let mut browser = app.browser();
    let departure = open(&app.shop, &mut browser, &Wish::new()).await;
    browser.press("Share my number").await;
    let first = app.redeem(&browser, &departure).await;
    sso(&app.shop, &mut browser, &Wish::new()).await;
    app.clock.advance(2 * MINUTE);
    let departure = open(&app.shop, &mut browser, &Wish::new()).await;
    let second = app.redeem(&browser, &departure).await;
    assert_ne!(second.claims["txn"], first.claims["txn"], "checked again");
    assert_eq!(second.claims["sid"], first.claims["sid"]);
    // The page after the check renews the session as well.
    let wish = Wish::new().scopes(&["phone"]);
    app.clock.advance(2 * MINUTE);
    let departure = open(&app.shop, &mut browser, &wish).await;
    browser.press("Share my number").await;
    let third = app.redeem(&browser, &departure).await;
    assert_eq!(third.claims["sid"], first.claims["sid"]);
    assert_eq!(count(&app, "sessions").await, 1);
    // Another SIM by now is another person, who is asked.
    sim(OTHER_NUMBER);
    app.clock.advance(2 * MINUTE);
    open(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(browser.title(), "Share your number with shop?");
    assert_eq!(checks(&app), 0);
}

#[tokio::test]
async fn what_is_over_is_deleted_with_what_hangs_on_it() {
    let app = start().await;
    let bank = app.register(client("bank")).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = open(&bank, &mut browser, &Wish::new()).await;
    agree(&bank, &mut browser, &departure).await;
    let purge = async |before| {
        let db = app.state().db.relaxed();
        grants::purge(db, before, 1000)
            .await
            .unwrap()
            .values()
            .sum::<i64>()
    };
    let day = Duration::from_secs(86_400);
    // Over or not, a grant stays as long as its session: whoever ends that one must know its apps.
    purge(app.clock.now() + day / 2).await;
    assert_eq!(count(&app, "sessions").await, 1);
    assert_eq!(count(&app, "grants").await, 2);
    assert_eq!(count(&app, "go_aheads").await, 2);
    purge(app.clock.now() + 2 * day).await;
    assert_eq!(count(&app, "sessions").await, 0);
    assert_eq!(count(&app, "grants").await, 0);
    assert_eq!(count(&app, "go_aheads").await, 2);
    purge(app.clock.now() + 91 * day).await;
    assert_eq!(count(&app, "go_aheads").await, 0);
}
