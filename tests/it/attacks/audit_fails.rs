//! P1: no verified claim without its audit record.

use std::time::{Duration, Instant};

use super::{count, depart, nothing_opened, opened};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;
use crate::support::wire::{no_room, room_again};

#[tokio::test]
async fn a_verdict_that_cannot_be_recorded_gives_no_code() {
    for table in ["audit_records", "audit_personal", "audit_pending"] {
        let app = App::start().await;
        let mut browser = app.browser();
        let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
        let before = count(&app, "audit_records").await;
        no_room(&app, table).await;

        let started = Instant::now();
        browser.follows_refresh = true;
        browser.proceed().await;
        assert!(started.elapsed() < Duration::from_secs(15), "{table} hangs");
        assert_eq!(browser.page().status.as_u16(), 500, "{table}");
        assert_eq!(browser.title(), "Something went wrong on our side");
        nothing_opened(&app).await;
        // That the answer is lost has no personal part, and may be recorded where only that fails.
        let lost = i64::from(table == "audit_personal");
        assert_eq!(count(&app, "audit_records").await, before + lost);
        let verified = "audit_records where outcome = 'verified'";
        assert_eq!(count(&app, verified).await, 0);
        assert_eq!(count(&app, "logins where outcome = 'verified'").await, 0);
        assert_eq!(count(&app, "legs where outcome = 'verified'").await, 0);

        // The person may try again: at once, or once it is swept.
        room_again(&app, table).await;
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(app.sweep().await, usize::from(lost == 0), "{table}");
        let login = app.only_login().await;
        browser.open(format!("{}/login/{login}", app.issuer)).await;
        browser.submit("/continue", &[]).await;
        let signed_in = app.redeem(&browser, &departure).await;
        assert_eq!(signed_in.claims["phone_number"], NUMBER, "{table}");
    }
}

#[tokio::test]
async fn a_fault_of_ours_is_told_in_the_language_of_its_person() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.languages = "de-CH, en;q=0.5";
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    no_room(&app, "audit_records").await;
    browser.press("Weiter").await;
    assert_eq!(browser.page().status.as_u16(), 500);
    assert_eq!(browser.title(), "Bei uns ist etwas schiefgegangen");
    room_again(&app, "audit_records").await;
    browser.follow(&format!("/login/{login}")).await;
    browser.press("Weiter").await;
    app.redeem(&browser, &departure).await;
}

#[tokio::test]
async fn a_redemption_that_cannot_be_recorded_gives_no_token_and_leaves_the_code() {
    for table in ["audit_records", "audit_pending"] {
        let app = App::start().await;
        let mut browser = app.browser();
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        browser.press("Continue").await;
        let answer = app.answer(&browser, &departure);
        let before = opened(&app).await;
        no_room(&app, table).await;
        let (status, body) = app.shop.redeem_raw(&departure, answer.code()).await;
        assert_eq!((status, &body["error"]), (500, &"server_error".into()));
        assert_eq!(body.get("access_token"), None);
        assert_eq!(opened(&app).await, before, "{table}");
        let used = "codes where redeemed_at is not null";
        assert_eq!(count(&app, used).await, 0, "all or nothing");

        room_again(&app, table).await;
        let signed_in = app.shop.redeem(&departure, answer.code()).await;
        assert_eq!(signed_in.claims["phone_number"], NUMBER);
    }
}

#[tokio::test]
async fn a_login_that_cannot_be_recorded_does_not_open() {
    let app = App::start().await;
    no_room(&app, "audit_records").await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.page().status.as_u16(), 500);
    assert!(app.logins().await.is_empty());
    assert!(browser.cookies("localhost").is_empty());
}

/// Whatever an RP was told as verified stands in the audit log under the token's `txn`.
#[tokio::test]
async fn every_token_names_the_record_of_its_check() {
    let app = App::start().await;
    let mut browser = app.browser();
    for _ in 0..2 {
        let wish = Wish::of(NUMBER).prompt("login");
        let signed_in = app.sign_in(&mut browser, &wish).await;
        let txn = signed_in.claims["txn"].as_str().unwrap();
        let login = *app.logins().await.last().unwrap();
        let records = app.records(login).await;
        let check = records
            .iter()
            .find(|record| record.id.to_string() == txn)
            .unwrap();
        assert_eq!(check.body["type"], "NUMBER_VERIFIED");
        assert_eq!(check.body["outcome"], "verified");
        assert_eq!(check.body["subject"], signed_in.claims["sub"]);
    }
}
