//! What staff see of sessions, and how they end them.

use numbercloak::admin::audit::Query;
use numbercloak::admin::page::Wanted;
use numbercloak::admin::sessions::{self, Whose};
use numbercloak::phone::PhoneNumber;

use super::{agree, checks, client, open, refused, start};
use crate::support::app::{NUMBER, OTHER_NUMBER};
use crate::support::rp::Wish;

#[tokio::test]
async fn staff_find_sessions_by_number_and_by_app_and_see_numbers_masked() {
    let app = start().await;
    let bank = app.register(client("bank")).await;
    let (mut mine, mut theirs) = (app.browser(), app.browser());
    app.sign_in(&mut mine, &Wish::of(NUMBER)).await;
    app.sign_in(&mut theirs, &Wish::of(OTHER_NUMBER)).await;
    let departure = open(&bank, &mut mine, &Wish::new()).await;
    agree(&bank, &mut mine, &departure).await;
    let desk = app.desk();
    let number = Whose::Number(PhoneNumber::parse(NUMBER, None).unwrap());
    for (whose, expected) in [
        (number, 1),
        (Whose::Client("shop".to_owned()), 2),
        (Whose::Client("bank".to_owned()), 1),
        (Whose::Client("nobody".to_owned()), 0),
    ] {
        let seen = sessions::page(&desk, &whose, &Wanted::default()).await;
        let seen = seen.unwrap().items;
        assert_eq!(seen.len(), expected, "{whose:?}");
        for (session, masked) in seen {
            let masked = masked.unwrap();
            assert!(masked.contains('•') || masked.contains('*'), "{masked}");
            assert_eq!(session.verdict["operator"], "simulator");
            assert!(session.clients.contains(&"shop".to_owned()));
        }
    }
}

#[tokio::test]
async fn staff_end_a_numbers_sessions_with_what_was_granted_and_it_is_on_record() {
    let app = start().await;
    let (mut mine, mut theirs) = (app.browser(), app.browser());
    let first = app.sign_in(&mut mine, &Wish::of(NUMBER)).await;
    let other = app.sign_in(&mut theirs, &Wish::of(OTHER_NUMBER)).await;
    let whose = Whose::Number(PhoneNumber::parse(NUMBER, None).unwrap());
    let ended = sessions::end(&app.desk(), &whose).await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(
        refused(&app.shop, &mut mine, &Wish::new()).await,
        "login_required"
    );
    assert_eq!(app.shop.userinfo(&first.access_token).await.0, 401);
    assert_eq!(app.shop.userinfo(&other.access_token).await.0, 200);
    // Signing out forgets what was agreed to.
    let departure = open(&app.shop, &mut mine, &Wish::of(NUMBER)).await;
    agree(&app.shop, &mut mine, &departure).await;
    assert_eq!(checks(&app), 3);
    let query = Query {
        kind: Some("ADMIN_EVENT".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    let record = records.iter().find(|one| one.body["resource"] == "session");
    let record = &record.unwrap().body;
    assert_eq!(record["details"]["action"], "end");
    assert_eq!(record["details"]["sessions"][0], ended[0].to_string());
    assert!(!record.to_string().contains(&NUMBER[1..]));
}
