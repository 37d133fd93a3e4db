//! Extra checks by a client's policy: what the token tells, whom they refuse, and what becomes of a
//! number that changed hands.

mod flows;
mod new_owner;
mod policies;
mod sim_swap;

use chrono::TimeDelta;
use numbercloak::phone::PhoneNumber;
use numbercloak::store::checks::{CheckContract, CheckPolicy, Policy};
use serde_json::Value;

use crate::support::app::App;
use crate::support::browser::{Browser, End};
use crate::support::rp::{Departure, Wish};

/// A server whose operator offers both checks, and whose app wants them like this.
async fn wanting(sim_swap: Policy, recycling: Policy) -> App {
    App::builder()
        .operator(|operator| {
            operator.checks.sim_swap = Some(CheckContract::default());
            operator.checks.number_recycling = Some(CheckContract::default());
            operator.restraint.breaker_failures = 0;
        })
        .client(move |client| {
            client.settings.checks.sim_swap.policy = sim_swap;
            client.settings.checks.number_recycling.policy = recycling;
        })
        .start()
        .await
}

/// Has the app want the checks like this from now on.
async fn want(app: &App, sim_swap: CheckPolicy, recycling: CheckPolicy) {
    app.edit_client(&app.shop, |client| {
        client.settings.checks.sim_swap = sim_swap;
        client.settings.checks.number_recycling = recycling;
    })
    .await;
}

/// An ordinary number of its own.
fn ordinary(index: usize) -> String {
    format!("+99070{}", 9_000 + index)
}

fn parsed(number: &str) -> PhoneNumber {
    PhoneNumber::from_e164(number).unwrap()
}

/// The number moved to another SIM so many hours ago.
fn swap(app: &App, number: &str, hours_ago: i64) {
    let at = app.clock.now() - TimeDelta::hours(hours_ago);
    app.operator.set_swapped(&parsed(number), Some(at));
}

/// The number was given to somebody else so many hours ago.
fn recycle(app: &App, number: &str, hours_ago: i64) {
    let at = app.clock.now() - TimeDelta::hours(hours_ago);
    app.operator.set_recycled(&parsed(number), Some(at));
}

/// A login about this number as far as it goes, with a press of `Continue` if that is asked.
async fn log_in(app: &App, browser: &mut Browser, number: &str) -> Departure {
    let departure = app.open(browser, &Wish::of(number)).await;
    if matches!(browser.end, End::Page) && browser.title() == "Check your number" {
        browser.press("Continue").await;
    }
    departure
}

/// The record of the newest login's verdict.
async fn verdict_record(app: &App) -> Value {
    let login = *app.logins().await.last().unwrap();
    let records = app.records(login).await;
    let verdict = records.into_iter().map(|record| record.body).find(|body| {
        body["type"].as_str().unwrap().starts_with("NUMBER_") && body["leg"].is_string()
    });
    verdict.expect("a verdict")
}

/// Requests that one path of the operator's got.
fn asked(app: &App, path: &str) -> usize {
    let received = app.operator.received();
    received.iter().filter(|one| one.path == path).count()
}
