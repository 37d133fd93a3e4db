//! What a journey costs on a phone that was never here.

use std::io::Cursor;

use image::{ImageFormat, Rgba, RgbaImage};
use numbercloak::admin::client_logo;

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
async fn beside(app: &App, source: &str, files: usize) -> Browser {
    let mut beside = app.browser();
    for part in source.split("=\"/").skip(1) {
        let path = part.split('"').next().unwrap();
        if path.starts_with("static/") || path.starts_with("brand/") {
            beside.open(format!("{}/{path}", app.issuer)).await;
            assert_eq!(beside.hops.last().unwrap().status, 200, "{path}");
        }
    }
    assert_eq!(beside.hops.len(), files, "{source}");
    beside
}

/// A picture that packs as badly as any.
fn photograph() -> Vec<u8> {
    let mut seed = 1_u32;
    let noise = RgbaImage::from_fn(240, 240, |_, _| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [red, green, blue, _] = seed.to_be_bytes();
        Rgba([red, green, blue, 255])
    });
    let mut bytes = Cursor::new(Vec::new());
    noise.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn the_first_journey_asks_one_question_in_less_than_40_kb_and_the_second_none() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let beside = beside(&app, &browser.page().source.clone(), 2).await;
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
async fn an_app_s_picture_and_colour_and_a_longer_language_still_fit() {
    let app = App::start().await;
    client_logo::set(&app.desk(), "shop", photograph(), None)
        .await
        .unwrap();
    app.edit_client(&app.shop, |client| {
        client.settings.accent = Some("#ffe600".parse().unwrap());
        client.settings.policy_uri = Some("https://shop.example/privacy".to_owned());
        client.settings.tos_uri = Some("https://shop.example/terms".to_owned());
    })
    .await;
    for (tag, button) in [("de", "Weiter"), ("ar", "متابعة")] {
        let mut browser = app.browser();
        let wish = Wish::of(NUMBER).with("ui_locales", tag);
        let departure = app.open(&mut browser, &wish).await;
        let beside = beside(&app, &browser.page().source.clone(), 4).await;
        browser.press(button).await;
        app.redeem(&browser, &departure).await;
        let total = bytes(&browser) + bytes(&beside);
        assert!((30_000..40_000).contains(&total), "{tag}: {total} bytes");
    }
}

#[tokio::test]
async fn a_number_that_is_typed_is_the_only_question() {
    let app = App::start().await;
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::new()).await;
    let beside = beside(&app, &browser.page().source.clone(), 2).await;
    browser
        .press_with("Continue", &[("phone_number", NUMBER)])
        .await;
    app.redeem(&browser, &departure).await;
    assert_eq!(questions(&browser), ["Your mobile number"]);
    let total = bytes(&browser) + bytes(&beside);
    assert!(total < 40_000, "{total} bytes");
}
