//! The daily verification: once a day whichever server is first looks at the whole log, records what it found,
//! and raises an alert; readiness, metrics and `doctor` tell of it.

use std::time::Duration;

use chrono::Timelike as _;
use serde_json::Value;

use super::{run, sealed_of, superuser};
use crate::support::app::{App, NUMBER};
use crate::support::command;
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};

/// To the next day's four o'clock: it is due from three on.
fn next_night(app: &App) {
    let hour = u64::from(app.clock.now().hour());
    app.clock.advance(Duration::from_secs((28 - hour) * 3600));
}

async fn at_management(app: &App, path: &str) -> String {
    let url = format!("http://{}{path}", app.server.management);
    let answer = Raw::of(http().get(url)).await;
    assert_eq!(answer.status, 200);
    answer.body
}

/// What `doctor` says of the audit log.
async fn diagnosis(app: &App) -> Value {
    let ran = command::run(app, &["doctor", "--json"], "").await;
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let findings = found["findings"].as_array().unwrap().clone();
    let of_log = |finding: &Value| finding["check"] == "audit log";
    findings.into_iter().find(of_log).unwrap()
}

#[tokio::test]
async fn once_a_day_one_server_verifies_the_log_and_records_what_it_found() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    assert!(
        at_management(&app, "/readyz")
            .await
            .contains("last found whole never")
    );
    assert_eq!(diagnosis(&app).await["level"], "ok");
    let replica = app.second_replica().await;
    next_night(&app);
    let settings = &app.state().config.checkpoints;
    let (one, other) = tokio::join!(
        app.server.ledger.verify_daily(settings),
        replica.ledger.verify_daily(settings)
    );
    let reports: Vec<_> = [one, other]
        .into_iter()
        .filter_map(Result::unwrap)
        .collect();
    assert_eq!(reports.len(), 1, "one of them");
    assert!(reports[0].is_clean(), "{:?}", reports[0].findings);
    let again = app.server.ledger.verify_daily(settings).await.unwrap();
    assert!(again.is_none(), "once a day");
    replica.stop().await;

    app.sealed().await;
    let told = sealed_of(&app.database, "AUDIT_LOG_VERIFIED").await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["found"], &told[0]["actor"]),
        (&0.into(), &"system".into())
    );
    assert_eq!(told[0]["leaves"], told[0]["records"]);
    assert!(told[0]["leaves"].as_u64().unwrap() > 5);
    let ready = at_management(&app, "/readyz").await;
    assert!(
        ready.starts_with("ready\naudit log: last sealed "),
        "{ready}"
    );
    assert!(
        ready.contains("last found whole") && !ready.contains("never"),
        "{ready}"
    );
    let metrics = at_management(&app, "/metrics").await;
    for name in [
        "numbercloak_log_sealed_age_seconds ",
        "numbercloak_log_verified_age_seconds ",
        "numbercloak_log_oldest_pending_seconds ",
        "numbercloak_log_verification_findings 0",
    ] {
        assert!(metrics.contains(name), "{name}: {metrics}");
    }
    assert_eq!(diagnosis(&app).await["level"], "ok");
}

#[tokio::test]
async fn a_log_that_does_not_verify_raises_an_alert() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let changed =
        "update audit_records set body = body || ' '::bytea where type = 'NUMBER_VERIFIED'";
    assert_eq!(run(&mut superuser(&app.database).await, changed).await, 1);
    next_night(&app);
    let settings = &app.state().config.checkpoints;
    let report = app.server.ledger.verify_daily(settings).await.unwrap();
    assert!(!report.unwrap().is_clean());
    app.sealed().await;
    let told = sealed_of(&app.database, "AUDIT_LOG_VERIFIED").await;
    assert_eq!(told[0]["found"], 1);
    let first = told[0]["first"].as_str().unwrap();
    assert!(first.contains("not those that were sealed"), "{first}");
    let alerts = sealed_of(&app.database, "ALERT").await;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["alert"], "log_verification");
    assert!(alerts[0]["message"].as_str().unwrap().contains(first));
    let diagnosis = diagnosis(&app).await;
    assert_eq!(diagnosis["level"], "fail");
    assert!(
        diagnosis["message"].as_str().unwrap().contains(first),
        "{diagnosis}"
    );
    assert!(
        at_management(&app, "/metrics")
            .await
            .contains("numbercloak_log_verification_findings 1")
    );
}

#[tokio::test]
async fn it_is_not_due_before_its_hour_nor_where_it_is_switched_off() {
    let app = App::start().await;
    app.sealed().await;
    next_night(&app);
    let mut settings = app.state().config.checkpoints.clone();
    settings.verify_hour = 23;
    let early = app.server.ledger.verify_daily(&settings).await.unwrap();
    assert!(early.is_none());
    settings.verify_hour = 0;
    settings.verify_daily = false;
    let off = app.server.ledger.verify_daily(&settings).await.unwrap();
    assert!(off.is_none());
    settings.verify_daily = true;
    assert!(
        app.server
            .ledger
            .verify_daily(&settings)
            .await
            .unwrap()
            .is_some()
    );
}
