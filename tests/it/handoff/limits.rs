//! How often a number may be handed off, and what a no, a report and a wrong code cost.

use std::time::Duration;

use super::{SCAN, Scene, allowed, builder, computer, scanned, short_code, telephone};
use crate::journeys::assert_nothing_slipped_out;
use crate::support::app::{App, NUMBER, OTHER_NUMBER, new_client};
use crate::support::rp::{Answer, Wish};

const BLOCKED: &str = "Too many tries";

/// Where a desktop gets that wants to hand off a number.
async fn asked(app: &App, number: &str) -> String {
    let mut desktop = computer(app);
    app.open(&mut desktop, &Wish::of(number)).await;
    desktop.press("Use my phone").await;
    desktop.title().to_owned()
}

#[tokio::test]
async fn a_no_ends_the_login_and_the_number_is_left_alone_for_an_hour() {
    let mut scene = Scene::new().await;
    // Another login about the number waits already.
    let mut second = computer(&scene.app);
    scene.app.open(&mut second, &Wish::of(NUMBER)).await;
    second.press("Use my phone").await;
    scene.say_no().await;
    let told = Answer::Error("access_denied".to_owned(), "handoff_stopped".to_owned());
    assert_eq!(scene.app.answer(&scene.desktop, &scene.departure), told);
    let story = scene.story().await;
    for line in [
        "HANDOFF_STOPPED handoff_stopped",
        "LOGIN_ERROR handoff_stopped",
    ] {
        assert!(story.contains(&line.to_owned()), "{line} in {story:?}");
    }
    let mut phone = telephone(&scene.app);
    phone.open(scanned(&second)).await;
    phone.press("Yes, continue").await;
    assert_eq!(
        phone.title(),
        "This code has been used",
        "what waited is no way around"
    );
    assert_eq!(asked(&scene.app, NUMBER).await, BLOCKED);
    assert_eq!(asked(&scene.app, OTHER_NUMBER).await, SCAN);
    assert_nothing_slipped_out(&scene.app).await;
    scene.app.clock.advance(Duration::from_secs(3601));
    assert_eq!(asked(&scene.app, NUMBER).await, SCAN);
}

#[tokio::test]
async fn a_report_stops_and_is_on_record_once() {
    let mut scene = Scene::new().await;
    scene.scan().await;
    let before = scene.phone.clone();
    scene.phone.press("I did not start this: report it").await;
    assert_eq!(scene.phone.title(), "Reported");
    scene.phone = before;
    scene.phone.press("I did not start this: report it").await;
    assert_eq!(scene.phone.title(), "Reported");
    let story = scene.story().await;
    for line in ["HANDOFF_STOPPED handoff_stopped", "HANDOFF_REPORTED"] {
        let times = story.iter().filter(|told| *told == line).count();
        assert_eq!(times, 1, "{line} in {story:?}");
    }
    assert_eq!(asked(&scene.app, NUMBER).await, BLOCKED);
}

#[tokio::test]
async fn who_has_stopped_may_report_it_afterwards_also_with_the_digits_shown() {
    let (mut scene, _) = Scene::new().await.matched().await;
    scene.phone.press("Stop").await;
    assert_eq!(scene.phone.title(), "Stopped");
    scene.phone.press("I did not start this: report it").await;
    assert_eq!(scene.phone.title(), "Reported");
    let story = scene.story().await;
    assert!(story.contains(&"HANDOFF_REPORTED".to_owned()), "{story:?}");
    scene.reload().await;
    assert_eq!(scene.desktop.title(), "This sign-in was stopped");
    assert_eq!(asked(&scene.app, NUMBER).await, BLOCKED);
}

#[tokio::test]
async fn a_number_is_handed_off_five_times_an_hour_over_all_apps() {
    let app = builder().start().await;
    let mut new = new_client("forum");
    allowed(&mut new);
    let forum = app.register(new).await;
    for _ in 0..3 {
        assert_eq!(asked(&app, NUMBER).await, SCAN);
    }
    for expected in [SCAN, SCAN, BLOCKED] {
        let mut desktop = computer(&app);
        let departure = forum.depart(&Wish::of(NUMBER)).await;
        desktop.open(&departure.url).await;
        desktop.press("Use my phone").await;
        assert_eq!(desktop.title(), expected);
    }
    assert_eq!(asked(&app, NUMBER).await, BLOCKED);
    assert_eq!(asked(&app, OTHER_NUMBER).await, SCAN);
    // The desktop itself is not barred by it, and an hour later neither is the phone.
    let mut desktop = computer(&app);
    app.open(&mut desktop, &Wish::of(NUMBER)).await;
    desktop.press("Check this device instead").await;
    assert!(desktop.title().starts_with("Checking with"));
    app.clock.advance(Duration::from_secs(3601));
    assert_eq!(asked(&app, NUMBER).await, SCAN);
}

#[tokio::test]
async fn an_address_types_five_codes_a_minute_right_or_wrong() {
    let scene = Scene::new().await;
    let code = short_code(&scene.desktop);
    let mut phone = telephone(&scene.app);
    phone.open(format!("{}/go", scene.app.issuer)).await;
    for guess in ["XXXX-XXXX", "x", "", "0000-0000", "YYYY-YYYY"] {
        phone.press_with("Continue", &[("code", guess)]).await;
        assert_eq!(phone.page().status, 422, "{guess}");
    }
    phone.press_with("Continue", &[("code", &code)]).await;
    assert_eq!(phone.page().status, 429, "also the right one");
    assert!(phone.page().headers.contains_key("retry-after"));
}
