//! A sign-in that ends soon says so, and gives more time to who asks for it (WCAG 2.2, 2.2.1).

use std::time::Duration;

use numbercloak::simulator::scenario::Scenario;
use numbercloak::store::audit::Appended;
use numbercloak::store::db::StoreError;
use numbercloak::store::path;
use numbercloak::verdict::Outcome;

use super::assert_story;
use crate::handoff::Scene;
use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::Wish;

const MINUTE: Duration = Duration::from_secs(60);
const NOTICE: &str = "this sign-in ends in less than 3 minutes";
const BUTTON: &str = "I need more time";

/// In how many minutes the page will tell, by its classes; none if it never will.
fn told_in(browser: &Browser) -> Option<u32> {
    let source = &browser.page().source;
    let (_, rest) = source.split_once("<div class=\"ends")?;
    let (classes, _) = rest.split_once('"').unwrap();
    let minutes = classes.split_whitespace().map(|class| {
        let minutes = class.strip_prefix('m').unwrap();
        minutes.parse::<u32>().unwrap()
    });
    Some(minutes.sum())
}

async fn reload(browser: &mut Browser) {
    let login = browser.login();
    browser.follow(&format!("/login/{login}")).await;
}

#[tokio::test]
async fn who_asks_for_more_time_gets_it_and_keeps_what_was_typed() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::new()).await;
    let login = browser.login();
    assert_eq!(told_in(&browser), Some(12), "the page began a moment ago");
    app.clock.advance(14 * MINUTE);
    reload(&mut browser).await;
    assert_eq!(told_in(&browser), Some(0));
    assert!(browser.page().document.text.contains(NOTICE));
    assert!(browser.page().document.text.contains(BUTTON));
    // The button stands in the form of the number.
    browser
        .forge("more-time", &[("phone_number", "+99 0 70")])
        .await;
    assert_eq!(browser.title(), "Your mobile number");
    assert_eq!(browser.page().status, 200);
    assert_eq!(told_in(&browser), Some(12));
    assert!(
        browser
            .page()
            .document
            .text
            .contains("You have more time now.")
    );
    let form = browser.form("/number");
    let typed = form.fields.iter().find(|(name, _)| name == "phone_number");
    assert_eq!(typed.unwrap().1, "+99 0 70");
    let cookies = &browser.hops.last().unwrap().headers;
    assert_eq!(cookies.get("set-cookie"), None, "it is set once (P8)");
    // Past the end it had at first.
    for _ in 0..6 {
        app.clock.advance(14 * MINUTE);
        browser.forge("more-time", &[]).await;
        assert_eq!(browser.title(), "Your mobile number");
    }
    app.sweep().await;
    browser.submit("/number", &[("phone_number", NUMBER)]).await;
    app.redeem(&browser, &departure).await;
    let mut story = vec!["LOGIN_STARTED"];
    story.extend(["LOGIN_EXTENDED"; 7]);
    story.extend([
        "NUMBER_ENTERED",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "GRANT_CONSENT",
        "CODE_TO_TOKEN",
    ]);
    assert_story(&app, login, &story).await;
}

#[tokio::test]
async fn pressing_it_twice_or_early_is_one_record_at_most_and_loses_nothing() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::new()).await;
    let login = browser.login();
    let typed = [("phone_number", "+990 7")];
    let press = async |browser: &mut Browser| {
        browser.forge("more-time", &typed).await;
        assert_eq!(told_in(browser), Some(12));
        let form = browser.form("/number");
        let (_, kept) = &form
            .fields
            .iter()
            .find(|(name, _)| name == "phone_number")
            .unwrap();
        assert_eq!(kept, "+990 7");
    };
    press(&mut browser).await;
    assert_eq!(app.story(login).await, ["LOGIN_STARTED"], "there is plenty");
    app.clock.advance(13 * MINUTE);
    let mut other = browser.clone();
    tokio::join!(press(&mut browser), press(&mut other));
    press(&mut browser).await;
    let story = ["LOGIN_STARTED", "LOGIN_EXTENDED"];
    assert_eq!(app.story(login).await, story);
}

#[tokio::test]
async fn no_sign_in_lasts_for_ever() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    for _ in 0..10 {
        app.clock.advance(14 * MINUTE);
        reload(&mut browser).await;
        browser.press(BUTTON).await;
        assert_eq!(told_in(&browser), Some(12));
    }
    app.clock.advance(14 * MINUTE);
    reload(&mut browser).await;
    assert!(browser.page().document.text.contains(NOTICE));
    assert!(!browser.page().document.text.contains(BUTTON));
    browser.forge("more-time", &[]).await;
    assert_eq!(told_in(&browser), Some(0), "nothing was added");
    app.clock.advance(2 * MINUTE);
    reload(&mut browser).await;
    assert_eq!(browser.title(), "This page has expired");
    app.sweep().await;
    let story = app.story(login).await;
    let extended = story.iter().filter(|line| *line == "LOGIN_EXTENDED");
    assert_eq!(extended.count(), 10);
}

#[tokio::test]
async fn a_sign_in_that_waits_for_a_phone_gets_no_more_time() {
    let mut scene = Scene::new().await;
    let login = scene.desktop.login();
    scene.app.clock.advance(13 * MINUTE);
    reload(&mut scene.desktop).await;
    assert!(scene.desktop.page().document.text.contains(NOTICE));
    assert!(!scene.desktop.page().document.text.contains(BUTTON));
    scene.desktop.forge("more-time", &[]).await;
    assert_eq!(told_in(&scene.desktop), Some(0), "nothing was added");
    let story = scene.app.story(login).await;
    assert!(!story.contains(&"LOGIN_EXTENDED".to_owned()), "{story:?}");
}

#[tokio::test]
async fn pages_that_leave_do_not_tell_of_an_end() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.follows_refresh = false;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Checking with Simulator");
    assert_eq!(told_in(&browser), None);
    browser.press("Cancel").await;
    assert_eq!(browser.title(), "Cancelled");
    assert_eq!(told_in(&browser), None);
}

#[tokio::test]
async fn a_sweep_that_began_before_does_not_end_what_was_given_more_time() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    // As the sweeper does with what it found overdue a moment ago.
    let ended = path::end(
        app.state().db.relaxed_steps(),
        login,
        Outcome::Abandoned,
        None,
        app.clock.now(),
        Appended::new([]),
    );
    assert!(matches!(ended.await, Err(StoreError::Stale)));
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
}

#[tokio::test]
async fn where_only_returning_is_left_there_is_no_more_time() {
    let app = App::start().await;
    let mut browser = app.browser();
    let number = Scenario::with_code(3020).unwrap().number();
    app.open(&mut browser, &Wish::of(&number)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "Something went wrong");
    assert!(!browser.page().document.text.contains(BUTTON));
}
