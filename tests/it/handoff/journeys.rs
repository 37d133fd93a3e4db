//! Hand-offs that end well, and the ways in and out of one.

use std::time::Duration;

use numbercloak::simulator::Device;
use numbercloak::store::clients::Handoff;
use reqwest::header::COOKIE;

use super::{
    CONFIRMED, QUESTION, SCAN, Scene, TYPE, between, builder, computer, digits, scanned, tells,
};
use super::{short_code, telephone};
use crate::journeys::worth;
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};

#[tokio::test]
async fn a_login_moves_to_a_phone_and_comes_back_by_four_digits() {
    let mut scene = Scene::new().await;
    let text = &scene.desktop.page().document.text;
    assert!(text.contains("Do not send this code to anybody"), "{text}");
    scene.scan().await;
    let page = scene.phone.page();
    for told in [
        "shop",
        "shop.example",
        "Chrome, Windows",
        "Nobody from support",
    ] {
        assert!(
            page.document.text.contains(told),
            "{told}: {}",
            page.document.text
        );
    }
    assert!(!page.source.replace(' ', "").contains(&NUMBER[1..]));
    scene.reload().await;
    assert_eq!(scene.desktop.title(), SCAN, "a look claims nothing");

    scene.phone.press("Yes, continue").await;
    let digits = digits(&scene.phone);
    assert_eq!(
        worth(&scene.app).await,
        [0; 4],
        "nothing exists before the digits"
    );
    scene.reload().await;
    assert_eq!(scene.desktop.title(), TYPE);
    assert!(tells(&scene.phone.page().source, &digits));
    assert!(!tells(&scene.desktop.page().source, &digits));
    let signed_in = scene.finish(&digits).await;
    let claims = &signed_in.claims;
    assert_eq!(claims["acr"], "urn:numbercloak:acr:network-handoff");
    assert_eq!(claims["amr"], serde_json::json!(["nba", "user", "mca"]));
    assert_eq!(claims["number_verification"]["cross_device"], true);
    assert_eq!(claims["number_verification"]["method"], "verify");
    assert_eq!(claims["phone_number"], NUMBER);
    scene
        .phone
        .follow(scene.phone.page().url.path().to_owned().as_str())
        .await;
    assert_eq!(scene.phone.title(), "Done");
    let mut story = scene.story().await;
    story.sort();
    let mut expected = [
        "LOGIN_STARTED",
        "HANDOFF_STARTED",
        "HANDOFF_CLAIMED",
        "OPERATOR_SELECTED",
        "NUMBER_VERIFIED verified",
        "LOGIN verified",
        "CODE_TO_TOKEN",
    ];
    expected.sort_unstable();
    assert_eq!(story, expected);
    assert_eq!(
        worth(&scene.app).await,
        [1, 1, 1, 0],
        "no go-ahead is remembered"
    );
}

#[tokio::test]
async fn the_number_may_be_typed_at_the_desktop_and_is_the_one_the_phone_must_have() {
    // An operator that would tell the SIM's own number is not asked that: whoever scans would sign the
    // desktop in as themselves.
    let app = builder()
        .operator(|operator| {
            operator.scope_device_phone_number =
                Some("openid dpv:FraudPreventionAndDetection number-verification:device-phone-number:read".to_owned());
        })
        .start()
        .await;
    let mut desktop = computer(&app);
    let departure = app.open(&mut desktop, &Wish::new()).await;
    assert_eq!(desktop.title(), "Your mobile number");
    desktop
        .press_with("Use my phone", &[("phone_number", NUMBER)])
        .await;
    assert_eq!(desktop.title(), SCAN);
    let mut phone = telephone(&app);
    phone.open(scanned(&desktop)).await;
    phone.press("Yes, continue").await;
    let digits = digits(&phone);
    let here = format!("/login/{}", desktop.login());
    desktop.follow(&here).await;
    desktop.follows_refresh = true;
    desktop.press_with("Continue", &[("digits", &digits)]).await;
    let signed_in = app.redeem(&desktop, &departure).await;
    assert_eq!(signed_in.claims["number_verification"]["method"], "verify");
}

#[tokio::test]
async fn people_who_cannot_scan_type_a_short_code() {
    let mut scene = Scene::new().await;
    let code = short_code(&scene.desktop);
    scene.phone.open(format!("{}/go", scene.app.issuer)).await;
    assert_eq!(scene.phone.title(), "Type the code from your computer");
    let lower = code.replace('-', " ").to_lowercase();
    scene
        .phone
        .press_with("Continue", &[("code", &lower)])
        .await;
    assert_eq!(scene.phone.title(), QUESTION);
    scene.phone.press("Yes, continue").await;
    let digits = digits(&scene.phone);
    scene.reload().await;
    scene.finish(&digits).await;
}

#[tokio::test]
async fn it_is_off_until_an_admin_turns_it_on_and_phones_are_not_offered_it() {
    let app = App::start().await;
    let mut desktop = computer(&app);
    app.open(&mut desktop, &Wish::of(NUMBER)).await;
    assert!(!desktop.page().source.contains("Use my phone"));
    desktop.forge("handoff", &[]).await;
    assert_eq!(desktop.title(), "Check your number");
    desktop
        .forge("number", &[("phone_number", NUMBER), ("on", "phone")])
        .await;
    assert_ne!(desktop.title(), SCAN);

    app.edit_client(&app.shop, |client| client.settings.handoff = Handoff::On)
        .await;
    let mut phone = telephone(&app);
    app.open(&mut phone, &Wish::of(NUMBER)).await;
    assert!(!phone.page().source.contains("Use my phone"));
    let mut silent = computer(&app);
    let departure = app
        .open(&mut silent, &Wish::of(NUMBER).prompt("none"))
        .await;
    assert_eq!(app.answer(&silent, &departure).error().0, "login_required");
}

#[tokio::test]
async fn the_browser_that_shows_the_code_goes_on_by_itself() {
    let mut scene = Scene::new().await;
    let url = scanned(&scene.desktop);
    scene.desktop.open(&url).await;
    assert_eq!(scene.desktop.title(), "This is the same device");
    scene.desktop.press("Check this device instead").await;
    assert_eq!(scene.desktop.title(), "Check your number");
    scene.desktop.follows_refresh = true;
    scene.desktop.press("Check this device instead").await;
    let signed_in = scene.app.redeem(&scene.desktop, &scene.departure).await;
    assert_eq!(
        signed_in.claims["number_verification"]["cross_device"],
        false
    );
    assert_eq!(signed_in.claims["acr"], "urn:numbercloak:acr:network");
}

#[tokio::test]
async fn the_desktop_takes_a_login_back_and_the_phone_is_out() {
    let mut scene = Scene::new().await;
    scene.phone_is(Some(Device::Wifi));
    scene.scan().await;
    scene.phone.press("Yes, continue").await;
    assert_eq!(scene.phone.title(), "Switch to mobile data");
    scene.reload().await;
    assert_eq!(scene.desktop.title(), "Not confirmed yet");
    scene.desktop.press("Continue without the phone").await;
    scene.phone.press("Try again").await;
    assert_eq!(scene.phone.title(), "This code is not valid");
    assert_eq!(worth(&scene.app).await, [0; 4]);
}

#[tokio::test]
async fn a_ticket_lives_three_minutes_and_another_one_takes_its_place() {
    let mut scene = Scene::new().await;
    let old = scanned(&scene.desktop);
    scene.app.clock.advance(Duration::from_secs(181));
    scene.phone.open(&old).await;
    assert_eq!(scene.phone.title(), "This code is not valid");
    scene.reload().await;
    assert!(scene.desktop.page().document.text.contains("too old"));
    scene.desktop.press("New code").await;
    let new = scanned(&scene.desktop);
    assert_ne!(old, new);
    scene.phone.open(&old).await;
    assert_eq!(scene.phone.title(), "This code is not valid");
    scene.phone.open(&new).await;
    scene.phone.press("Yes, continue").await;
    assert_eq!(scene.phone.title(), CONFIRMED);
    let story = scene.story().await;
    assert!(
        story.contains(&"HANDOFF_CLAIM_ERROR".to_owned()),
        "{story:?}"
    );
}

#[tokio::test]
async fn the_desktop_hears_how_it_stands_by_events_and_by_asking() {
    let mut scene = Scene::new().await;
    let login = scene.desktop.login();
    let cookies: Vec<String> = scene
        .desktop
        .cookies("localhost")
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    let cookies = cookies.join("; ");
    let base = format!("{}/login/{login}", scene.app.issuer);
    let status = async || {
        let asked = http()
            .get(format!("{base}/status"))
            .header(COOKIE, &cookies);
        Raw::of(asked).await.json()["state"].clone()
    };
    assert_eq!(status().await, "waiting");
    let strange = Raw::of(http().get(format!("{base}/events"))).await;
    assert_eq!(strange.status, 404);
    // A stream ends now and then, and browsers ask anew.
    let until = async |word: &str| {
        for _ in 0..10 {
            let asked = http()
                .get(format!("{base}/events"))
                .header(COOKIE, &cookies);
            let mut events = asked.send().await.unwrap();
            assert_eq!(events.headers()["content-type"], "text/event-stream");
            let mut heard = String::new();
            while let Ok(Some(more)) = events.chunk().await {
                heard.push_str(std::str::from_utf8(&more).unwrap());
                assert!(between(&heard, "id: ", "\n").parse::<i64>().is_ok());
                if heard.contains(word) {
                    return;
                }
            }
        }
        panic!("never heard of: {word}");
    };
    until("data: waiting\n").await;
    scene.scan().await;
    scene.phone.press("Yes, continue").await;
    until("data: digits\n").await;
    assert_eq!(status().await, "digits");
    let digits = digits(&scene.phone);
    scene.reload().await;
    scene.finish(&digits).await;
    until("data: over\n").await;
    assert_eq!(status().await, "over");
}
