//! What operators charge for, counted once per call.

use std::time::Duration;

use chrono::{Days, NaiveDate};
use numbercloak::admin::usage;
use numbercloak::store;
use numbercloak::store::checks::{CheckContract, Policy};

use super::log_in;
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::Wish;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Usage as lines: client, call, billable, unsure.
async fn used(app: &App, from: NaiveDate, to: NaiveDate) -> Vec<String> {
    let rows = usage::list(&app.desk(), from, to).await.unwrap();
    rows.iter()
        .map(|row| {
            assert_eq!(row.operator, "simulator");
            let (client, call) = (&row.client_id, &row.call);
            format!("{client} {call} {} {}", row.billable, row.unsure)
        })
        .collect()
}

#[tokio::test]
async fn every_billable_call_is_counted_once_and_a_closed_day_stays_as_it_is() {
    let app = App::builder()
        .operator(|operator| {
            operator.checks.sim_swap = Some(CheckContract::default());
            operator.scope_device_phone_number = Some(
                "openid dpv:ServiceProvision number-verification:device-phone-number:read"
                    .to_owned(),
            );
            operator.total_timeout_ms = 2_000;
        })
        .start()
        .await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    // Without a page before, so without a second record.
    log_in(&app, &mut browser, NUMBER).await;
    // A mismatch is billed, Wi-Fi and an error are not, and of a lost answer nobody knows.
    for number in ["+990700001", "+990701000", "+990703010", "+990703026"] {
        log_in(&app, &mut app.browser(), number).await;
    }
    let mut other = new_client("other");
    other.settings.checks.sim_swap.policy = Policy::Require;
    let other = app.register(other).await;
    for number in ["+990704003", "+990704000", "+990704008"] {
        let mut browser = app.browser();
        let departure = other.depart(&Wish::of(number)).await;
        browser.open(&departure.url).await;
        browser.press("Continue").await;
    }
    let today = app.clock.now().date_naive();
    let expected = ["other sim_swap 2 0", "other verify 3 0", "shop verify 3 1"];
    assert_eq!(used(&app, today, today).await, expected);

    // The day is over: it is counted, once, and what comes later is apart.
    let db = app.state().db.relaxed();
    let close = async || {
        store::usage::close_days(db, app.clock.now(), 31)
            .await
            .unwrap()
    };
    assert_eq!(close().await, 0, "not while it lasts");
    app.clock.advance(2 * DAY);
    assert!(close().await >= 1);
    assert_eq!(close().await, 0);
    assert_eq!(used(&app, today, today).await, expected);
    let later = today + Days::new(2);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let now = app.clock.now().date_naive();
    assert_eq!(used(&app, later, now).await, ["shop verify 1 0"]);
    let both: Vec<_> = used(&app, today, now).await;
    assert_eq!(both.len(), 4, "{both:?}");

    // Kept beyond the life of the records.
    let mut owner = app.database.owner().await;
    sqlx::query("delete from audit_records where at < $1")
        .bind(app.clock.now() - chrono::TimeDelta::days(1))
        .execute(&mut owner)
        .await
        .unwrap();
    assert_eq!(used(&app, today, today).await, expected);
}

#[tokio::test]
async fn a_span_that_ends_before_it_begins_is_refused() {
    let app = App::start().await;
    let today = app.clock.now().date_naive();
    assert!(
        usage::list(&app.desk(), today, today - Days::new(1))
            .await
            .is_err()
    );
}
