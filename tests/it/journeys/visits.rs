//! How many different numbers one browser may try, whoever's they are.

use std::time::Duration;

use numbercloak::store::clients::{Handoff, Hint};
use tokio::task::JoinSet;

use crate::support::app::{App, Builder, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Answer, Wish};
use crate::support::wire::count;

const LIMITED: &str = "Too many tries";
const FIRST: &str = "+990700000";
const SECOND: &str = "+990709991";
const THIRD: &str = "+990709992";
const FOURTH: &str = "+990709993";

fn builder(most: &str) -> Builder {
    App::builder().config("limits.numbers_per_browser_per_hour", most)
}

/// Opens a login and types a number; returns the title of what came of it.
async fn try_number(app: &App, browser: &mut Browser, number: &str) -> String {
    browser.follows_refresh = false;
    app.open(browser, &Wish::new()).await;
    browser
        .press_with("Continue", &[("phone_number", number)])
        .await;
    browser.title().to_owned()
}

#[tokio::test]
async fn a_browser_tries_so_many_numbers_in_an_hour_and_may_go_on_with_those() {
    let app = builder("3").start().await;
    let mut browser = app.browser();
    for number in [FIRST, SECOND, FIRST, THIRD, SECOND] {
        let title = try_number(&app, &mut browser, number).await;
        assert_eq!(title, "Checking with Simulator", "{number}");
    }
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(try_number(&app, &mut browser, FOURTH).await, LIMITED);
    let page = browser.page();
    assert_eq!(page.status.as_u16(), 429);
    assert_eq!(page.headers["retry-after"], "3000");
    let text = &page.document.text;
    for words in [
        "Wait 50 minutes, then try again.",
        "You have tried several different numbers in this browser.",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let expected = ["LOGIN_STARTED", "OPERATOR_SELECTED_ERROR rate_limited"];
    assert_eq!(app.story(browser.login()).await, expected);

    // The same number once more, a hint, a reload: no way around. One that was tried goes on.
    browser.press("Try again").await;
    assert_eq!(browser.title(), LIMITED);
    let mut hinted = browser.clone();
    app.open(&mut hinted, &Wish::of(FOURTH)).await;
    hinted.press("Continue").await;
    assert_eq!(hinted.title(), LIMITED);
    browser
        .press_with("Check this number", &[("phone_number", THIRD)])
        .await;
    assert_eq!(browser.title(), "Checking with Simulator");

    // Another browser has its own, and an hour after the first number this one has new ones.
    let mut other = app.browser();
    let title = try_number(&app, &mut other, FOURTH).await;
    assert_eq!(title, "Checking with Simulator");
    app.clock.advance(Duration::from_secs(3001));
    let departure = app.open(&mut hinted, &Wish::of(FOURTH)).await;
    hinted.press("Continue").await;
    hinted.follows_refresh = true;
    hinted.proceed().await;
    app.redeem(&hinted, &departure).await;
}

#[tokio::test]
async fn who_gives_up_at_the_limit_goes_back_with_the_reason() {
    let app = builder("1").start().await;
    let mut browser = app.browser();
    try_number(&app, &mut browser, FIRST).await;
    let departure = app.open(&mut browser, &Wish::of(SECOND)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), LIMITED);
    // The app fixed the number: there is none to give instead.
    assert!(!browser.page().source.contains("phone_number"));
    browser.follows_refresh = true;
    browser.press("Return to shop").await;
    let told = Answer::Error("access_denied".to_owned(), "rate_limited".to_owned());
    assert_eq!(app.answer(&browser, &departure), told);
}

#[tokio::test]
async fn of_many_numbers_at_the_same_moment_no_more_pass() {
    let app = builder("2").start().await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    let mut tabs = Vec::new();
    for _ in 0..8 {
        app.open(&mut browser, &Wish::new()).await;
        tabs.push(browser.clone());
    }
    let mut tries = JoinSet::new();
    for (n, mut tab) in tabs.into_iter().enumerate() {
        tries.spawn(async move {
            let number = format!("+99070999{n}0");
            tab.press_with("Continue", &[("phone_number", &number)])
                .await;
            tab.title().to_owned()
        });
    }
    let titles = tries.join_all().await;
    let left = titles.iter().filter(|title| *title != LIMITED);
    assert_eq!(left.count(), 2, "{titles:?}");
    assert_eq!(count(&app, "legs").await, 2);
}

#[tokio::test]
async fn what_was_confirmed_before_does_not_count_and_what_only_the_app_says_does() {
    let app = builder("2").start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    assert_eq!(count(&app, "visits").await, 1);
    app.clock.advance(Duration::from_secs(3 * 3600));
    // A go-ahead leads on without a page: nothing is tried.
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
    browser.follows_refresh = false;
    let checking = "Checking with Simulator";
    for (number, title) in [(SECOND, checking), (THIRD, checking), (FOURTH, LIMITED)] {
        app.open(&mut browser, &Wish::of(number)).await;
        browser.press("Continue").await;
        assert_eq!(browser.title(), title, "{number}");
    }
}

#[tokio::test]
async fn a_changed_hint_counts_like_a_typed_number() {
    let app = builder("2")
        .client(|client| client.settings.hint = Hint::Suggestion)
        .start()
        .await;
    let mut browser = app.browser();
    browser.follows_refresh = false;
    for number in [FIRST, SECOND] {
        app.open(&mut browser, &Wish::of(number)).await;
        browser.press("Continue").await;
        assert_eq!(browser.title(), "Checking with Simulator");
    }
    app.open(&mut browser, &Wish::of(FIRST)).await;
    browser
        .press_with("Check this number", &[("phone_number", THIRD)])
        .await;
    assert_eq!(browser.title(), LIMITED);
}

#[tokio::test]
async fn a_computer_s_numbers_count_at_the_computer_whatever_phone_checks_them() {
    let app = builder("1")
        .client(|client| client.settings.handoff = Handoff::On)
        .start()
        .await;
    let mut computer = app.browser();
    computer.user_agent = Some("Mozilla/5.0 (X11; Linux x86_64)");
    computer.follows_refresh = false;
    for (number, expected) in [(FIRST, "Number confirmed"), (SECOND, LIMITED)] {
        app.open(&mut computer, &Wish::of(number)).await;
        computer.press("Use my phone").await;
        let source = &computer.page().source;
        let big = source.split("class=\"big\">").nth(1).unwrap();
        let code = big.split("dir=\"ltr\">").nth(1).unwrap();
        let code = code.split('<').next().unwrap().to_owned();
        let mut phone = app.browser();
        phone.user_agent = Some("Mozilla/5.0 (iPhone) Mobile");
        phone.open(format!("{}/go", app.issuer)).await;
        phone.press_with("Continue", &[("code", &code)]).await;
        phone.press("Yes, continue").await;
        assert_eq!(phone.title(), expected);
    }
}

#[tokio::test]
async fn nothing_of_it_is_kept_for_long() {
    let app = builder("3").start().await;
    let mut browser = app.browser();
    try_number(&app, &mut browser, FIRST).await;
    assert_eq!(count(&app, "visits").await, 1);
    numbercloak::login::sweep::run(app.state()).await.unwrap();
    assert_eq!(count(&app, "visits").await, 1);
    app.clock.advance(Duration::from_secs(7201));
    numbercloak::login::sweep::run(app.state()).await.unwrap();
    assert_eq!(count(&app, "visits").await, 0);
}
