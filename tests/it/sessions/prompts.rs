//! `prompt` and `max_age` (OIDC Core section 3.1.2.1; the reference's section 2.2, lines 5 and 6).

use std::time::Duration;

use numbercloak::store::clients::{Confirm, Kind};

use super::{CHECKING, CONFIRM, NUMBER_PAGE, agree, checks, client, open, refused, sso, start};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::rp::{SignedIn, Wish};

fn auth_time(signed_in: &SignedIn) -> i64 {
    signed_in.claims["auth_time"].as_i64().unwrap()
}

#[tokio::test]
async fn prompt_none_is_answered_from_a_session_with_the_same_sub_and_auth_time() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for wish in [Wish::new(), Wish::of(NUMBER)] {
        let silent = sso(&app.shop, &mut browser, &wish.prompt("none")).await;
        assert_eq!(silent.claims["sub"], first.claims["sub"]);
        assert_eq!(auth_time(&silent), auth_time(&first));
    }
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn prompt_none_without_a_session_is_login_required() {
    let app = start().await;
    let mut browser = app.browser();
    for wish in [Wish::new(), Wish::of(NUMBER)] {
        assert_eq!(
            refused(&app.shop, &mut browser, &wish).await,
            "login_required"
        );
    }
    assert!(app.logins().await.is_empty());
}

#[tokio::test]
async fn prompt_none_without_the_go_ahead_is_consent_required() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let wider = Wish::of(NUMBER).scopes(&["number_verified", "phone"]);
    assert_eq!(
        refused(&app.shop, &mut browser, &wider).await,
        "consent_required"
    );
    app.edit_client(&app.shop, |client| {
        client.settings.confirm = Confirm::Always
    })
    .await;
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::of(NUMBER)).await,
        "consent_required"
    );
}

#[tokio::test]
async fn prompt_login_asks_the_person_and_the_operator_and_auth_time_moves() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for (hint, expected) in [(Wish::new(), 2), (Wish::of(NUMBER), 3)] {
        app.clock.advance(Duration::from_secs(2));
        let departure = open(&app.shop, &mut browser, &hint.prompt("login")).await;
        let again = agree(&app.shop, &mut browser, &departure).await;
        assert_eq!(browser.titles(), [CONFIRM, CHECKING]);
        assert_eq!(checks(&app), expected);
        assert!(auth_time(&again) >= auth_time(&first) + 2);
        assert_eq!(again.claims["sub"], first.claims["sub"]);
    }
}

#[tokio::test]
async fn prompt_consent_shows_the_page_and_the_session_answers() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(2));
    let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER).prompt("consent")).await;
    let again = agree(&app.shop, &mut browser, &departure).await;
    assert_eq!(browser.titles(), [CONFIRM, "Number confirmed"]);
    assert_eq!(checks(&app), 1);
    assert_eq!(auth_time(&again), auth_time(&first));
    let login = *app.logins().await.last().unwrap();
    let story = app.story(login).await;
    let told = [
        "LOGIN_STARTED",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ];
    assert_eq!(story, told);
}

#[tokio::test]
async fn on_the_page_the_person_may_still_cancel_or_be_somebody_else() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = open(&app.shop, &mut browser, &Wish::new().prompt("consent")).await;
    browser.press("Cancel").await;
    assert_eq!(app.answer(&browser, &departure).error().1, "user_cancelled");
    let departure = open(&app.shop, &mut browser, &Wish::new().prompt("consent")).await;
    let typed = [("phone_number", OTHER_NUMBER)];
    browser.press_with("Check this number", &typed).await;
    app.redeem(&browser, &departure).await;
    assert_eq!(checks(&app), 2);
}

#[tokio::test]
async fn select_account_lets_the_person_give_another_number() {
    let app = start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = open(
        &app.shop,
        &mut browser,
        &Wish::new().prompt("select_account"),
    )
    .await;
    assert_eq!(browser.title(), NUMBER_PAGE);
    let typed = [("phone_number", OTHER_NUMBER)];
    browser.press_with("Continue", &typed).await;
    let other = app.redeem(&browser, &departure).await;
    assert_ne!(other.claims["sub"], first.claims["sub"]);
    // A hinted number is fixed: the page asks about it, and an operator is asked.
    let wish = Wish::of(OTHER_NUMBER).prompt("select_account");
    let departure = open(&app.shop, &mut browser, &wish).await;
    agree(&app.shop, &mut browser, &departure).await;
    assert_eq!(checks(&app), 3);
}

#[tokio::test]
async fn words_of_prompt_add_up() {
    let app = start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for (i, prompt) in ["login consent", "consent login"].into_iter().enumerate() {
        let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER).prompt(prompt)).await;
        agree(&app.shop, &mut browser, &departure).await;
        assert_eq!(checks(&app), i + 2, "{prompt}");
    }
    let departure = open(
        &app.shop,
        &mut browser,
        &Wish::new().prompt("consent select_account"),
    )
    .await;
    assert_eq!(browser.title(), NUMBER_PAGE);
    browser
        .press_with("Continue", &[("phone_number", NUMBER)])
        .await;
    app.redeem(&browser, &departure).await;
    let mut none = browser.clone();
    let (_, answer) = super::ask(&app.shop, &mut none, &Wish::new().prompt("none login")).await;
    assert_eq!(answer.error().0, "invalid_request");
}

#[tokio::test]
async fn an_exceeded_max_age_needs_the_page_and_a_newer_verdict() {
    let app = start().await;
    let mut browser = app.browser();
    let mut last = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(2));
    for (i, max_age) in ["1", "0"].into_iter().enumerate() {
        let wish = Wish::of(NUMBER).with("max_age", max_age);
        assert_eq!(
            refused(&app.shop, &mut browser, &wish).await,
            "login_required"
        );
        let departure = open(&app.shop, &mut browser, &wish).await;
        let again = agree(&app.shop, &mut browser, &departure).await;
        assert_eq!(checks(&app), i + 2);
        assert!(auth_time(&again) > auth_time(&last), "max_age={max_age}");
        last = again;
        app.clock.advance(Duration::from_secs(1));
    }
    // Nor does an earlier go-ahead stand in for the page where no session is left.
    browser.forget_cookies("nc_session");
    open(
        &app.shop,
        &mut browser,
        &Wish::of(NUMBER).with("max_age", "0"),
    )
    .await;
    assert_eq!(browser.title(), CONFIRM);
}

#[tokio::test]
async fn a_max_age_that_is_met_is_answered_with_the_same_auth_time() {
    let app = start().await;
    let mut browser = app.browser();
    let wish = Wish::of(NUMBER).with("max_age", "15000");
    let first = app.sign_in(&mut browser, &wish).await;
    app.clock.advance(Duration::from_secs(10));
    for max_age in ["10000", "120"] {
        let wish = Wish::of(NUMBER).with("max_age", max_age);
        let again = sso(&app.shop, &mut browser, &wish).await;
        assert_eq!(again.claims["sub"], first.claims["sub"]);
        assert_eq!(auth_time(&again), auth_time(&first));
    }
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn an_app_may_register_a_max_age_for_all_its_requests() {
    let app = App::builder()
        .client(|client| {
            client.settings.fresh_for_s = 900;
            client.settings.default_max_age = Some(60);
        })
        .start()
        .await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "login_required"
    );
    let longer = Wish::new().with("max_age", "100");
    sso(&app.shop, &mut browser, &longer).await;
    open(&app.shop, &mut browser, &Wish::new()).await;
    assert_eq!(browser.title(), CONFIRM);
}

#[tokio::test]
async fn a_public_app_that_anybody_could_be_asks_every_time_and_the_session_answers() {
    let app = start().await;
    let mut native = client("native");
    native.kind = Kind::Native;
    native.redirect_uris = vec!["com.native.example:/callback".to_owned()];
    let native = app.register(native).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for _ in 0..2 {
        assert_eq!(
            refused(&native, &mut browser, &Wish::new()).await,
            "consent_required"
        );
        let departure = open(&native, &mut browser, &Wish::new()).await;
        agree(&native, &mut browser, &departure).await;
    }
    assert_eq!(checks(&app), 1);
}

#[tokio::test]
async fn an_app_whose_people_are_never_asked_is_answered_about_a_number_it_names() {
    let app = App::builder()
        .client(|client| {
            client.settings.fresh_for_s = 900;
            client.settings.confirm = Confirm::Never;
        })
        .start()
        .await;
    let mut browser = app.browser();
    let departure = open(&app.shop, &mut browser, &Wish::of(NUMBER)).await;
    let first = app.redeem(&browser, &departure).await;
    assert_eq!(first.claims["amr"], serde_json::json!(["nba"]));
    let silent = sso(&app.shop, &mut browser, &Wish::of(NUMBER).prompt("none")).await;
    assert_eq!(
        silent.claims["amr"],
        serde_json::json!(["nba"]),
        "nobody pressed"
    );
    // Without a number there is something to ask.
    assert_eq!(
        refused(&app.shop, &mut browser, &Wish::new()).await,
        "consent_required"
    );
}
