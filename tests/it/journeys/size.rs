//! What a journey costs on a phone that was never here.

use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::Wish;

/// Bytes of all our answers, heads included, without any compression.
fn bytes(browser: &Browser) -> usize {
    let ours = browser
        .hops
        .iter()
        .filter(|hop| hop.url.host_str() == Some("localhost"));
    ours.map(|hop| {
        let head: usize = hop
            .headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 4)
            .sum();
        head + hop.size
    })
    .sum()
}

/// Our pages that waited for the person: those that did not lead on by themselves.
fn questions(browser: &Browser) -> Vec<&str> {
    let leads_on = |title: &str| title.starts_with("Checking with") || title == "Number confirmed";
    let titles = browser.titles();
    titles
        .into_iter()
        .filter(|title| !leads_on(title))
        .collect()
}

/// What a page loads beside itself, on a phone that has nothing of it.
async fn beside(app: &App, source: &str) -> Browser {
    let mut beside = app.browser();
    for part in source.split("href=\"/static/").skip(1) {
        let file = part.split('"').next().unwrap();
        beside.open(format!("{}/static/{file}", app.issuer)).await;
    }
    assert_eq!(beside.hops.len(), 2, "stylesheet and icon");
    beside
}

#[tokio::test]
async fn the_first_journey_asks_one_question_in_less_than_40_kb_and_the_second_none() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let beside = beside(&app, &browser.page().source.clone()).await;
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
    assert_eq!(questions(&browser), ["Check your number"]);
    let first = bytes(&browser) + bytes(&beside);
    // docs/journey.md names these.
    assert!((18_000..26_000).contains(&first), "{first} bytes");

    browser.hops.clear();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
    assert_eq!(questions(&browser), Vec::<&str>::new());
    let second = bytes(&browser);
    assert!((2_000..8_000).contains(&second), "{second} bytes");
}

#[tokio::test]
async fn a_number_that_is_typed_is_the_only_question() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::new()).await;
    let beside = beside(&app, &browser.page().source.clone()).await;
    browser
        .press_with("Continue", &[("phone_number", NUMBER)])
        .await;
    app.redeem(&browser, &departure).await;
    assert_eq!(questions(&browser), ["Your mobile number"]);
    let total = bytes(&browser) + bytes(&beside);
    assert!(total < 40_000, "{total} bytes");
}
