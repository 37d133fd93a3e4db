//! Ways around the protections that no page of ours offers, and what a person does by mistake.

use std::time::Duration;

use numbercloak::simulator::scenario::Scenario;
use numbercloak::store::clients::Handoff;
use reqwest::header::COOKIE;

use super::{CONFIRMED, QUESTION, SCAN, Scene, TYPE, builder, computer, digits, others, scanned};
use super::{cookies, send, telephone, tells};
use crate::journeys::{assert_nothing_slipped_out, worth};
use crate::support::app::NUMBER;
use crate::support::rp::Wish;
use crate::support::wire::{Raw, count, http};

#[tokio::test]
async fn the_same_wrong_digits_sent_twice_are_one_try() {
    let (mut scene, digits) = Scene::new().await.matched().await;
    let (jar, wrong) = (cookies(&scene.desktop), others(&digits));
    // A double tap: the same form twice at the same moment, then a reload that sends it once more.
    let tap = || {
        let (desktop, jar, wrong) = (scene.desktop.clone(), jar.clone(), wrong.clone());
        tokio::spawn(async move { send(&desktop, "/digits", &jar, &[("digits", &wrong)]).await })
    };
    let (one, other) = (tap(), tap());
    for answer in [
        one.await.unwrap(),
        other.await.unwrap(),
        tap().await.unwrap(),
    ] {
        assert_eq!(answer.status, 422);
        let says = ["These are not the digits", "Tries left: <bdi>1</bdi>"];
        assert!(
            says.iter().all(|words| answer.body.contains(words)),
            "{}",
            answer.body
        );
    }
    let story = scene.story().await;
    let on_record = story
        .iter()
        .filter(|line| line.starts_with("HANDOFF_DIGITS_ERROR"));
    assert_eq!(on_record.count(), 1, "{story:?}");
    // So is the right form, sent twice: one code.
    let form = scene.desktop.clone();
    let signed_in = scene.finish(&digits).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    let again = send(&form, "/digits", &jar, &[("digits", &digits)]).await;
    assert!(!again.body.contains("code="), "{}", again.body);
    assert_eq!(worth(&scene.app).await, [1, 1, 1, 0]);
}

#[tokio::test]
async fn digits_after_the_login_s_time_release_nothing() {
    let (mut scene, digits) = Scene::new().await.matched().await;
    scene.app.clock.advance(Duration::from_secs(16 * 60));
    scene.type_digits(&digits).await;
    assert_eq!(scene.desktop.title(), "This page has expired");
    assert_eq!(worth(&scene.app).await, [0; 4]);
}

#[tokio::test]
async fn the_desktop_cannot_read_the_digits_anywhere() {
    let (mut scene, digits) = Scene::new().await.matched().await;
    let (jar, login) = (cookies(&scene.desktop), scene.desktop.login());
    let issuer = scene.app.issuer.clone();
    for path in ["", "/status", "/network", "/answer", "/digits"] {
        let page = http().get(format!("{issuer}/login/{login}{path}"));
        let told = Raw::of(page.header(COOKIE, &jar)).await;
        assert!(!tells(&told.body, &digits), "{path}: {}", told.body);
    }
    // Nor does the ticket show them again to whoever still has the picture of it.
    let mut thief = telephone(&scene.app);
    thief.open(scene.phone.hops[0].url.clone()).await;
    assert_eq!(thief.title(), "This code has been used");
    assert!(!tells(&thief.page().source, &digits));
    scene.finish(&digits).await;
}

#[tokio::test]
async fn a_phone_that_shows_the_digits_departs_no_more() {
    let (mut scene, digits) = Scene::new().await.matched().await;
    let login = scene.desktop.login();
    let jar = cookies(&scene.phone);
    let csrf = scene.phone.form("/cancel").fields[0].1.clone();
    for path in ["continue", "operator"] {
        let form = http()
            .post(format!("{}/phone/{login}/{path}", scene.app.issuer))
            .header(COOKIE, &jar)
            .form(&[("csrf", csrf.as_str()), ("operator", "simulator")]);
        let answer = Raw::of(form).await;
        assert!(answer.body.contains(&digits), "{path}: {}", answer.status);
    }
    assert_eq!(count(&scene.app, "legs").await, 1);
    scene.finish(&digits).await;
}

#[tokio::test]
async fn the_browser_that_shows_the_code_cannot_claim_it() {
    let mut scene = Scene::new().await;
    // The form of somebody else's question, sent with everything this browser has.
    scene.scan().await;
    let both = format!("{}; {}", cookies(&scene.desktop), cookies(&scene.phone));
    let answer = send(&scene.phone, "/yes", &both, &[]).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains("This is the same device"),
        "{}",
        answer.body
    );
    assert_eq!(count(&scene.app, "legs").await, 0);
    scene.phone.press("Yes, continue").await;
    digits(&scene.phone);
}

/// The SIM's own number must never answer for a desktop: whoever scans would sign it in as themselves.
#[tokio::test]
async fn a_login_without_a_number_is_never_handed_off() {
    let app = builder().start().await;
    let mut desktop = computer(&app);
    app.open(&mut desktop, &Wish::new()).await;
    assert_eq!(desktop.title(), "Your mobile number");
    desktop.forge("handoff", &[]).await;
    assert_eq!(desktop.title(), "Your mobile number");
    desktop.forge("number", &[("on", "phone")]).await;
    assert_ne!(desktop.title(), SCAN);
    desktop
        .forge("number", &[("on", "phone"), ("phone_number", "+99")])
        .await;
    assert_eq!(desktop.title(), "Error: Your mobile number");
    assert_eq!(count(&app, "handoffs").await, 0);
}

#[tokio::test]
async fn what_waits_when_an_admin_turns_it_off_is_claimed_by_nobody() {
    let mut scene = Scene::new().await;
    scene.scan().await;
    let (app, off) = (&scene.app, Handoff::Off);
    app.edit_client(&app.shop, |client| client.settings.handoff = off)
        .await;
    scene.phone.press("Yes, continue").await;
    assert_eq!(scene.phone.title(), "This code is not valid");
    scene.phone.open(scanned(&scene.desktop)).await;
    assert_eq!(scene.phone.title(), "This code is not valid");
    assert_eq!(count(&scene.app, "legs").await, 0);
    assert_nothing_slipped_out(&scene.app).await;
}

/// Who asked, what for and when (RFC 10027): what a person needs to see that it was not them; and no page
/// of somebody else's may put its own words around it.
#[tokio::test]
async fn the_question_says_when_it_began_and_stands_in_no_frame() {
    let mut scene = Scene::new().await;
    scene.app.clock.advance(Duration::from_secs(130));
    scene.scan().await;
    let page = scene.phone.page();
    let text = &page.document.text;
    assert!(text.contains("Started 3 minutes ago."), "{text}");
    assert!(text.contains("Reference"), "{text}");
    let pressed = ["Yes, continue", "Stop"];
    for title in [QUESTION, CONFIRMED] {
        let page = scene.phone.page();
        assert_eq!(scene.phone.title(), title);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{title}");
        assert_eq!(page.headers["x-frame-options"], "DENY");
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["referrer-policy"], "no-referrer");
        scene
            .phone
            .press(pressed[usize::from(title == CONFIRMED)])
            .await;
    }
    assert_eq!(scene.phone.title(), "Stopped");
}

#[tokio::test]
async fn a_phone_is_told_how_long_a_busy_operator_wants_to_be_left_alone() {
    let mut scene = Scene::new().await;
    scene.app.operator.set_override(Scenario::with_code(2012));
    scene.scan().await;
    scene.phone.press("Yes, continue").await;
    assert_eq!(scene.phone.title(), "Simulator is busy");
    let text = &scene.phone.page().document.text;
    assert!(text.contains("Try again in 30 seconds."), "{text}");
    assert!(!text.contains("Return to"), "{text}");
    let calls = scene.app.operator.received().len();
    scene.phone.press("Try again").await;
    assert_eq!(scene.phone.title(), "Simulator is busy");
    assert_eq!(
        scene.app.operator.received().len(),
        calls,
        "nobody was asked"
    );
    scene.app.operator.set_override(Scenario::with_code(1));
    scene.app.clock.advance(Duration::from_secs(31));
    scene.phone.press("Stop").await;
    scene.reload().await;
    assert_ne!(scene.desktop.title(), TYPE);
    assert_nothing_slipped_out(&scene.app).await;
}
