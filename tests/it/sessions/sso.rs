//! Single sign-on, and what a session's verdict must meet for it.

use std::time::Duration;

use numbercloak::admin::{clients, operators};
use numbercloak::store::operators::Mode;
use serde_json::json;

use super::{
    CHECKING, CONFIRM, NUMBER_PAGE, agree, ask, checks, client, open, refused, sso, start,
};
use crate::support::app::{App, NUMBER, OPERATOR, OTHER_NUMBER};
use crate::support::rp::Wish;
use crate::support::wire::{count, tamper};

#[tokio::test]
async fn a_second_request_is_answered_without_a_page_and_without_the_operator() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(60));
    let second = sso(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(checks(&app), 1);
    // The time of the real check, and its record; the token itself is new.
    for claim in [
        "sub",
        "sid",
        "auth_time",
        "txn",
        "acr",
        "number_verification",
        "phone_number",
    ] {
        assert_eq!(second.claims[claim], first.claims[claim], "{claim}");
    }
    let at = |claims: &serde_json::Value| claims["iat"].as_i64().unwrap();
    assert!(at(&second.claims) >= at(&first.claims) + 60);
    // Somebody pressed a button at the verdict.
    assert_eq!(second.claims["amr"], json!(["nba", "user"]));
    let login = *app.logins().await.last().unwrap();
    let story = app.story(login).await;
    assert_eq!(story, ["LOGIN_STARTED", "LOGIN verified", "CODE_TO_TOKEN"]);
    let records = app.records(login).await;
    assert_eq!(records[1].body["from_session"], true);
    assert_eq!(records[1].body["txn"], first.claims["txn"]);
    assert_eq!(count(&app, "sessions").await, 1);
}

#[tokio::test]
async fn sso_gives_apps_of_different_sectors_different_subjects_each_after_its_own_go_ahead() {
    let app = start().await;
    let bank = app.register(client("bank")).await;
    let mut browser = app.browser();
    let at_shop = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(
        refused(&bank, &mut browser, &Wish::new()).await,
        "consent_required"
    );
    let departure = open(&bank, &mut browser, &Wish::new()).await;
    let at_bank = agree(&bank, &mut browser, &departure).await;
    assert_eq!(checks(&app), 1, "the page asks and the session answers");
    assert_ne!(at_bank.claims["sub"], at_shop.claims["sub"]);
    assert_ne!(at_bank.claims["sid"], at_shop.claims["sid"]);
    assert_eq!(at_bank.claims["auth_time"], at_shop.claims["auth_time"]);
    let again = sso(&bank, &mut browser, &Wish::new()).await;
    assert_eq!(again.claims["sub"], at_bank.claims["sub"]);
    assert_eq!(again.claims["sid"], at_bank.claims["sid"]);
    assert_eq!(count(&app, "sessions").await, 1);
}

#[tokio::test]
async fn without_a_hint_the_session_names_the_number_and_only_scope_phone_tells_it() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let unnamed = sso(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(unnamed.claims["sub"], first.claims["sub"]);
    assert_eq!(unnamed.claims.get("phone_number"), None);
    let wider = Wish::new().scopes(&["phone"]);
    assert_eq!(
        refused(&app.shop, &mut browser, &wider).await,
        "consent_required"
    );
    let departure = open(&app.shop, &mut browser, &wider).await;
    let told = agree(&app.shop, &mut browser, &departure).await;
    assert_eq!(told.claims["phone_number"], NUMBER);
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn a_hint_of_another_number_is_not_answered_and_its_verdict_ends_the_session() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let other = Wish::of(OTHER_NUMBER);
    assert_eq!(
        refused(&app.shop, &mut browser, &other).await,
        "login_required"
    );
    let departure = open(&app.shop, &mut browser, &other).await;
    let second = agree(&app.shop, &mut browser, &departure).await;
    assert_eq!(checks(&app), 2);
    assert_ne!(second.claims["sub"], first.claims["sub"]);
    assert_ne!(second.claims["sid"], first.claims["sid"]);
    assert_eq!(count(&app, "sessions where ended_at is not null").await, 1);
    assert_eq!(count(&app, "sessions where ended_at is null").await, 1);
    let now = sso(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(now.claims["sub"], second.claims["sub"]);
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::of(NUMBER)).await,
        "login_required"
    );
}

#[tokio::test]
async fn an_app_may_have_the_operator_asked_every_time() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::of(NUMBER)).await,
        "login_required"
    );
    let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.titles(), [CHECKING]);
    app.redeem(&browser, &departure).await;
    assert_eq!(checks(&app), 2);
}

#[tokio::test]
async fn a_verdict_older_than_fresh_for_is_renewed_at_the_operator_in_the_same_session() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(600));
    sso(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(checks(&app), 1);
    app.clock.advance(Duration::from_secs(301));
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
    // The go-ahead is remembered and the session knows the number, so nothing is asked of the person.
    let departure = open(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(browser.titles(), [CHECKING]);
    let second = app.redeem(&browser, &departure).await;
    assert_eq!(checks(&app), 2);
    assert_eq!(second.claims["sub"], first.claims["sub"]);
    assert_eq!(second.claims["sid"], first.claims["sid"]);
    let auth_time = |claims: &serde_json::Value| claims["auth_time"].as_i64().unwrap();
    assert_eq!(
        auth_time(&second.claims),
        second.claims["number_verification"]["verified_at"]
    );
    assert!(auth_time(&second.claims) >= auth_time(&first.claims) + 900);
    assert_eq!(second.claims["amr"], json!(["nba"]));
    sso(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(checks(&app), 2);
}

#[tokio::test]
async fn a_page_that_was_open_too_long_for_the_session_asks_the_operator() {
    let app = App::builder()
        .client(|client| client.settings.fresh_for_s = 300)
        .start()
        .await;
    let bank = app.register(client("bank")).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let mut slow = client("slow");
    slow.settings.fresh_for_s = 300;
    let slow = app.register(slow).await;
    for (rp, expected) in [(&slow, 2), (&bank, 2)] {
        let departure = open(rp, &mut browser, &Wish::new()).await;
        assert_eq!(browser.title(), CONFIRM);
        app.clock.advance(Duration::from_secs(301));
        agree(rp, &mut browser, &departure).await;
        assert_eq!(checks(&app), expected, "{}", rp.client_id);
    }
}

#[tokio::test]
async fn a_verdict_answers_only_apps_that_accept_its_operator() {
    let app = start().await;
    let mut second = operators::show(&app.desk(), OPERATOR)
        .await
        .unwrap()
        .settings;
    second.client_id = "elsewhere".to_owned();
    let new = operators::NewOperator {
        alias: "second".to_owned(),
        name: "Second".to_owned(),
        mode: Mode::Test,
        settings: second,
        credentials: numbercloak::store::operators::Credentials {
            client_secret: Some(numbercloak::secret::Redacted::new("another secret")),
            ..Default::default()
        },
    };
    operators::add(&app.desk(), new).await.unwrap();
    app.state().forget("operators").await;
    let mut bank = client("bank");
    bank.settings.operators = vec!["second".to_owned()];
    let bank = app.register(bank).await;
    let mut browser = app.browser();
    let wish = Wish::of(NUMBER).with("idp_hint", OPERATOR);
    app.sign_in(&mut browser, &wish).await;
    assert_eq!(
        refused(&bank, &mut browser, &Wish::new()).await,
        "login_required"
    );
    sso(&app.shop, &mut browser, &Wish::new()).await;
    // Nor does the word of an operator count that is not asked any more.
    operators::set_disabled(&app.desk(), OPERATOR, true)
        .await
        .unwrap();
    app.state().forget("operators").await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
}

#[tokio::test]
async fn a_session_of_a_test_number_never_answers_a_live_app() {
    let app = start().await;
    let mut live = client("live");
    live.test = false;
    let live = app.register(live).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for wish in [Wish::new(), Wish::of(NUMBER)] {
        assert_eq!(refused(&live, &mut browser, &wish).await, "login_required");
    }
    open(&live, &mut browser, &Wish::new()).await;
    assert_eq!(browser.title(), NUMBER_PAGE, "it is not even asked about");
    // Nor does it go on answering an app that stops being a test.
    app.edit_client(&app.shop, |client| client.test = false)
        .await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
}

#[tokio::test]
async fn a_handed_off_verdict_answers_only_the_login_it_was_made_for() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    tamper(
        &app,
        "update sessions set verdict = verdict || '{\"handoff\": true}'",
    )
    .await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
}

#[tokio::test]
async fn a_verdict_of_an_earlier_epoch_answers_nothing() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let bank = app.register(client("bank")).await;
    open(&bank, &mut browser, &Wish::new()).await;
    assert_eq!(browser.title(), CONFIRM);
    tamper(
        &app,
        "insert into subject_epochs (number_hash, key_id, epoch, changed_at) \
         select number_hash, 'root', 1, now() from sessions",
    )
    .await;
    // The page that was open when the number changed hands asks the operator, and it is a new subject.
    browser.press("Continue").await;
    assert_eq!(checks(&app), 2);
    tamper(&app, "update sessions set ended_at = now() where epoch > 0").await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::of(NUMBER)).await,
        "login_required"
    );
    let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    let second = agree(&app.shop, &mut browser, &departure).await;
    assert_ne!(second.claims["sub"], first.claims["sub"]);
    let again = sso(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(again.claims["sub"], second.claims["sub"]);
}

#[tokio::test]
async fn a_disabled_app_is_not_answered() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = app.shop.depart(&Wish::new().prompt("none")).await;
    clients::set_disabled(&app.desk(), "shop", true)
        .await
        .unwrap();
    app.state().forget("clients").await;
    browser.open(&departure.url).await;
    assert_eq!(browser.title(), "This link is not valid");
    assert_eq!(count(&app, "codes").await, 1);
}

#[tokio::test]
async fn a_code_from_a_session_is_good_once_and_for_its_own_app() {
    let app = start().await;
    let bank = app.register(client("bank")).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let (departure, answer) = ask(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(bank.redeem_raw(&departure, answer.code()).await.0, 400);
    assert_eq!(app.shop.redeem_raw(&departure, answer.code()).await.0, 200);
    assert_eq!(app.shop.redeem_raw(&departure, answer.code()).await.0, 400);
}
