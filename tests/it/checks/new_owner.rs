//! A number that changed hands: its new owner is a stranger everywhere, and nothing of the owner
//! before remains.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::{Refused, numbers};
use numbercloak::login::sweep;
use numbercloak::store::checks::Policy;
use numbercloak::store::db::StoreError;
use numbercloak::store::epochs::{self, Moving};
use serde_json::Value;

use super::{log_in, ordinary, parsed, recycle, verdict_record, wanting};
use crate::support::app::App;
use crate::support::rp::SignedIn;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// A sign-in about this number in a browser of its own.
async fn sign_in(app: &App, number: &str) -> SignedIn {
    let mut browser = app.browser();
    let departure = log_in(app, &mut browser, number).await;
    app.redeem(&browser, &departure).await
}

async fn moves(app: &App) -> Vec<Value> {
    let query = Query {
        kind: Some("NUMBER_CHANGED_HANDS".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    records.into_iter().map(|record| record.body).collect()
}

/// Live rows of the owner before: sessions, grants, codes, access tokens, go-aheads.
async fn live(app: &App) -> [i64; 5] {
    let mut owner = app.database.owner().await;
    let row: (i64, i64, i64, i64, i64) = sqlx::query_as(
        "select (select count(*) from sessions where ended_at is null), \
         (select count(*) from grants where ended_at is null), (select count(*) from codes), \
         (select count(*) from access_tokens), (select count(*) from go_aheads)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    [row.0, row.1, row.2, row.3, row.4]
}

#[tokio::test]
async fn a_recycled_number_ends_all_of_its_old_owner_and_gets_a_new_sub() {
    let app = wanting(Policy::Off, Policy::Require).await;
    let number = ordinary(1);
    let before = sign_in(&app, &number).await;
    let mut browser = app.browser();
    // A code that nobody has redeemed yet.
    let departure = log_in(&app, &mut browser, &number).await;
    let code = app.answer(&browser, &departure).code().to_owned();
    assert_eq!(live(&app).await, [2, 2, 2, 1, 2]);

    recycle(&app, &number, 1);
    let mut other = app.browser();
    log_in(&app, &mut other, &number).await;
    assert_eq!(other.title(), "This number has a new owner");
    assert_eq!(live(&app).await, [0; 5]);
    assert_eq!(app.shop.userinfo(&before.access_token).await.0, 401);
    let (status, body) = app.shop.redeem_raw(&departure, &code).await;
    assert_eq!((status, &body["error"]), (400, &"invalid_grant".into()));
    let moved = moves(&app).await;
    assert_eq!(moved.len(), 1);
    assert_eq!(moved[0]["by"], "operator");
    assert_eq!((&moved[0]["from"], &moved[0]["to"]), (&0.into(), &1.into()));
    assert_eq!(moved[0]["sessions"], 2);
    assert_eq!(moved[0]["grants"], 2);
    assert_eq!(moved[0]["go_aheads"], 2);
    assert!(!moved[0].to_string().contains(&number[1..]));

    let after = sign_in(&app, &number).await;
    assert_ne!(after.claims["sub"], before.claims["sub"]);
    let check = &after.claims["number_verification"]["checks"]["number_recycling"];
    assert_eq!(check["result"], "pass");
    assert_eq!(verdict_record(&app).await["epoch"], 1);
    // The same change is not found a second time, today or later.
    for _ in 0..3 {
        app.clock.advance(DAY);
        let later = sign_in(&app, &number).await;
        assert_eq!(later.claims["sub"], after.claims["sub"]);
    }
    assert_eq!(moves(&app).await.len(), 1);
    // But the next one is.
    recycle(&app, &number, 0);
    let mut again = app.browser();
    log_in(&app, &mut again, &number).await;
    assert_eq!(again.title(), "This number has a new owner");
    assert_eq!(moves(&app).await.len(), 2);
}

#[tokio::test]
async fn who_only_wants_to_know_gets_the_new_owner_under_a_new_sub_at_once() {
    let app = wanting(Policy::Off, Policy::Report).await;
    let number = ordinary(1);
    let before = sign_in(&app, &number).await;
    recycle(&app, &number, 1);
    let after = sign_in(&app, &number).await;
    assert_ne!(after.claims["sub"], before.claims["sub"]);
    let check = &after.claims["number_verification"]["checks"]["number_recycling"];
    assert_eq!(check["result"], "fail");
    assert_eq!(app.shop.userinfo(&before.access_token).await.0, 401);
    assert_eq!(app.shop.userinfo(&after.access_token).await.0, 200);
    assert_eq!(verdict_record(&app).await["subject"], after.claims["sub"]);
}

#[tokio::test]
async fn other_numbers_are_left_alone() {
    let app = wanting(Policy::Off, Policy::Require).await;
    let other = sign_in(&app, &ordinary(2)).await;
    recycle(&app, &ordinary(1), 1);
    log_in(&app, &mut app.browser(), &ordinary(1)).await;
    assert_eq!(moves(&app).await.len(), 1);
    assert_eq!(app.shop.userinfo(&other.access_token).await.0, 200);
    let again = sign_in(&app, &ordinary(2)).await;
    assert_eq!(again.claims["sub"], other.claims["sub"]);
}

#[tokio::test]
async fn staff_move_a_number_on_with_a_reason() {
    let app = wanting(Policy::Off, Policy::Off).await;
    let number = ordinary(1);
    let before = sign_in(&app, &number).await;
    for reason in ["", "  ", &"x".repeat(501)] {
        let refused = numbers::new_owner(&app.desk(), &parsed(&number), reason).await;
        assert!(matches!(refused, Err(Refused::Invalid { .. })), "{reason}");
    }
    let reason = "the owner called: sold the contract";
    let moved = numbers::new_owner(&app.desk(), &parsed(&number), reason).await;
    let moved = moved.unwrap();
    assert_eq!((moved.from, moved.to), (0, 1));
    assert_eq!((moved.sessions, moved.grants, moved.go_aheads), (1, 1, 1));
    assert_eq!(app.shop.userinfo(&before.access_token).await.0, 401);
    let after = sign_in(&app, &number).await;
    assert_ne!(after.claims["sub"], before.claims["sub"]);
    let records = moves(&app).await;
    assert_eq!(records[0]["by"], "staff");
    assert_eq!(records[0]["reason"], reason);
    assert_eq!(records[0]["actor"], "test");
    // And on again: an epoch never comes back.
    let moved = numbers::new_owner(&app.desk(), &parsed(&number), "again").await;
    assert_eq!(moved.unwrap().to, 2);
    let third = sign_in(&app, &number).await;
    assert_ne!(third.claims["sub"], after.claims["sub"]);
    assert_ne!(third.claims["sub"], before.claims["sub"]);
}

#[tokio::test]
async fn two_that_find_the_same_change_move_the_number_once() {
    let app = wanting(Policy::Off, Policy::Off).await;
    let state = app.state();
    let hashes: Vec<Vec<u8>> = state
        .vault
        .search_hashes(&ordinary(1))
        .into_iter()
        .map(|(_, hash)| hash)
        .collect();
    let moving = |from| Moving {
        number_hashes: &hashes,
        key_id: state.vault.key_id(),
        from: Some(from),
        now: app.clock.now(),
    };
    for from in [0, 1] {
        let mut tx = state.db.durable().begin().await.unwrap();
        let moved = epochs::move_on(&mut tx, &moving(from)).await.unwrap();
        assert_eq!(moved.to, from + 1);
        tx.commit().await.unwrap();
        let mut tx = state.db.durable().begin().await.unwrap();
        let second = epochs::move_on(&mut tx, &moving(from)).await;
        assert!(matches!(second, Err(StoreError::Stale)));
    }
}

#[tokio::test]
async fn a_grant_that_slips_in_while_the_number_moves_is_dead() {
    let app = wanting(Policy::Off, Policy::Off).await;
    let number = ordinary(1);
    let before = sign_in(&app, &number).await;
    let mut browser = app.browser();
    let departure = log_in(&app, &mut browser, &number).await;
    let code = app.answer(&browser, &departure).code().to_owned();
    // As if both grants had been committed after the number's rows were looked through.
    let mut owner = app.database.owner().await;
    sqlx::query(
        "insert into subject_epochs (number_hash, key_id, epoch, changed_at) \
         select distinct number_hash, 'k', 1, now() from grants",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    assert_eq!(app.shop.userinfo(&before.access_token).await.0, 401);
    let (status, _) = app.shop.redeem_raw(&departure, &code).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_number_that_cannot_be_moved_signs_nobody_in() {
    let app = wanting(Policy::Off, Policy::Report).await;
    let number = ordinary(1);
    recycle(&app, &number, 1);
    let mut owner = app.database.owner().await;
    sqlx::query("revoke insert, update on subject_epochs from numbercloak_app")
        .execute(&mut owner)
        .await
        .unwrap();
    let mut browser = app.browser();
    log_in(&app, &mut browser, &number).await;
    assert_eq!(browser.page().status, 500);
    assert_eq!(live(&app).await, [0; 5]);
    sweep::run(app.state()).await.unwrap();
    assert!(moves(&app).await.is_empty());
}
