//! P6: single use means once, over all replicas.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, COOKIE};
use tokio::task::JoinSet;

use super::{Raw, callback_of, calls, cookie_header, count, depart, get_as, http};
use crate::support::app::{App, NUMBER};
use crate::support::html;
use crate::support::rp::Wish;

const MANY: usize = 50;

/// Sends many requests at once, in turn to each of two replicas.
async fn storm(
    app: &App,
    ports: [u16; 2],
    make: impl Fn(&reqwest::Client, &str) -> reqwest::RequestBuilder,
) -> Vec<Raw> {
    assert!(app.issuer.starts_with("http://localhost:"));
    let mut tasks = JoinSet::new();
    for i in 0..MANY {
        let base = format!("http://localhost:{}", ports[i % 2]);
        // A client of its own each: nobody waits for another's connection.
        tasks.spawn(Raw::of(make(&http(), &base)));
    }
    tasks.join_all().await
}

fn statuses(answers: &[Raw]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_redemptions_of_one_code_over_two_replicas_give_one_token() {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let ports = [app.server.address.port(), replica.address.port()];
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    let answer = app.answer(&browser, &departure);
    let code = answer.code().to_owned();
    let answers = storm(&app, ports, |http, base| {
        http.post(format!("{base}/token"))
            .basic_auth(&app.shop.client_id, app.shop.secret.as_deref())
            .form(&[
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", &app.shop.redirect_uri),
                ("code_verifier", &departure.verifier),
            ])
    })
    .await;
    assert_eq!(
        statuses(&answers),
        BTreeMap::from([(200, 1), (400, MANY - 1)])
    );
    let refused = answers.iter().filter(|one| one.status == 400);
    assert!(
        refused
            .into_iter()
            .all(|one| one.error() == "invalid_grant")
    );
    assert_eq!(count(&app, "access_tokens").await, 1);
    let login = app.only_login().await;
    let story = app.story(login).await;
    let redeemed = story.iter().filter(|one| *one == "CODE_TO_TOKEN").count();
    let refused = story
        .iter()
        .filter(|one| *one == "CODE_TO_TOKEN_ERROR")
        .count();
    assert_eq!((redeemed, refused), (1, MANY - 1));
    // Whoever has a code twice may be a thief (RFC 9700 section 4.5): the winner's token dies too,
    // and exactly one of the records says so.
    assert_eq!(count(&app, "grants where ended_at is not null").await, 1);
    let records = app.records(login).await;
    let revoked = records.iter().filter(|one| one.body["revoked"] == true);
    assert_eq!(revoked.count(), 1);
    let won = answers.iter().find(|one| one.status == 200).unwrap();
    let token = won.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(app.shop.userinfo(&token).await.0, 401);
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callbacks_with_one_state_ask_the_operator_once() {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let ports = [app.server.address.port(), replica.address.port()];
    let mut browser = app.browser();
    let departure = depart(&app, &mut browser, &Wish::of(NUMBER)).await;
    let callback = callback_of(&browser).await;
    let query = callback.query().unwrap().to_owned();
    let cookies = cookie_header(&browser);
    let answers = storm(&app, ports, |http, base| {
        http.get(format!("{base}{}?{query}", callback.path()))
            .header(COOKIE, &cookies)
    })
    .await;
    assert_eq!(calls(&app, "/token", false), 1);
    assert_eq!(calls(&app, "/verify", false), 1);
    assert_eq!(statuses(&answers), BTreeMap::from([(303, MANY)]));
    // The same browser gets the same answer, every time.
    let first = answers[0].location();
    assert!(first.contains("code="), "{first}");
    assert!(answers.iter().all(|one| one.location() == first));
    assert_eq!(super::opened(&app).await, [1, 1, 1, 0, 1]);
    browser.open(first).await;
    app.redeem(&browser, &departure).await;
    replica.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_presses_of_a_button_leave_one_open_leg_and_one_record_each() {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let ports = [app.server.address.port(), replica.address.port()];
    let mut browser = app.browser();
    browser.follows_refresh = false;
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let form = browser.form("/continue");
    let csrf = form.fields[0].1.clone();
    let cookies = cookie_header(&browser);
    let answers = storm(&app, ports, |http, base| {
        http.post(format!("{base}{}", form.action))
            .header(COOKIE, &cookies)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("csrf={csrf}"))
    })
    .await;
    let strange = |status: u16| !matches!(status, 200 | 303);
    assert!(
        !statuses(&answers).keys().any(|status| strange(*status)),
        "{:?}",
        statuses(&answers)
    );
    let legs = count(&app, "legs").await;
    let departed = count(&app, "audit_records where type = 'OPERATOR_SELECTED'").await;
    assert_eq!(departed, legs, "every departure has its record");
    assert!(legs <= 8, "{legs} legs, and a login may have eight");
    // Whichever answer the browser shows in the end: of all the legs one can be come back on. One that was given
    // up before leads this browser to the same answer, if that is there already.
    let mut answered = BTreeSet::new();
    let mut departures = 0;
    for answer in answers.iter().filter(|one| one.status == 200) {
        let Some(operator) = html::read(&answer.body).refresh else {
            continue;
        };
        departures += 1;
        let callback = Raw::of(http().get(operator)).await;
        let back = get_as(&browser, callback.location()).await;
        if back.location().contains("code=") {
            answered.insert(back.location().to_string());
        }
    }
    assert_eq!(departures, legs, "every departure was answered");
    assert_eq!(answered.len(), 1, "{answered:?}");
    assert_eq!(calls(&app, "/token", false), 1);
    // What was left open by departures that did not see each other is closed with its time.
    app.clock.advance(Duration::from_secs(301));
    app.sweep().await;
    assert_eq!(count(&app, "legs where stage <> 'closed'").await, 0);
    replica.stop().await;
}

#[tokio::test]
async fn a_login_is_billed_at_most_three_mismatches() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+990700001")).await;
    browser.press("Continue").await;
    let form = browser.form("/continue");
    for _ in 0..6 {
        browser.send(&form, None, &[]).await;
    }
    assert_eq!(calls(&app, "/verify", false), 3);
    assert_eq!(count(&app, "legs").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_and_a_callback_at_once_give_one_end() {
    let app = App::start().await;
    for _ in 0..5 {
        let mut browser = app.browser();
        depart(&app, &mut browser, &Wish::of(NUMBER)).await;
        let callback = callback_of(&browser).await;
        let form = browser.form("/cancel");
        let cookies = cookie_header(&browser);
        let cancel = http()
            .post(format!("{}{}", app.issuer, form.action))
            .header(COOKIE, &cookies)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("csrf={}", form.fields[0].1));
        let back = http().get(callback).header(COOKIE, &cookies);
        let (cancelled, back) = tokio::join!(Raw::of(cancel), Raw::of(back));
        let login = *app.logins().await.last().unwrap();
        let outcome = super::login_column(&app, login, "outcome").await;
        let codes = count(&app, &format!("codes where grant_id = '{login}'")).await;
        match outcome.as_str() {
            "verified" => assert_eq!((codes, back.status), (1, 303)),
            "user_cancelled" => {
                assert_eq!((codes, cancelled.status), (0, 200));
                assert!(!back.location().contains("code="));
            }
            other => panic!("{other}"),
        }
        let ends = format!(
            "audit_records where login_id = '{login}' and type in ('LOGIN', 'LOGIN_ERROR')"
        );
        assert_eq!(count(&app, &ends).await, 1);
    }
}
