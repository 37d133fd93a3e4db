//! "Test with my phone": one real check of an admin's own phone, from the code to the operator's answer,
//! and nothing that signs anybody in.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::simulator::{Device, Whose};
use numbercloak::store::staff::Role;
use serde_json::Value;

use crate::support::app::{App, NUMBER, OPERATOR, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::console::{signed_in, text_of};

/// A test that waits for its phone: the console's browser at its page, and the link in the code.
async fn begun(app: &App, number: &str) -> (Browser, String) {
    let (mut browser, _) = signed_in(app, Role::Admin).await;
    browser.follows_refresh = false;
    browser.follow("/admin/operators/simulator").await;
    browser.follow("/admin/operators/simulator/phone").await;
    browser
        .press_with("Show the code", &[("number", number)])
        .await;
    assert!(browser.page().source.contains("<svg role=\"img\""));
    let link = text_of(&browser, "phone-test-link");
    (browser, link)
}

/// What the console's page says now.
async fn looked_again(browser: &mut Browser) -> String {
    let here = browser.page().url.path().to_owned();
    browser.follow(&here).await;
    browser.page().document.text.clone()
}

/// The records of tests: what they say of themselves.
async fn told(app: &App) -> Vec<Value> {
    let records = app.audit(Query::default()).await;
    let bodies = records.into_iter().map(|record| record.body);
    bodies
        .filter(|body| {
            let action = body["details"]["action"].as_str();
            action.is_some_and(|action| action.starts_with("phone_test"))
        })
        .collect()
}

async fn rows(app: &App, table: &str) -> i64 {
    let mut owner = app.database.owner().await;
    let counted = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(counted)
        .fetch_one(&mut owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_phone_is_checked_for_real_and_nothing_is_minted() {
    let app = App::start().await;
    let (mut admin, link) = begun(&app, NUMBER).await;
    assert!(
        looked_again(&mut admin)
            .await
            .contains("Waiting for the phone.")
    );
    let mut phone = app.browser();
    phone.open(&link).await;
    assert_eq!(phone.title(), "Test this phone");
    assert!(
        !phone.page().source.contains(NUMBER),
        "the number is masked"
    );
    // Opening it changed nothing.
    assert!(
        looked_again(&mut admin)
            .await
            .contains("Waiting for the phone.")
    );
    phone.press("Check this phone").await;
    assert_eq!(phone.title(), "Confirmed");
    let text = looked_again(&mut admin).await;
    assert!(text.contains("Confirmed: the operator says"), "{text}");
    assert!(text.contains("verified"), "{text}");

    for table in ["logins", "legs", "sessions", "grants"] {
        assert_eq!(rows(&app, table).await, 0, "{table}");
    }
    let cookies = phone.cookies("localhost");
    assert!(cookies.iter().all(|cookie| cookie.name != "nc_session"));
    let told = told(&app).await;
    let words: Vec<_> = told
        .iter()
        .map(|body| {
            let details = &body["details"];
            (
                details["action"].as_str().unwrap(),
                details["outcome"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        words,
        [
            ("phone_test", None),
            ("phone_test_result", Some("verified"))
        ]
    );
    assert!(told.iter().all(|body| body["actor"] == "admin@example.com"));
    assert!(told.iter().all(|body| body["operator"] == OPERATOR));
    assert!(told.iter().all(|body| !body.to_string().contains(NUMBER)));
    assert_eq!(told[1]["details"]["evidence"]["billable"][0], "verify");

    // The code is used up, for everybody.
    let mut another = app.browser();
    another.open(&link).await;
    assert_eq!(another.page().status, 410);
}

#[tokio::test]
async fn a_phone_with_another_sim_is_not_confirmed_and_the_admin_learns_why() {
    let app = App::start().await;
    let everybody = Whose::Address("127.0.0.1".parse().unwrap());
    app.operator.set_sim(everybody, Device::parse(OTHER_NUMBER));
    let (mut admin, link) = begun(&app, NUMBER).await;
    let mut phone = app.browser();
    phone.open(&link).await;
    phone.press("Check this phone").await;
    assert_eq!(phone.title(), "Not confirmed");
    let text = looked_again(&mut admin).await;
    assert!(text.contains("SIM has another number"), "{text}");
    assert_eq!(told(&app).await[1]["details"]["outcome"], "mismatch");
}

#[tokio::test]
async fn another_browsers_callback_ends_the_test_and_learns_nothing() {
    let app = App::start().await;
    let (mut admin, link) = begun(&app, NUMBER).await;
    let mut phone = app.browser();
    phone.follows_refresh = false;
    phone.open(&link).await;
    phone.press("Check this phone").await;
    assert_eq!(phone.title(), "Asking the operator");
    let away = phone.page().document.refresh.clone().unwrap();
    let mut thief = app.browser();
    thief.open(&away).await;
    assert!(!thief.page().document.text.contains("Confirmed"));
    phone.follows_refresh = true;
    phone.proceed().await;
    assert_ne!(phone.title(), "Confirmed");
    let text = looked_again(&mut admin).await;
    assert!(text.contains("browser_mismatch"), "{text}");
    assert_eq!(told(&app).await.len(), 2);
}

#[tokio::test]
async fn only_one_of_two_phones_that_scan_at_once_is_sent_on() {
    let app = App::start().await;
    let (_, link) = begun(&app, NUMBER).await;
    let (mut one, mut other) = (app.browser(), app.browser());
    one.open(&link).await;
    other.open(&link).await;
    tokio::join!(
        one.press("Check this phone"),
        other.press("Check this phone")
    );
    let mut titles = [one.title(), other.title()];
    titles.sort_unstable();
    assert_eq!(titles, ["Confirmed", "This test is over"]);
}

#[tokio::test]
async fn a_test_belongs_to_whoever_began_it_and_ends_with_its_time() {
    let app = App::start().await;
    let (mut admin, link) = begun(&app, NUMBER).await;
    let page = admin.page().url.path().to_owned();
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    owner.follow(&page).await;
    assert_eq!(owner.page().status, 404);
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    auditor.follow("/admin/operators/simulator/phone").await;
    assert_eq!(auditor.title(), "Your role may not do this");
    app.clock.advance(Duration::from_secs(10 * 60));
    assert!(
        looked_again(&mut admin)
            .await
            .contains("Nothing came back in time.")
    );
    let mut phone = app.browser();
    phone.open(&link).await;
    assert_eq!(phone.page().status, 410);
}

#[tokio::test]
async fn a_number_the_operator_may_not_confirm_is_refused_and_a_paused_operator_can_be_tested() {
    let app = App::start().await;
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    admin.follows_refresh = false;
    admin.follow("/admin/operators/simulator").await;
    admin.press("Pause this operator").await;
    admin.follow("/admin/operators/simulator/phone").await;
    for nonsense in ["", "hello", "+447700900123"] {
        admin
            .press_with("Show the code", &[("number", nonsense)])
            .await;
        assert_eq!(admin.page().status, 422, "{nonsense}");
    }
    admin
        .press_with("Show the code", &[("number", NUMBER)])
        .await;
    let link = text_of(&admin, "phone-test-link");
    let mut phone = app.browser();
    phone.open(&link).await;
    phone.press("Check this phone").await;
    assert_eq!(phone.title(), "Confirmed");
}

#[tokio::test]
async fn no_other_site_can_press_the_phones_button_and_tests_are_counted() {
    let app = App::start().await;
    let (mut admin, link) = begun(&app, NUMBER).await;
    let mut phone = app.browser();
    phone.open(&link).await;
    let form = phone.form("");
    let mut victim = app.browser();
    victim.open(&app.issuer).await;
    victim.send(&form, None, &[]).await;
    assert_eq!(victim.page().status, 403);
    admin.follow("/admin/operators/simulator/phone").await;
    for _ in 0..19 {
        admin
            .press_with("Show the code", &[("number", NUMBER)])
            .await;
        assert_eq!(admin.page().status, 200);
        admin.follow("/admin/operators/simulator/phone").await;
    }
    admin
        .press_with("Show the code", &[("number", NUMBER)])
        .await;
    assert_eq!(admin.page().status, 422);
    assert!(admin.page().document.text.contains("too often"));
}
