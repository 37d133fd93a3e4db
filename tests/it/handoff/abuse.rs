//! Whoever tries to get a login by somebody else's phone, or somebody else's login by their own.

use numbercloak::phone::PhoneNumber;
use numbercloak::simulator::Device;
use reqwest::header::COOKIE;
use url::Url;

use super::{
    QUESTION, Scene, TYPE, builder, computer, cookies, digits, others, scanned, send, telephone,
    tells, way_back,
};
use crate::journeys::{assert_nothing_slipped_out, worth};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::{Browser, End};
use crate::support::rp::{Answer, Wish};
use crate::support::wire::{Raw, count, http};

const STOPPED: (&str, &str) = ("access_denied", "handoff_stopped");

fn told(browser: &Browser, scene: &Scene) -> Answer {
    scene.app.answer(browser, &scene.departure)
}

fn error((code, word): (&str, &str)) -> Answer {
    Answer::Error(code.to_owned(), word.to_owned())
}

async fn handoff_stage(app: &App) -> (String, i32) {
    let mut owner = app.database.owner().await;
    sqlx::query_as("select stage, digit_tries from handoffs")
        .fetch_one(&mut owner)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_second_scan_is_refused_and_on_record() {
    let mut scene = Scene::new().await;
    let url = scanned(&scene.desktop);
    let mut thief = telephone(&scene.app);
    thief.open(&url).await;
    assert_eq!(thief.title(), QUESTION);
    scene.scan().await;
    scene.phone.press("Yes, continue").await;
    let digits = digits(&scene.phone);
    // One who had the question on the screen, and one who comes later.
    thief.press("Yes, continue").await;
    assert_eq!(thief.title(), "This code has been used");
    let mut late = telephone(&scene.app);
    late.open(&url).await;
    assert_eq!(late.title(), "This code has been used");
    // Whoever was refused the ticket cannot stop it either.
    let story = scene.story().await;
    let refused = story.iter().filter(|line| *line == "HANDOFF_CLAIM_ERROR");
    assert_eq!(refused.count(), 2, "{story:?}");
    // The phone that has it is led back to its page.
    scene.phone.open(&url).await;
    assert_eq!(super::digits(&scene.phone), digits);
    scene.reload().await;
    scene.finish(&digits).await;
}

#[tokio::test]
async fn of_many_phones_at_once_one_claims() {
    let scene = Scene::new().await;
    let url = scanned(&scene.desktop);
    let mut phones = Vec::new();
    for _ in 0..6 {
        let mut phone = telephone(&scene.app);
        phone.follows_refresh = false;
        phone.open(&url).await;
        phones.push(phone);
    }
    let pressed = phones.into_iter().map(|mut phone| {
        tokio::spawn(async move {
            phone.press("Yes, continue").await;
            phone.title().to_owned()
        })
    });
    let mut claimed = 0;
    for one in pressed.collect::<Vec<_>>() {
        let title = one.await.unwrap();
        if title.starts_with("Checking with") {
            claimed += 1;
        } else {
            assert_eq!(title, "This code has been used");
        }
    }
    assert_eq!(claimed, 1);
    assert_eq!(count(&scene.app, "legs").await, 1);
}

#[tokio::test]
async fn wrong_digits_end_the_login_at_the_second_try() {
    let (mut scene, digits) = Scene::new().await.matched().await;
    let wrong = others(&digits);
    scene.type_digits("12").await;
    assert_eq!(handoff_stage(&scene.app).await, ("matched".to_owned(), 0));
    scene.type_digits(&wrong).await;
    assert_eq!(
        scene.desktop.title(),
        "Error: Type the digits from your phone"
    );
    let text = &scene.desktop.page().document.text;
    assert!(text.contains("Tries left: 1"), "{text}");
    scene.type_digits(&others(&wrong)).await;
    assert_eq!(scene.desktop.title(), "This sign-in was stopped");
    assert_eq!(worth(&scene.app).await, [0; 4]);
    // The right ones come too late.
    let login = scene.app.logins().await[0];
    let page = format!("/login/{login}");
    let back = way_back(&scene.desktop);
    scene.phone.follow(&format!("/phone/{login}")).await;
    assert_eq!(scene.phone.title(), "Stopped");
    scene.desktop.follow(&page).await;
    scene.desktop.open(&back).await;
    assert_eq!(told(&scene.desktop, &scene), error(STOPPED));
    let story = scene.story().await;
    for line in [
        "HANDOFF_DIGITS_ERROR",
        "HANDOFF_DIGITS_ERROR handoff_stopped",
        "LOGIN_ERROR handoff_stopped",
    ] {
        assert!(story.contains(&line.to_owned()), "{line} in {story:?}");
    }
    // The number cools down, whoever asks.
    let mut other = computer(&scene.app);
    scene.app.open(&mut other, &Wish::of(NUMBER)).await;
    other.press("Use my phone").await;
    assert_eq!(other.title(), "Too many tries");
}

#[tokio::test]
async fn digits_cannot_be_guessed_by_many_tries_at_once() {
    let (scene, digits) = Scene::new().await.matched().await;
    let jar = cookies(&scene.desktop);
    let right: u16 = digits.parse().unwrap();
    let tries = (1..=20).map(|step| {
        let guess = format!("{:04}", (right + step) % 10_000);
        let (desktop, jar) = (scene.desktop.clone(), jar.clone());
        tokio::spawn(async move { send(&desktop, "/digits", &jar, &[("digits", &guess)]).await })
    });
    for one in tries.collect::<Vec<_>>() {
        let status = one.await.unwrap().status;
        assert!(matches!(status, 200 | 303 | 422), "{status}");
    }
    assert_eq!(handoff_stage(&scene.app).await, ("stopped".to_owned(), 2));
    let late = send(&scene.desktop, "/digits", &jar, &[("digits", &digits)]).await;
    assert!(!late.body.contains("code="), "{}", late.body);
    assert_eq!(worth(&scene.app).await, [0; 4]);
}

#[tokio::test]
async fn nothing_but_the_digits_releases() {
    let (mut scene, digits) = Scene::new().await.matched().await;
    for action in ["continue", "number", "operator", "handoff", "here", "renew"] {
        let fields = [("phone_number", OTHER_NUMBER), ("operator", "simulator")];
        scene.desktop.forge(action, &fields).await;
        assert_eq!(scene.desktop.title(), TYPE, "{action}");
    }
    assert_eq!(worth(&scene.app).await, [0; 4]);
    // The one who changes rows cannot either: the release asks the hand-off's own row.
    scene.finish(&digits).await;
}

#[tokio::test]
async fn the_finish_is_the_desktop_s_whoever_has_the_phone_s_cookie() {
    let (scene, digits) = Scene::new().await.matched().await;
    let jar = cookies(&scene.phone);
    assert!(jar.contains("nc_phone_"), "{jar}");
    // With the phone's cookie at the desktop's form, and as the desktop's own.
    let typed = send(&scene.desktop, "/digits", &jar, &[("digits", &digits)]).await;
    assert_eq!(typed.status, 303);
    assert!(
        typed.location().starts_with("/phone/"),
        "{}",
        typed.location()
    );
    let posing = jar.replace("nc_phone_", "nc_login_");
    let typed = send(&scene.desktop, "/digits", &posing, &[("digits", &digits)]).await;
    assert_eq!(typed.status, 400);
    // Without any.
    let typed = send(&scene.desktop, "/digits", "", &[("digits", &digits)]).await;
    assert_eq!(typed.status, 400);
    // And the desktop's cookie opens nothing on the phone's side.
    let login = scene.app.logins().await[0];
    let posing = cookies(&scene.desktop).replace("nc_login_", "nc_phone_");
    let page = http().get(format!("{}/phone/{login}", scene.app.issuer));
    let page = Raw::of(page.header(COOKIE, posing)).await;
    assert_eq!(page.status, 410);
    assert!(!tells(&page.body, &digits) && !page.body.contains("shop"));
    assert_eq!(worth(&scene.app).await, [0; 4]);
}

#[tokio::test]
async fn the_phone_s_callback_is_nothing_in_the_desktop_s_browser() {
    let mut scene = Scene::new().await;
    scene.scan().await;
    scene.phone.follows_refresh = false;
    scene.phone.press("Yes, continue").await;
    let operator = scene.phone.page().document.refresh.clone().unwrap();
    let answer = Raw::of(http().get(operator)).await;
    let callback = Url::parse(answer.location()).unwrap();
    scene.desktop.open(&callback).await;
    assert_eq!(scene.desktop.title(), "We lost track of this sign-in");
    let story = scene.story().await;
    let closed = "IDENTITY_PROVIDER_RESPONSE_ERROR browser_mismatch";
    assert!(story.iter().any(|line| line == closed), "{story:?}");
    // Nor is it anything on the phone, now that the leg is closed.
    scene.phone.open(&callback).await;
    assert_eq!(scene.phone.title(), "Check your number");
    assert_nothing_slipped_out(&scene.app).await;
}

#[tokio::test]
async fn a_phone_never_gets_the_code_however_often_it_comes_back() {
    let mut scene = Scene::new().await;
    scene.scan().await;
    scene.phone.press("Yes, continue").await;
    let digits = digits(&scene.phone);
    let callback = scene
        .phone
        .hops
        .iter()
        .find(|hop| hop.url.path().starts_with("/broker/"))
        .unwrap()
        .url
        .clone();
    scene.reload().await;
    scene.type_digits(&digits).await;
    assert!(matches!(scene.desktop.end, End::Left(_)));
    // The code is good, and not redeemed yet.
    let login = scene.app.logins().await[0];
    let issuer = scene.app.issuer.clone();
    let places = [
        callback.to_string(),
        format!("{issuer}/login/{login}"),
        format!("{issuer}/login/{login}/answer"),
        format!("{issuer}/phone/{login}"),
    ];
    for place in places {
        scene.phone.open(&place).await;
        assert_eq!(scene.phone.title(), "Done", "{place}");
        assert!(!scene.phone.page().source.contains("shop.example/"));
    }
    scene.app.redeem(&scene.desktop, &scene.departure).await;
}

#[tokio::test]
async fn the_phone_s_pages_hold_nothing_of_the_app_s_but_name_and_domain() {
    let app = builder().start().await;
    app.edit_client(&app.shop, |client| {
        client.settings.policy_uri = Some("https://shop.example/privacy".to_owned());
        client.settings.tos_uri = Some("https://shop.example/terms".to_owned());
        client.settings.client_uri = Some("https://shop.example/start".to_owned());
    })
    .await;
    let mut scene = Scene::of(app).await;
    let mut sources = Vec::new();
    scene.scan().await;
    sources.push(scene.phone.page().source.clone());
    scene.phone_is(Some(Device::Wifi));
    scene.phone.press("Yes, continue").await;
    sources.push(scene.phone.page().source.clone());
    scene.phone_is(Some(Device::Sim(
        PhoneNumber::from_e164(OTHER_NUMBER).unwrap(),
    )));
    scene.phone.press("Try again").await;
    assert_eq!(scene.phone.title(), "This number does not match");
    sources.push(scene.phone.page().source.clone());
    scene.phone_is(None);
    scene.phone.press("Try again").await;
    digits(&scene.phone);
    sources.push(scene.phone.page().source.clone());
    scene.phone.press("Stop").await;
    assert_eq!(scene.phone.title(), "Stopped");
    sources.push(scene.phone.page().source.clone());
    for source in sources {
        assert!(source.contains("shop.example"), "{source}");
        for secret in [
            "shop.example/",
            scene.departure.state.as_str(),
            scene.departure.nonce.as_str(),
            "client_id",
            "redirect",
            "/login/",
            "990700000",
        ] {
            assert!(!source.contains(secret), "{secret} in {source}");
        }
    }
}

#[tokio::test]
async fn whoever_scans_somebody_else_s_code_has_another_sim() {
    let mut scene = Scene::new().await;
    scene.phone_is(Some(Device::Sim(
        PhoneNumber::from_e164(OTHER_NUMBER).unwrap(),
    )));
    scene.scan().await;
    scene.phone.press("Yes, continue").await;
    assert_eq!(scene.phone.title(), "This number does not match");
    scene.phone.press("Try again").await;
    scene.phone.press("Try again").await;
    let text = &scene.phone.page().source;
    assert!(!text.contains("Try again"), "three mismatches: {text}");
    scene.reload().await;
    assert_eq!(scene.desktop.title(), "Not confirmed yet");
    assert_nothing_slipped_out(&scene.app).await;
}

#[tokio::test]
async fn another_site_cannot_press_yes_for_a_phone() {
    let mut scene = Scene::new().await;
    scene.scan().await;
    let jar = cookies(&scene.phone);
    assert!(jar.contains("nc_scanner="), "{jar}");
    let stolen = send(&scene.phone, "/yes", "", &[]).await;
    assert_eq!(
        stolen.status, 403,
        "a form without the browser's own cookie"
    );
    let forged = send(&scene.phone, "/yes", &jar, &[("csrf", "x")]).await;
    assert_eq!(forged.status, 403);
    let form = scene.phone.form("/yes");
    let url = scene.phone.page().url.join(&form.action).unwrap();
    let foreign = http()
        .post(url.clone())
        .header(COOKIE, &jar)
        .header("sec-fetch-site", "cross-site")
        .form(&form.fields);
    assert_eq!(Raw::of(foreign).await.status, 403);
    // A link, a preview, a prefetch.
    for method in [reqwest::Method::GET, reqwest::Method::HEAD] {
        let raw = Raw::of(http().request(method, url.clone()).header(COOKIE, &jar)).await;
        assert!(matches!(raw.status, 200 | 405), "{}", raw.status);
    }
    assert_eq!(handoff_stage(&scene.app).await.0, "waiting");
    scene.phone.press("Yes, continue").await;
    digits(&scene.phone);
}

#[tokio::test]
async fn what_was_handed_off_answers_no_other_login() {
    let app = builder().start().await;
    app.edit_client(&app.shop, |client| client.settings.fresh_for_s = 900)
        .await;
    let (mut scene, digits) = Scene::of(app).await.matched().await;
    scene.finish(&digits).await;
    // Session and number are there; the next login asks all the same, and nothing was remembered.
    let departure = scene.app.shop.depart(&Wish::of(NUMBER)).await;
    scene.desktop.open(&departure.url).await;
    assert_eq!(scene.desktop.title(), "Check your number");
    let departure = scene
        .app
        .shop
        .depart(&Wish::of(NUMBER).prompt("none"))
        .await;
    scene.desktop.open(&departure.url).await;
    let answer = scene.app.answer(&scene.desktop, &departure);
    assert_ne!(answer.error().0, "server_error");
    assert_eq!(count(&scene.app, "go_aheads").await, 0);
}

#[tokio::test]
async fn a_cancel_at_the_desktop_puts_the_phone_out() {
    let (mut scene, _) = Scene::new().await.matched().await;
    scene.desktop.follows_refresh = true;
    scene.desktop.press("Cancel").await;
    let cancelled = error(("access_denied", "user_cancelled"));
    assert_eq!(told(&scene.desktop, &scene), cancelled);
    scene.phone.open(scene.phone.page().url.clone()).await;
    assert_eq!(scene.phone.title(), "This sign-in is over");
}
