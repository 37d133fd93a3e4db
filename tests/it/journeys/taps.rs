//! Buttons pressed twice, and pages that were left and come back. A browser that sends a form twice drops
//! the first answer and goes on with the second.

use super::{asked, worth};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Answer, Wish};

/// Presses a button twice: whatever came of the first is never seen.
async fn tap_twice(browser: &mut Browser, button: &str, fields: &[(&str, &str)]) {
    let mut first = browser.clone();
    first.follows_refresh = false;
    first.press_with(button, fields).await;
    browser.press_with(button, fields).await;
}

#[tokio::test]
async fn a_double_tap_is_one_check_and_one_code() {
    let app = App::start().await;
    for (wish, button, fields) in [
        (Wish::of(NUMBER), "Continue", &[][..]),
        (Wish::new(), "Continue", &[("phone_number", OTHER_NUMBER)]),
    ] {
        let (checks, [_, codes, ..]) = (asked(&app, "/token"), worth(&app).await);
        let mut browser = app.browser();
        let departure = app.open(&mut browser, &wish).await;
        let page = browser.clone();
        tap_twice(&mut browser, button, fields).await;
        let left = browser.left().clone();
        // The page before it, from the browser's memory, pressed once more: the same answer.
        let mut back = page.clone();
        back.press_with(button, fields).await;
        assert_eq!(*back.left(), left);
        app.redeem(&browser, &departure).await;
        assert_eq!(asked(&app, "/token"), checks + 1);
        assert_eq!(worth(&app).await[1], codes + 1);
        // And when the code is used, a page that leads to the app without one.
        let mut late = page;
        late.press_with(button, fields).await;
        assert_eq!(late.title(), "You are already done");
    }
}

#[tokio::test]
async fn a_double_tap_on_cancel_tells_the_app_once_and_the_same() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    tap_twice(&mut browser, "Cancel", &[]).await;
    if browser.titles().last() == Some(&"You are already done") {
        let links = &browser.page().document.links;
        let back = links.iter().find(|(name, _)| name == "Return to shop");
        let back = back.unwrap().1.clone();
        browser.open(&back).await;
    }
    let told = Answer::Error("access_denied".to_owned(), "user_cancelled".to_owned());
    assert_eq!(app.answer(&browser, &departure), told);
    let story = app.story(app.only_login().await).await;
    assert_eq!(story, ["LOGIN_STARTED", "LOGIN_ERROR user_cancelled"]);
    assert_eq!(worth(&app).await, [0; 4]);
}
