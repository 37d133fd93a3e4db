//! Attempts to get more out of a session than its verdict gives: races, stolen cookies, a database that
//! cannot record.

use super::{CONFIRM, NUMBER_PAGE, agree, ask, checks, client, open, refused, sso, start};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::{Browser, End};
use crate::support::rp::Wish;
use crate::support::wire::{count, tamper};
use crate::support::wire::{no_room, room_again};

fn session_cookie(browser: &Browser) -> String {
    let cookies = browser.cookies("localhost");
    let session = cookies.iter().find(|cookie| cookie.name == "nc_session");
    session.unwrap().value.clone()
}

#[tokio::test]
async fn two_tabs_at_once_are_both_answered_each_with_its_own_code() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let (mut one, mut two) = (browser.clone(), browser.clone());
    let wish = Wish::new();
    let (first, second) = tokio::join!(
        ask(&app.shop, &mut one, &wish),
        ask(&app.shop, &mut two, &wish)
    );
    assert_ne!(first.1.code(), second.1.code());
    for (departure, answer) in [first, second] {
        app.shop.redeem(&departure, answer.code()).await;
    }
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn a_page_that_is_agreed_to_twice_gives_one_code() {
    let app = start().await;
    let bank = app.register(client("bank")).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let before = count(&app, "codes").await;
    let departure = open(&bank, &mut browser, &Wish::new()).await;
    let (mut one, mut two) = (browser.clone(), browser);
    tokio::join!(one.press("Continue"), two.press("Continue"));
    assert_eq!(count(&app, "codes").await, before + 1);
    let mut codes: Vec<String> = [one, two]
        .iter()
        .filter_map(|browser| match &browser.end {
            End::Left(url) => Some(bank.answer(&departure, url).code().to_owned()),
            _ => None,
        })
        .collect();
    codes.dedup();
    assert_eq!(codes.len(), 1);
    bank.redeem(&departure, &codes[0]).await;
}

#[tokio::test]
async fn a_session_that_ends_while_the_page_is_open_does_not_answer() {
    let app = start().await;
    let bank = app.register(client("bank")).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = open(&bank, &mut browser, &Wish::new()).await;
    tamper(&app, "update sessions set ended_at = now()").await;
    agree(&bank, &mut browser, &departure).await;
    assert_eq!(checks(&app), 2);
}

#[tokio::test]
async fn a_stolen_session_cookie_answers_in_no_other_browser() {
    let app = start().await;
    let mut owner = app.browser();
    let first = app.sign_in(&mut owner, &Wish::of(NUMBER)).await;
    // In a browser that is known by nothing else, and in one that has signed in itself.
    let fresh = app.browser();
    let mut known = app.browser();
    app.sign_in(&mut known, &Wish::of(OTHER_NUMBER)).await;
    for mut thief in [fresh, known.clone()] {
        thief.set_cookie("localhost", "nc_session", &session_cookie(&owner));
        for wish in [Wish::new(), Wish::of(NUMBER)] {
            assert_eq!(
                refused(&app.shop, &mut thief, &wish).await,
                "login_required"
            );
        }
        open(&app.shop, &mut thief, &Wish::new()).await;
        assert_eq!(thief.title(), NUMBER_PAGE);
        assert!(
            !thief.page().source.contains('•'),
            "no number, not even masked"
        );
    }
    // In the thief's own login it gives nothing, and takes the owner no more than their session.
    known.set_cookie("localhost", "nc_session", &session_cookie(&owner));
    let departure = open(&app.shop, &mut known, &Wish::of(OTHER_NUMBER)).await;
    let own = app.redeem(&known, &departure).await;
    assert_ne!(own.claims["sub"], first.claims["sub"]);
    assert_ne!(own.claims["sid"], first.claims["sid"]);
    assert_eq!(
        refused(&app.shop, &mut owner, &Wish::new()).await,
        "login_required"
    );
}

#[tokio::test]
async fn a_page_of_one_login_is_no_use_with_the_session_of_another_browser() {
    let app = start().await;
    let mut owner = app.browser();
    app.sign_in(&mut owner, &Wish::of(NUMBER)).await;
    // Somebody has the owner press Continue in a login that is not theirs: it needs its own cookie.
    let bank = app.register(client("bank")).await;
    let mut other = app.browser();
    open(&bank, &mut other, &Wish::of(NUMBER)).await;
    assert_eq!(other.title(), CONFIRM);
    let url = format!("{}/login/{}", app.issuer, other.login());
    owner.open(&url).await;
    assert_eq!(owner.title(), "We lost track of this sign-in");
    // And in the browser that it belongs to, the owner's session is not there to answer.
    other.press("Continue").await;
    assert_eq!(checks(&app), 2);
}

#[tokio::test]
async fn an_answer_that_cannot_be_recorded_gives_no_code() {
    for table in ["audit_records", "audit_personal", "audit_pending"] {
        let app = start().await;
        let bank = app.register(client("bank")).await;
        let mut browser = app.browser();
        app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
        let at_bank = open(&bank, &mut browser, &Wish::new()).await;
        let mut page = browser.clone();
        let before = [
            count(&app, "codes").await,
            count(&app, "grants").await,
            count(&app, "logins").await,
            count(&app, "access_tokens").await,
            count(&app, "go_aheads").await,
        ];
        no_room(&app, table).await;
        for wish in [Wish::new(), Wish::new().prompt("none")] {
            open(&app.shop, &mut browser, &wish).await;
            assert_eq!(browser.page().status.as_u16(), 500, "{table}");
        }
        page.press("Continue").await;
        assert_eq!(page.page().status.as_u16(), 500, "{table}");
        let after = [
            count(&app, "codes").await,
            count(&app, "grants").await,
            count(&app, "logins").await,
            count(&app, "access_tokens").await,
            count(&app, "go_aheads").await,
        ];
        assert_eq!(after, before, "{table}");
        room_again(&app, table).await;
        sso(&app.shop, &mut browser, &Wish::new()).await;
        page.open(format!("{}/login/{}", app.issuer, page_login(&app).await))
            .await;
        agree(&bank, &mut page, &at_bank).await;
        assert_eq!(checks(&app), 1, "{table}");
    }
}

/// The only login that is still open.
async fn page_login(app: &App) -> uuid::Uuid {
    let mut owner = app.database.owner().await;
    sqlx::query_scalar("select id from logins where ended_at is null")
        .fetch_one(&mut owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_session_of_the_release_before_answers_nothing() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    tamper(&app, "update sessions set browser_hash = null").await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
    let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
    sso(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(checks(&app), 2);
}

#[tokio::test]
async fn another_sessions_number_cannot_be_moved_into_a_row() {
    let app = start().await;
    let (mut mine, mut theirs) = (app.browser(), app.browser());
    app.sign_in(&mut mine, &Wish::of(NUMBER)).await;
    app.sign_in(&mut theirs, &Wish::of(OTHER_NUMBER)).await;
    tamper(
        &app,
        "update sessions s set sealed = o.sealed, number_hash = o.number_hash \
         from sessions o where o.id <> s.id",
    )
    .await;
    let departure = open(&app.shop, &mut mine, &Wish::new()).await;
    assert_eq!(mine.page().status.as_u16(), 500);
    assert!(matches!(mine.end, End::Page), "{departure:?}");
}
