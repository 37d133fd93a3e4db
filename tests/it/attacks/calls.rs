//! P7: nothing is held during an operator call, and a billed answer is not lost.

use std::time::Duration;

use reqwest::header::COOKIE;
use tokio::task::JoinSet;

use super::{Raw, callback_of, calls, cookie_header, count, depart, get_as, http, until};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

#[tokio::test]
async fn a_browser_that_hangs_up_does_not_lose_the_verdict() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = callback_of(&browser).await;
    app.operator.set_latency(Duration::from_secs(2));
    let request = http()
        .get(callback.clone())
        .header(COOKIE, cookie_header(&browser));
    let gone = tokio::spawn(Raw::of(request));
    until("the operator is asked", async || {
        calls(&app, "/token", true) == 1
    })
    .await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());

    until("the verdict is stored", async || {
        count(&app, "codes").await == 1
    })
    .await;
    app.operator.set_latency(Duration::ZERO);
    let again = get_as(&browser, callback.as_str()).await;
    assert_eq!(again.status, 303);
    browser.open(again.location()).await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_eq!(calls(&app, "/token", false), 1);
    // A code that was redeemed is not told a third time.
    let third = get_as(&browser, callback.as_str()).await;
    assert!(!third.location().contains("code="));
}

#[tokio::test]
async fn a_callback_repeated_while_the_operator_is_asked_waits_for_the_same_answer() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = callback_of(&browser).await;
    app.operator.set_latency(Duration::from_secs(1));
    let request = || {
        http()
            .get(callback.clone())
            .header(COOKIE, cookie_header(&browser))
    };
    let first = tokio::spawn(Raw::of(request()));
    until("the operator is asked", async || {
        calls(&app, "/token", true) == 1
    })
    .await;
    let second = Raw::of(request()).await;
    let first = first.await.unwrap();
    assert_eq!((first.status, second.status), (303, 303));
    assert!(first.location().contains("code="));
    assert_eq!(first.location(), second.location());
    assert_eq!(calls(&app, "/token", false), 1);
}

#[tokio::test]
async fn slow_operator_calls_hold_no_database_connection() {
    const SLOW: usize = 20;
    let app = App::builder()
        .config("database.max_connections", "2")
        .operator(|operator| operator.total_timeout_ms = 30_000)
        .start()
        .await;
    let mut callbacks = Vec::new();
    for _ in 0..SLOW {
        let mut browser = app.browser();
        depart(&app, &mut browser, &Wish::of(NUMBER)).await;
        callbacks.push((callback_of(&browser).await, cookie_header(&browser)));
    }
    app.operator.set_latency(Duration::from_secs(8));
    let mut slow = JoinSet::new();
    for (callback, cookies) in callbacks {
        slow.spawn(Raw::of(http().get(callback).header(COOKIE, cookies)));
    }
    until("all operator calls are out", async || {
        calls(&app, "/token", true) == SLOW
    })
    .await;

    let mut other = app.browser();
    app.open(&mut other, &Wish::of(NUMBER)).await;
    assert_eq!(other.title(), "Check your number");
    let (status, _) = app.shop.userinfo("no token of anybody's at all").await;
    assert_eq!(status, 401);
    let held = "pg_stat_activity where datname = current_database() and application_name = \
        'numbercloak' and state = 'idle in transaction'";
    assert_eq!(count(&app, held).await, 0);
    assert_eq!(
        calls(&app, "/token", true),
        SLOW,
        "none of the calls has ended meanwhile"
    );
    slow.abort_all();
}
