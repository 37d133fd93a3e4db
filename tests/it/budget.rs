//! The statement budget of DESIGN.md section 3: `BEGIN` and `COMMIT` counted, each one round trip.

use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Departure, Wish};
use crate::support::statements::Statement;

/// How many statements, and their beginnings.
fn told(sent: &[Statement]) -> (usize, String) {
    let heads: Vec<String> = sent
        .iter()
        .map(|one| {
            let text: Vec<&str> = one.sql.split_whitespace().collect();
            text.join(" ").chars().take(90).collect()
        })
        .collect();
    (sent.len(), heads.join("\n"))
}

/// Token and userinfo, each once.
async fn finish(app: &App, browser: &Browser, departure: &Departure) {
    let answer = app.answer(browser, departure);
    let (status, tokens) = app.shop.redeem_raw(departure, answer.code()).await;
    assert_eq!(status, 200, "{tokens}");
    let access_token = tokens["access_token"].as_str().unwrap();
    let (status, claims) = app.shop.userinfo(access_token).await;
    assert_eq!(status, 200, "{claims}");
    assert_eq!(claims["phone_number"], NUMBER);
}

#[tokio::test]
async fn a_silent_login_through_token_and_userinfo_takes_at_most_six_statements() {
    let mut app = App::builder().counting().start().await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for _ in 0..3 {
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        app.redeem(&browser, &departure).await;
    }
    statements.restart();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    finish(&app, &browser, &departure).await;
    let (count, heads) = told(&statements.sent());
    assert!(count <= 6, "{count} statements:\n{heads}");
}

#[tokio::test]
async fn a_sign_in_out_of_a_session_takes_four_statements() {
    let mut app = App::builder()
        .client(|client| client.settings.fresh_for_s = 900)
        .counting()
        .start()
        .await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for _ in 0..3 {
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        app.redeem(&browser, &departure).await;
    }
    for wish in [Wish::of(NUMBER), Wish::of(NUMBER).prompt("none")] {
        statements.restart();
        let departure = app.open(&mut browser, &wish).await;
        finish(&app, &browser, &departure).await;
        let (count, heads) = told(&statements.sent());
        assert_eq!(count, 4, "{count} statements:\n{heads}");
    }
}

#[tokio::test]
async fn a_login_with_the_confirm_page_takes_at_most_eight_statements() {
    let mut app = App::builder()
        .client(|client| client.settings.confirm = numbercloak::store::clients::Confirm::Always)
        .counting()
        .start()
        .await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    for _ in 0..3 {
        app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    }
    statements.restart();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    finish(&app, &browser, &departure).await;
    let (count, heads) = told(&statements.sent());
    assert!(count <= 8, "{count} statements:\n{heads}");
}

#[tokio::test]
async fn a_pushed_request_takes_one_statement_more() {
    let mut app = App::builder().counting().start().await;
    let mut statements = app.statements.take().unwrap();
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let pushed = async || {
        let departure = app.shop.depart(&Wish::of(NUMBER)).await;
        app.shop.push_departure(&departure).await
    };
    for _ in 0..3 {
        let departure = pushed().await;
        browser.open(&departure.url).await;
        app.redeem(&browser, &departure).await;
    }
    statements.restart();
    let departure = pushed().await;
    browser.open(&departure.url).await;
    finish(&app, &browser, &departure).await;
    let (count, heads) = told(&statements.sent());
    assert!(count <= 7, "{count} statements:\n{heads}");
}
