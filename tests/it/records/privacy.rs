//! A number's owner may see what is kept of it and have it erased; and the database alone tells no
//! number to anybody.

use numbercloak::admin::audit::Query;
use numbercloak::admin::{Desk, audit, numbers, privacy, retention};
use numbercloak::clock::Clock;
use numbercloak::phone::PhoneNumber;
use numbercloak::secret::{RootKey, Vault};

use super::of_kind;
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::rp::Wish;

fn parsed(number: &str) -> PhoneNumber {
    PhoneNumber::from_e164(number).unwrap()
}

async fn count(app: &App, sql: &'static str) -> i64 {
    let mut owner = app.database.owner().await;
    sqlx::query_scalar(sql).fetch_one(&mut owner).await.unwrap()
}

#[tokio::test]
async fn an_export_tells_the_owner_everything_that_is_kept_and_is_recorded() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await;
    let told = privacy::export(&app.desk(), &parsed(NUMBER)).await.unwrap();
    assert_eq!(told["number"], NUMBER);
    let records = told["records"].as_array().unwrap();
    let kinds: Vec<&str> = records
        .iter()
        .map(|record| record["record"]["type"].as_str().unwrap())
        .collect();
    for kind in ["LOGIN_STARTED", "NUMBER_VERIFIED", "LOGIN", "CODE_TO_TOKEN"] {
        assert!(kinds.contains(&kind), "{kind} of {kinds:?}");
    }
    assert!(
        records
            .iter()
            .any(|record| record["personal"]["address"] == "127.0.0.1")
    );
    for kind in ["sessions", "grants", "go_aheads"] {
        assert_eq!(told[kind].as_array().unwrap().len(), 1, "{kind}");
    }
    let text = told.to_string();
    assert!(!text.contains(&OTHER_NUMBER[1..]));
    let acts = of_kind(&app, "ADMIN_EVENT").await;
    let last = acts.last().unwrap();
    assert_eq!(last["details"]["action"], "export");
    assert_eq!(last["resource"], "number");
}

#[tokio::test]
async fn an_erasure_leaves_records_without_a_person_and_one_that_lists_them() {
    let app = App::start().await;
    let erased_number = parsed(NUMBER);
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await;
    // One more that is on its way.
    let mut away = app.browser();
    app.open(&mut away, &Wish::of(NUMBER)).await;
    away.press("Continue").await;
    let logins = app.logins().await;
    let erased = privacy::erase(&app.desk(), &erased_number, Some("T-17"))
        .await
        .unwrap();
    assert_eq!(erased.held, 0);
    assert!(erased.parts >= 8, "{erased:?}");
    assert_eq!(erased.rows["sessions"], 2);

    let records = app.records(logins[0]).await;
    assert!(records.iter().all(|record| record.number.is_none()));
    let listed = of_kind(&app, "PERSONAL_DATA_ERASED").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["ticket"], "T-17");
    assert_eq!(listed[0]["actor"], "test");
    let ids = listed[0]["erased"].as_array().unwrap();
    assert_eq!(i64::try_from(ids.len()).unwrap(), erased.parts);
    // Of every record that committed to a personal part, the part is there or listed.
    let mut owner = app.database.owner().await;
    let unexplained: i64 = sqlx::query_scalar(
        "select count(*) from audit_records r
        where convert_from(body, 'UTF8')::jsonb ? 'personal'
            and not exists (select from audit_personal p where p.record_id = r.id)
            and not exists (
                select from audit_records e
                where e.type = 'PERSONAL_DATA_ERASED'
                    and convert_from(e.body, 'UTF8')::jsonb -> 'erased' ? r.id::text)",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    assert_eq!(unexplained, 0);
    let (status, _) = app.shop.userinfo(&signed_in.access_token).await;
    assert_eq!(status, 401);
    // Nobody else lost anything.
    let other = app.records(logins[1]).await;
    assert!(other.iter().any(|record| record.number.is_some()));
    assert_eq!(count(&app, "select count(*) from sessions").await, 1);
    let told = privacy::export(&app.desk(), &erased_number).await.unwrap();
    assert_eq!(told["records"].as_array().unwrap().len(), 0, "{told}");
    assert_eq!(told.get("sessions"), None);
}

#[tokio::test]
async fn a_login_on_its_way_ends_with_the_erasure_of_its_number() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = app.only_login().await;
    privacy::erase(&app.desk(), &parsed(NUMBER), None)
        .await
        .unwrap();
    let story = app.story(login).await;
    assert_eq!(story, ["LOGIN_STARTED", "LOGIN_ERROR expired"]);
    let left = "select count(*) from logins where sealed is not null or answer is not null";
    assert_eq!(count(&app, left).await, 0);
}

#[tokio::test]
async fn a_number_that_changed_hands_stays_a_stranger_after_its_erasure() {
    let app = App::start().await;
    let before = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let number = parsed(NUMBER);
    numbers::new_owner(&app.desk(), &number, "returned to the operator")
        .await
        .unwrap();
    let after = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    privacy::erase(&app.desk(), &number, None).await.unwrap();
    let again = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert_ne!(before.claims["sub"], after.claims["sub"]);
    assert_eq!(after.claims["sub"], again.claims["sub"]);
}

#[tokio::test]
async fn a_legal_hold_keeps_personal_parts_until_it_is_released() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let (desk, number) = (app.desk(), parsed(NUMBER));
    let hour = chrono::TimeDelta::hours(1);
    let hold = retention::hold(&desk, desk.now - hour, desk.now + hour, "case 4711")
        .await
        .unwrap();
    let erased = privacy::erase(&desk, &number, None).await.unwrap();
    assert_eq!(erased.parts, 0);
    assert!(erased.held > 0);
    // What lives of it ends all the same.
    assert_eq!(count(&app, "select count(*) from sessions").await, 0);
    // The database too refuses, whoever asks it.
    let forced =
        sqlx::query("select erase_personal(array(select record_id from audit_personal), '{}')")
            .execute(app.state().db.durable())
            .await;
    let error = forced.unwrap_err().to_string();
    assert!(error.contains("legal hold"), "{error}");
    retention::release(&desk, hold.id, "settled").await.unwrap();
    let erased = privacy::erase(&desk, &number, None).await.unwrap();
    assert!(erased.parts > 0 && erased.held == 0, "{erased:?}");
}

#[tokio::test]
async fn personal_parts_cannot_be_erased_without_a_record() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let parts = count(&app, "select count(*) from audit_personal").await;
    let forced =
        sqlx::query("select erase_personal(array(select record_id from audit_personal), '{}')")
            .execute(app.state().db.durable())
            .await;
    let error = forced.unwrap_err().to_string();
    assert!(error.contains("without a record"), "{error}");
    assert_eq!(
        count(&app, "select count(*) from audit_personal").await,
        parts
    );
}

#[tokio::test]
async fn numbers_are_hashed_anew_under_another_root_key_while_the_old_one_still_counts() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let number = parsed(NUMBER);
    numbers::new_owner(&app.desk(), &number, "returned to the operator")
        .await
        .unwrap();
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let new = RootKey::generate(Clock::system().now());
    let old = app.database.root().clone();
    let with = |roots: &[RootKey]| Desk {
        vault: Vault::new(roots),
        ..app.desk()
    };
    let (both, only_new) = (with(&[new.clone(), old]), with(&[new]));
    let mine = || Query {
        number: Some(number.clone()),
        kind: Some("NUMBER_VERIFIED".to_owned()),
        ..Query::default()
    };
    assert_eq!(
        audit::list(&both, mine(), 50).await.unwrap().entries.len(),
        2
    );
    assert_eq!(
        audit::list(&only_new, mine(), 50)
            .await
            .unwrap()
            .entries
            .len(),
        0
    );
    let done = privacy::rekey(&both).await.unwrap();
    assert!(done.parts > 8, "{done:?}");
    assert_eq!((done.parts_left, done.epochs_left), (0, 0), "{done:?}");
    let found = audit::list(&only_new, mine(), 50).await.unwrap().entries;
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|entry| entry.number.is_some()));
    let again = privacy::rekey(&both).await.unwrap();
    assert_eq!(again.rows, 0, "{again:?}");
    // Sessions, grants and the epoch too are found by the new key alone.
    let told = privacy::export(&only_new, &number).await.unwrap();
    for kind in ["sessions", "grants", "epochs"] {
        assert!(told.get(kind).is_some(), "{kind}");
    }
}
