//! kill -9 under load: what was acknowledged is there, what was verified has its record, and the log is
//! whole.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Against, found, run, sealed_of, superuser, verify};
use crate::support::app::{App, NUMBER};
use crate::support::process::Process;
use crate::support::rp::Wish;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_under_load_leaves_a_whole_log_and_every_token_its_record() {
    let app = App::start().await;
    let mut browser = app.browser();
    let mut receipts: Vec<Value> = Vec::new();
    receipts.push(app.sign_in(&mut browser, &Wish::of(NUMBER)).await.claims["txn"].clone());
    for _ in 0..2 {
        let mut process = Process::start(&app).await;
        let mut there = browser.clone();
        there.goes_to(&app.issuer, process.address);
        // Sign-ins at the process that will be killed, and here, at the same time.
        let load = async {
            let mut claims = Vec::new();
            for _ in 0..4 {
                let departure = app.open(&mut there, &Wish::of(NUMBER)).await;
                claims.push(app.redeem(&there, &departure).await.claims["txn"].clone());
            }
            claims
        };
        let mut here = browser.clone();
        let also = async {
            let mut claims = Vec::new();
            for _ in 0..4 {
                let departure = app.open(&mut here, &Wish::of(NUMBER)).await;
                claims.push(app.redeem(&here, &departure).await.claims["txn"].clone());
            }
            claims
        };
        let (a, b) = tokio::join!(load, also);
        receipts.extend(a.into_iter().chain(b));
        // One more is half-way through when it dies.
        let mut half_way = browser.clone();
        half_way.goes_to(&app.issuer, process.address);
        let dying = async {
            tokio::task::yield_now().await;
            process.kill();
        };
        let wish = Wish::of(NUMBER);
        tokio::join!(app.open(&mut half_way, &wish), dying);
    }
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [], "{:?}", report.findings);
    assert_eq!(report.logs.len(), 1, "no fork");
    let verified = sealed_of(&app.database, "NUMBER_VERIFIED").await;
    let ids: Vec<&Value> = verified.iter().map(|record| &record["id"]).collect();
    assert_eq!(receipts.len(), 17);
    for receipt in &receipts {
        assert!(ids.contains(&receipt), "{receipt} has no sealed record");
    }
}

/// A server that holds the lock and dies with it, as far as the database can see, is replaced.
#[tokio::test]
async fn when_the_server_that_seals_dies_another_takes_over_within_ten_seconds() {
    let app = App::start().await;
    app.sealed().await;
    let mut holder = superuser(&app.database).await;
    run(&mut holder, "begin").await;
    run(&mut holder, "select pg_advisory_xact_lock(1818191461)").await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.server.ledger.tick().await.unwrap();
    let mut owner = app.database.owner().await;
    let pending = async |owner: &mut sqlx::PgConnection| -> i64 {
        sqlx::query_scalar("select count(*) from audit_pending")
            .fetch_one(owner)
            .await
            .unwrap()
    };
    assert!(pending(&mut owner).await > 0, "somebody else is at it");
    // Its connection breaks, as that of a killed process does.
    drop(holder);
    let died = Instant::now();
    while pending(&mut owner).await > 0 {
        assert!(died.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
