//! P12: a replica can be killed at any moment.

use std::time::Duration;

use crate::support::process::Process;
use sqlx::{Connection as _, PgConnection};

use super::{callback_of, calls, count, depart, get_as, nothing_opened, until};
use crate::support::app::{App, NUMBER};
use crate::support::browser::{Browser, End};
use crate::support::rp::Wish;

/// A browser whose requests to us go to a process that can be killed.
fn browser_at(app: &App, process: &Process) -> Browser {
    let mut browser = app.browser();
    browser.goes_to(&app.issuer, process.address);
    browser.follows_refresh = false;
    browser
}

/// Kills the process, checks that it is gone for the browser, and starts another.
async fn killed(app: &App, mut process: Process, browser: &mut Browser) -> Process {
    process.kill();
    let mut knocking = browser.clone();
    knocking.open(&app.issuer).await;
    assert!(matches!(knocking.end, End::Lost(_)), "{:?}", knocking.end);
    let next = Process::start(app).await;
    browser.goes_to(&app.issuer, next.address);
    next
}

#[tokio::test]
async fn a_kill_between_the_steps_costs_nothing() {
    let app = App::start().await;
    let process = Process::start(&app).await;
    let mut browser = browser_at(&app, &process);
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;

    // After the authorization request was answered.
    let process = killed(&app, process, &mut browser).await;
    browser.press("Continue").await;

    // After the departure.
    let process = killed(&app, process, &mut browser).await;
    browser.follows_refresh = true;
    browser.proceed().await;
    assert!(browser.left().as_str().contains("code="));

    // After the callback's answer, before the app asks for the token.
    let process = killed(&app, process, &mut browser).await;
    let code = app.answer(&browser, &departure).code().to_owned();
    let rp = at(&app, &process);
    let (status, body) = rp.redeem_raw(&departure, &code).await;
    assert_eq!(status, 200, "{body}");
    let token = body["access_token"].as_str().unwrap().to_owned();

    // After the token.
    let process = killed(&app, process, &mut browser).await;
    let (status, claims) = at(&app, &process).userinfo(&token).await;
    assert_eq!((status, &claims["phone_number"]), (200, &NUMBER.into()));
    assert_eq!(
        at(&app, &process).redeem_raw(&departure, &code).await.0,
        400
    );

    let login = app.only_login().await;
    let story = app.story(login).await;
    let expected = [
        "LOGIN_STARTED",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
        "CODE_TO_TOKEN_ERROR",
    ];
    assert_eq!(story, expected);
    let txn = claims["txn"].as_str().map(str::to_owned);
    let records = app.records(login).await;
    if let Some(txn) = txn {
        assert!(records.iter().any(|record| record.id.to_string() == txn));
    }
}

/// The app, talking to the process.
fn at(app: &App, process: &Process) -> crate::support::rp::Rp {
    let mut rp = app.shop.clone();
    rp.issuer = format!("http://localhost:{}", process.address.port());
    rp
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_operator_call_gives_no_wrong_answer() {
    for path in ["/token", "/verify"] {
        let app = App::start().await;
        let process = Process::start(&app).await;
        let mut browser = browser_at(&app, &process);
        let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
        if path == "/token" {
            app.operator.set_latency(Duration::from_secs(5));
        } else {
            app.operator.set_latency(Duration::from_secs(2));
        }
        browser.follows_refresh = true;
        let mut waiting = browser.clone();
        let waiting = tokio::spawn(async move {
            waiting.proceed().await;
            waiting
        });
        until(path, async || calls(&app, path, true) == 1).await;
        let process = killed(&app, process, &mut browser).await;
        assert!(matches!(waiting.await.unwrap().end, End::Lost(_)));
        app.operator.set_latency(Duration::ZERO);
        nothing_opened(&app).await;

        // The person can start again at once.
        let again = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
        browser.follows_refresh = true;
        browser.proceed().await;
        let code = app.answer(&browser, &again).code().to_owned();
        assert_eq!(at(&app, &process).redeem_raw(&again, &code).await.0, 200);

        // The stuck leg is ended within a minute, with a record, and its login can go on.
        let stuck = app.logins().await[0];
        assert_eq!(super::login_column(&app, stuck, "stage").await, "checking");
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(app.sweep().await, 1);
        assert_eq!(app.sweep().await, 0);
        let story = app.story(stuck).await;
        assert_eq!(story.last().unwrap(), "LOGIN_ERROR operator_timeout");
        assert_eq!(count(&app, "legs where stage <> 'closed'").await, 0);
        browser.open(format!("{}/login/{stuck}", app.issuer)).await;
        assert_eq!(browser.title(), "Simulator does not answer", "{path}");
        browser.submit("/continue", &[]).await;
        let code = app.answer(&browser, &departure).code().to_owned();
        assert_eq!(
            at(&app, &process).redeem_raw(&departure, &code).await.0,
            200
        );
        // What is verified has its record, and what has none is not.
        let verified = count(&app, "audit_records where type = 'NUMBER_VERIFIED'").await;
        assert_eq!((verified, count(&app, "grants").await), (2, 2));
        let orphans = "grants g where not exists (select from audit_records r \
            where r.id = (g.facts ->> 'txn')::uuid and r.type = 'NUMBER_VERIFIED')";
        assert_eq!(count(&app, orphans).await, 0);
    }
}

#[tokio::test]
async fn a_stop_waits_for_a_callback_whose_browser_is_gone() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = callback_of(&browser).await;
    let login = app.only_login().await;
    app.operator.set_latency(Duration::from_millis(500));
    let request = tokio::spawn(async move { get_as(&browser, callback.as_str()).await });
    until("/token", async || calls(&app, "/token", true) == 1).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    let app = app.restart().await;
    // Nothing but the callback itself could have done that.
    assert_eq!(
        super::login_column(&app, login, "outcome").await,
        "verified"
    );
    assert_eq!(count(&app, "codes").await, 1);
}

/// Ends every connection that the server has to its database now.
async fn cut_off(app: &App) {
    let superuser = app.database.superuser_url();
    let mut superuser = PgConnection::connect(&superuser).await.unwrap();
    let ended: Vec<i32> = sqlx::query_scalar(
        // Materialized: in one filter with the others it might end the connections of other tests.
        "with ours as materialized (select pid from pg_stat_activity \
        where datname = current_database() and application_name = 'numbercloak') \
        select pid from ours where pg_terminate_backend(pid)",
    )
    .fetch_all(&mut superuser)
    .await
    .unwrap();
    assert!(ended.len() > 2, "{ended:?}");
    for _ in 0..1500 {
        let left: i64 =
            sqlx::query_scalar("select count(*) from pg_stat_activity where pid = any($1)")
                .bind(&ended)
                .fetch_one(&mut superuser)
                .await
                .unwrap();
        if left == 0 {
            return superuser.close().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("they do not end");
}

#[tokio::test]
async fn connections_that_died_while_they_waited_cost_nobody_a_request() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    cut_off(&app).await;
    app.clock.advance(Duration::from_secs(2));
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
}

#[tokio::test]
async fn one_broken_connection_has_the_others_asked_before_they_are_used() {
    let app = App::start().await;
    let mut browser = app.browser();
    depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let login = format!("{}/login/{}", app.issuer, app.only_login().await);
    let mut at_once = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (browser, login) = (browser.clone(), login.clone());
        at_once.spawn(async move { get_as(&browser, &login).await.status });
    }
    assert_eq!(at_once.join_all().await, [200; 8]);
    cut_off(&app).await;
    let mut failed = 0;
    for _ in 0..8 {
        let answer = get_as(&browser, &login).await;
        failed += usize::from(answer.status == 503);
    }
    assert!(failed <= 1, "{failed} requests failed");
    assert_eq!(get_as(&browser, &login).await.status, 200);
}

#[tokio::test]
async fn what_nobody_comes_back_to_is_ended_with_a_record() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    depart(&app, &mut app.browser(), &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(app.sweep().await, 0, "both are still in time");
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(app.sweep().await, 2);
    for login in app.logins().await {
        let story = app.story(login).await;
        assert_eq!(story.last().unwrap(), "LOGIN_ERROR abandoned");
    }
    assert_eq!(count(&app, "legs where stage <> 'closed'").await, 0);
    assert_eq!(count(&app, "logins where sealed is not null").await, 0);
    nothing_opened(&app).await;
}
