//! Staff, their sessions and those of people, signing keys, and what is told to who may not.

use std::time::Duration;

use numbercloak::store::staff::Role;

use super::{Office, seed};
use crate::chromium::{DESKTOP, PHONE};
use crate::support::app::NUMBER;
use crate::support::console::{PASSWORD, wait_for_the_next_code};
use crate::support::rp::Wish;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_confirms_who_they_are_invites_somebody_and_locks_them_out() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    let (_, account) = office.enters(Role::Owner).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    office.visit("/admin/staff", "Staff").await;
    browser.face("staff-before-proof").await;
    browser.follow("Confirm that it is you").await;
    browser.shows("Confirm that it is you").await;
    browser.fill("password", PASSWORD).await;
    browser.fill("code", "000000").await;
    browser.submit("Confirm").await;
    browser.wait_for_alert().await;
    browser.face("confirm-refused").await;
    wait_for_the_next_code(app);
    browser.fill("password", PASSWORD).await;
    browser.fill("code", &account.code(app)).await;
    browser.submit("Confirm").await;
    browser.shows("Staff").await;

    browser.fill("email", "ann@example.com").await;
    browser.choose("role", "auditor").await;
    browser.submit("Make a setup link").await;
    browser.shows("Send this link").await;
    let link = browser.text_of("#setup-link").await;
    assert_eq!(browser.copies("setup link").await, link);
    browser.face("setup-link").await;
    browser.follow("Staff").await;
    browser.shows("Staff").await;
    assert!(browser.text().await.contains("ann@example.com"));
    browser.submit("Lock out").await;
    browser.says("Locked out, and signed out everywhere.").await;

    // Of two browsers, the other one goes.
    let mut elsewhere = app.browser();
    wait_for_the_next_code(app);
    elsewhere.open(format!("{}/admin/login", app.issuer)).await;
    let code = account.code(app);
    crate::support::console::sign_in(&mut elsewhere, &account.email, PASSWORD, &code).await;
    office.visit("/admin/account", "Your account").await;
    browser.face("account").await;
    browser.submit("End all others").await;
    browser.says("Ended.").await;
    elsewhere.follow("/admin").await;
    assert_eq!(elsewhere.title(), "Sign in to the console");
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_people_end_and_keys_move_on() {
    let Some(office) = Office::of(DESKTOP, seed::builder()).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    app.clock.advance(Duration::from_secs(3600));
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    office.enters(Role::Owner).await;
    office.visit("/admin/sessions", "Sessions").await;
    browser.fill("number", NUMBER).await;
    browser.submit("Find").await;
    browser.says("End all of them").await;
    let url = browser.client.current_url().await.unwrap();
    assert!(!url.as_str().contains(&NUMBER[1..]), "{url}");
    browser.face("sessions-found").await;
    browser.submit("End all of them").await;
    browser.says("Ended.").await;

    office.visit("/admin/keys", "Keys").await;
    browser.submit("Let the next key sign").await;
    browser.says("The key has moved on.").await;
    browser.face("keys-moved").await;
    let before = browser.text_of("tbody").await;
    assert!(before.contains("retiring"), "{before}");
    browser.click_in("retiring", "Revoke").await;
    browser.shows("Revoke this key?").await;
    browser.submit("Revoke this key").await;
    browser.wait_for_alert().await;
    browser.face("key-revoke-refused").await;
    browser.choose("sure", "yes").await;
    browser.submit("Revoke this key").await;
    browser.says("The key is revoked.").await;
    browser.says("Retired: 1").await;
    browser.face("keys-retired").await;
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_hands_out_what_is_kept_about_a_number_and_erases_it() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let (_, account) = office.enters(Role::Owner).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    office
        .visit("/admin/privacy", "What is kept about a number")
        .await;
    browser.face("privacy-before-proof").await;
    browser.follow("Confirm that it is you").await;
    browser.shows("Confirm that it is you").await;
    browser.fill("password", PASSWORD).await;
    browser.fill("code", &account.code(app)).await;
    browser.submit("Confirm").await;
    browser.shows("What is kept about a number").await;
    let fill = format!("document.getElementById('erase-number').value = '{NUMBER}'; return 1");
    browser.compute(&fill).await;
    browser.fill("ticket", "DSR-17").await;
    browser.submit("Erase it").await;
    browser.wait_for_alert().await;
    browser.face("privacy-refused").await;
    browser.choose("sure", "yes").await;
    browser.submit("Erase it").await;
    browser
        .says("Nothing personal is left of this number.")
        .await;
    let url = browser.client.current_url().await.unwrap();
    assert!(!url.as_str().contains(&NUMBER[1..]), "{url}");
    browser.face("privacy-erased").await;
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_and_what_is_not_there_is_told() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    office
        .visit("/admin/clients", "Sign in to the console")
        .await;
    office.enters(Role::Support).await;
    office
        .visit("/admin/clients", "Your role may not do this")
        .await;
    browser.face("not-allowed").await;
    office.visit("/admin/nowhere", "Page not found").await;
    office.visit("/admin/find", "Find a sign-in").await;
    browser.fill("reference", "0000-0000").await;
    browser.submit("Find").await;
    browser.wait_for_alert().await;
    browser.face("find-nothing").await;

    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let digits = app.only_login().await.simple().to_string().to_uppercase();
    let reference = format!("{}-{}", &digits[24..28], &digits[28..]);
    browser.fill("reference", &reference).await;
    browser.submit("Find").await;
    browser.shows(&format!("Sign-in {reference}")).await;
    browser.face("support-login").await;

    // A form of a session that ended.
    office.visit("/admin/find", "Find a sign-in").await;
    app.clock.advance(Duration::from_secs(16 * 60));
    browser.fill("reference", &reference).await;
    browser.submit("Find").await;
    browser.shows("Sign in to the console").await;
    office
        .visit(
            "/setup/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "This link does not work any more",
        )
        .await;
    browser.face("setup-over").await;
    office.browser.end().await;
}
