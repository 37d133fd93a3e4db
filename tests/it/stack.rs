//! The tests' own world: what the other tests stand on does what it says.

use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

#[tokio::test]
async fn a_whole_login_works_before_and_after_a_restart_and_on_a_second_replica() {
    let app = App::start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;

    let app = app.restart().await;
    let second = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let second = app.redeem(&browser, &second).await;
    assert_eq!(second.claims["sub"], first.claims["sub"]);

    let replica = app.second_replica().await;
    assert_ne!(replica.address, app.server.address);
    browser.goes_to(&app.issuer, replica.address);
    let third = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let third = app.redeem(&browser, &third).await;
    assert_eq!(third.claims["sub"], first.claims["sub"]);
    replica.stop().await;
}

#[tokio::test]
async fn statements_are_counted_with_begin_and_commit() {
    let mut app = App::builder().counting().start().await;
    let mut statements = app.statements.take().unwrap();
    statements.restart();
    let db = &app.state().db;
    let mut tx = db.durable().begin().await.unwrap();
    sqlx::query("select 'one\n two'")
        .execute(&mut *tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let sent = statements.sent();
    let ours = sent.iter().find(|one| one.sql == "select 'one\n two'");
    let session = &ours.unwrap().session;
    // The server's background work has sessions of its own, or had this one before.
    let texts: Vec<&str> = sent
        .iter()
        .filter(|one| one.session == *session)
        .map(|one| one.sql.as_str())
        .collect();
    assert!(
        texts.ends_with(&["BEGIN", "select 'one\n two'", "COMMIT"]),
        "{texts:?}"
    );
}
