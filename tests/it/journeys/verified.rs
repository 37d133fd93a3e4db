//! Logins that end well, and how many pages they take.

use numbercloak::store::clients::{Confirm, Kind};
use serde_json::json;

use super::{VERIFIED, assert_story};
use crate::support::app::{App, NUMBER, OTHER_NUMBER, new_client};
use crate::support::rp::Wish;

const CONFIRM: &str = "Check your number";
const CHECKING: &str = "Checking with Simulator";

#[tokio::test]
async fn a_hinted_number_is_confirmed_after_one_page() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.title(), CONFIRM);
    let page = &browser.page().document.text;
    assert!(page.contains("shop.example"), "{page}");
    assert!(!page.replace(' ', "").contains(&NUMBER[1..]), "{page}");
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.titles(), [CONFIRM, CHECKING]);
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    assert_eq!(signed_in.claims["phone_number_verified"], true);
    assert_eq!(signed_in.claims["amr"], json!(["nba", "user"]));
    assert_story(&app, login, &VERIFIED).await;
}

#[tokio::test]
async fn no_answer_of_ours_is_kept_or_says_where_the_person_came_from() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let policy = &browser.page().headers["content-security-policy"];
    assert!(policy.to_str().unwrap().contains("form-action 'self'"));
    browser.press("Continue").await;
    let ours: Vec<_> = browser
        .hops
        .iter()
        .filter(|hop| {
            app.issuer
                .starts_with(&hop.url.origin().ascii_serialization())
        })
        .collect();
    let steps: Vec<_> = ours
        .iter()
        .map(|hop| (hop.method.as_str(), hop.status.as_u16()))
        .collect();
    // The way out of our origin is never a form's redirect.
    assert_eq!(steps, [("GET", 200), ("POST", 200), ("GET", 303)]);
    for hop in ours {
        assert_eq!(
            hop.headers["cache-control"],
            "no-store",
            "{}",
            hop.url.path()
        );
        assert_eq!(hop.headers["referrer-policy"], "no-referrer");
        assert_eq!(hop.headers["x-content-type-options"], "nosniff");
        assert!(hop.headers.contains_key("content-security-policy"));
    }
}

#[tokio::test]
async fn a_typed_number_is_confirmed_without_another_page() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::new()).await;
    assert_eq!(browser.title(), "Your mobile number");
    let login = browser.login();
    browser
        .press_with("Continue", &[("phone_number", "+990 7 00 00-00")])
        .await;
    assert_eq!(browser.titles(), ["Your mobile number", CHECKING]);
    app.redeem(&browser, &departure).await;
    let mut story = VERIFIED.to_vec();
    story.insert(1, "NUMBER_ENTERED");
    assert_story(&app, login, &story).await;
}

#[tokio::test]
async fn the_second_time_no_page_asks() {
    let app = App::start().await;
    let mut browser = app.browser();
    let first = app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    browser.hops.clear();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.titles(), [CHECKING]);
    let second = app.redeem(&browser, &departure).await;
    assert_eq!(second.claims["sub"], first.claims["sub"]);
    assert_eq!(second.claims["amr"], json!(["nba"]));
    assert_ne!(second.claims["txn"], first.claims["txn"]);
    let logins = app.logins().await;
    let silent: Vec<_> = VERIFIED
        .into_iter()
        .filter(|event| *event != "GRANT_CONSENT")
        .collect();
    assert_story(&app, logins[1], &silent).await;
    // One check each: a remembered go-ahead is no remembered answer.
    assert_eq!(super::asked(&app, "/number-verification/v2/verify"), 2);
}

#[tokio::test]
async fn a_go_ahead_covers_nothing_else() {
    let app = App::start().await;
    let other = app.register(new_client("bank")).await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;

    let wider = Wish::of(NUMBER).scopes(&["number_verified", "phone"]);
    app.open(&mut browser, &wider).await;
    assert_eq!(browser.title(), CONFIRM, "more than was agreed to");

    app.open(&mut browser, &Wish::of(OTHER_NUMBER)).await;
    assert_eq!(browser.title(), CONFIRM, "another number");

    let elsewhere = other.depart(&Wish::of(NUMBER)).await;
    browser.open(&elsewhere.url).await;
    assert_eq!(browser.title(), CONFIRM, "another app");

    let mut stranger = app.browser();
    app.open(&mut stranger, &Wish::of(NUMBER)).await;
    assert_eq!(stranger.title(), CONFIRM, "another browser");

    app.clock
        .advance(std::time::Duration::from_secs(91 * 86_400));
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.title(), CONFIRM, "after its time");
}

#[tokio::test]
async fn a_go_ahead_for_more_covers_less() {
    let app = App::start().await;
    let mut browser = app.browser();
    let wide = Wish::of(NUMBER).scopes(&["number_verified", "phone"]);
    app.sign_in(&mut browser, &wide).await;
    browser.hops.clear();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.titles(), [CHECKING]);
    app.redeem(&browser, &departure).await;
}

#[tokio::test]
async fn an_app_may_have_the_person_asked_always() {
    let app = App::builder()
        .client(|client| client.settings.confirm = Confirm::Always)
        .start()
        .await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.title(), CONFIRM);
}

#[tokio::test]
async fn an_app_may_have_nobody_asked_about_a_number_it_named() {
    let app = App::builder()
        .client(|client| client.settings.confirm = Confirm::Never)
        .start()
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.titles(), [CHECKING]);
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["amr"], json!(["nba"]));
    // Without a number there is something to ask.
    let mut stranger = app.browser();
    app.open(&mut stranger, &Wish::new()).await;
    assert_eq!(stranger.title(), "Your mobile number");
    app.open(&mut browser, &Wish::new()).await;
    assert_eq!(browser.title(), CONFIRM, "the session's number");
}

#[tokio::test]
async fn nobody_pressed_a_button_so_nothing_is_remembered() {
    let app = App::builder()
        .client(|client| client.settings.confirm = Confirm::Never)
        .start()
        .await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
    app.edit_client(&app.shop, |client| {
        client.settings.confirm = Confirm::FirstTime;
    })
    .await;
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(browser.title(), CONFIRM);
}

#[tokio::test]
async fn the_app_can_have_the_page_shown_again() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for prompt in ["login", "consent"] {
        let wish = Wish::of(NUMBER).prompt(prompt);
        let departure = app.open(&mut browser, &wish).await;
        assert_eq!(browser.title(), CONFIRM, "{prompt}");
        browser.press("Continue").await;
        app.redeem(&browser, &departure).await;
    }
}

#[tokio::test]
async fn a_public_client_signs_in_with_pkce_and_is_remembered_under_https_only() {
    let app = App::start().await;
    let mut spa = new_client("spa");
    spa.kind = Kind::Spa;
    let mut native = new_client("native");
    native.kind = Kind::Native;
    native.redirect_uris = vec!["com.native.example:/callback".to_owned()];
    for (new, silent) in [(spa, true), (native, false)] {
        let rp = app.register(new).await;
        assert_eq!(rp.secret, None);
        let mut browser = app.browser();
        let departure = rp.depart(&Wish::of(NUMBER)).await;
        browser.open(&departure.url).await;
        browser.press("Continue").await;
        let answer = rp.answer(&departure, browser.left());
        rp.redeem(&departure, answer.code()).await;

        browser.hops.clear();
        let departure = rp.depart(&Wish::of(NUMBER)).await;
        browser.open(&departure.url).await;
        let expected = if silent { CHECKING } else { CONFIRM };
        assert_eq!(browser.titles(), [expected], "{}", rp.client_id);
    }
}

#[tokio::test]
async fn a_login_works_where_refreshes_are_not_followed() {
    let app = App::start().await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), CHECKING);
    let links = &browser.page().document.links;
    let (_, way_on) = links
        .iter()
        .find(|(text, _)| text == "Nothing happens? Continue")
        .unwrap();
    let way_on = way_on.clone();
    browser.follow(&way_on).await;
    app.redeem(&browser, &departure).await;
}
