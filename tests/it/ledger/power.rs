//! kill -9 of PostgreSQL under load: every token that an app got has its record, and the log is whole.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use numbercloak::secret::from_b64;
use serde_json::Value;

use super::{Against, found, sealed_of, verify};
use crate::support::app::{App, NUMBER};
use crate::support::browser::{Browser, End};
use crate::support::rp::Wish;

/// One sign-in, and the claims of the ID token if the app got one. Whatever fails on the way, fails.
async fn try_to_sign_in(app: &App, browser: &mut Browser) -> Option<Value> {
    let departure = app.shop.depart(&Wish::of(NUMBER)).await;
    browser.open(&departure.url).await;
    let End::Left(left) = &browser.end else {
        return None;
    };
    let mut query = left.query_pairs();
    let (_, code) = query.find(|(name, _)| name == "code")?;
    let (status, body) = app.shop.redeem_raw(&departure, &code).await;
    let token = body["id_token"].as_str().filter(|_| status == 200)?;
    let claims = from_b64(token.split('.').nth(1)?)?;
    serde_json::from_slice(&claims).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_killed_under_load_recovers_with_a_whole_log_and_every_token_its_record() {
    let app = App::builder().alone().start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let tokens: RefCell<Vec<Value>> = RefCell::default();
    let over = Cell::new(false);
    let load = async |mut browser: Browser| {
        while !over.get() {
            if let Some(claims) = try_to_sign_in(&app, &mut browser).await {
                tokens.borrow_mut().push(claims);
            }
        }
    };
    let more_tokens = async || {
        let (before, began) = (tokens.borrow().len(), Instant::now());
        while tokens.borrow().len() < before + 4 {
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "nobody signs in any more"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let crashes = async {
        for _ in 0..3 {
            more_tokens().await;
            app.database.crash().await;
        }
        more_tokens().await;
        over.set(true);
    };
    tokio::join!(
        load(browser.clone()),
        load(browser.clone()),
        load(browser.clone()),
        crashes
    );

    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [], "{:?}", report.findings);
    assert_eq!(report.logs.len(), 1, "no fork");
    let verified = sealed_of(&app.database, "NUMBER_VERIFIED").await;
    let logins = sealed_of(&app.database, "LOGIN").await;
    let redeemed = sealed_of(&app.database, "CODE_TO_TOKEN").await;
    for claims in tokens.borrow().iter() {
        let txn = &claims["txn"];
        assert!(verified.iter().any(|record| record["id"] == *txn), "{txn}");
        assert!(logins.iter().any(|record| record["txn"] == *txn), "{txn}");
    }
    assert!(
        redeemed.len() > tokens.borrow().len(),
        "the first sign-in's, too"
    );
}
