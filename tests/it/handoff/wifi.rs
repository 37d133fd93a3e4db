//! A phone on Wi-Fi: the page says what to switch off, and goes on by itself when our own classifier of
//! addresses sees mobile data. The script's part is done by hand here; it runs in a browser elsewhere.

use numbercloak::admin::network_ranges;
use numbercloak::phone::PhoneNumber;
use numbercloak::simulator::radio::{Attachment, Radio};
use numbercloak::store::network_ranges::NetworkKind;
use numbercloak::store::operators::HintForm;
use reqwest::header::COOKIE;
use serde_json::{Value, json};

use super::{Scene, between, builder, scanned};
use crate::journeys::assert_nothing_slipped_out;
use crate::support::app::{App, NUMBER, OPERATOR};
use crate::support::browser::Browser;
use crate::support::radio;
use crate::support::rp::Wish;

/// A radio in front of the operator, whose addresses an admin has loaded.
async fn on_air(app: &App) -> Radio {
    let operators = vec![(OPERATOR.to_owned(), app.operator.clone())];
    let radio = radio::on_air(app, operators).await;
    app.edit_operator(|operator| operator.login_hint = HintForm::None)
        .await;
    radio
}

fn mobile() -> Attachment {
    let number = PhoneNumber::from_e164(NUMBER).unwrap();
    Attachment::Mobile(OPERATOR.to_owned(), number)
}

/// What the page's script is told now.
async fn look(browser: &Browser) -> Value {
    let mut script = browser.clone();
    let source = &browser.page().source;
    let url = between(source, "data-network=\"", "\"");
    let from = between(source, "data-from=\"", "\"");
    script.follow(&format!("{url}?from={from}")).await;
    serde_json::from_str(&script.page().source).unwrap()
}

/// What the script then does.
async fn go_on(browser: &mut Browser) {
    let after = between(&browser.page().source, "data-after=\"", "\"").to_owned();
    browser.submit("/continue", &[("after", &after)]).await;
}

#[tokio::test]
async fn the_page_goes_on_when_the_phone_moves_from_wifi_to_mobile_data() {
    let app = App::start().await;
    let radio = on_air(&app).await;
    let air = radio.handle();
    let mut phone = Browser::through(&app.clock, air.proxy());
    let departure = app.open(&mut phone, &Wish::of(NUMBER)).await;
    phone.press("Continue").await;
    assert_eq!(phone.title(), "Switch to mobile data");
    let text = &phone.page().document.text;
    assert!(text.contains("This phone is on Wi-Fi"), "{text}");
    assert_eq!(look(&phone).await, json!({ "go": false, "here": true }));
    air.attach(mobile()).unwrap();
    assert_eq!(look(&phone).await, json!({ "go": true, "here": true }));
    go_on(&mut phone).await;
    app.redeem(&phone, &departure).await;
}

#[tokio::test]
async fn of_two_tabs_one_goes_on_and_the_other_says_so() {
    let app = App::start().await;
    let radio = on_air(&app).await;
    let air = radio.handle();
    let mut phone = Browser::through(&app.clock, air.proxy());
    app.open(&mut phone, &Wish::of(NUMBER)).await;
    phone.press("Continue").await;
    let login = app.only_login().await;
    let mut second = phone.clone();
    air.attach(mobile()).unwrap();
    phone.follows_refresh = false;
    go_on(&mut phone).await;
    assert!(phone.title().starts_with("Checking with"));
    assert_eq!(look(&second).await, json!({ "go": false, "here": false }));
    go_on(&mut second).await;
    assert_eq!(
        app.legs(login).await.len(),
        2,
        "the second tab departs nowhere"
    );
    // Both at once: the guard is the statement's.
    phone.follows_refresh = true;
    phone.proceed().await;
    assert!(phone.left().as_str().contains("code="));
}

#[tokio::test]
async fn what_hides_the_phone_is_named() {
    let app = App::start().await;
    let radio = on_air(&app).await;
    let air = radio.handle();
    let wifi = "127.0.64.0/24".parse().unwrap();
    for (kind, title) in [
        (NetworkKind::Relay, "Turn off Private Relay"),
        (NetworkKind::Vpn, "Turn off your VPN"),
    ] {
        network_ranges::load(&app.desk(), kind, &[wifi])
            .await
            .unwrap();
        app.state().forget("operators").await;
        let mut phone = Browser::through(&app.clock, air.proxy());
        app.open(&mut phone, &Wish::of(NUMBER)).await;
        phone.press("Continue").await;
        assert_eq!(phone.title(), title);
        assert_eq!(look(&phone).await, json!({ "go": false, "here": true }));
        network_ranges::load(&app.desk(), kind, &[]).await.unwrap();
    }
    // On mobile data, and still not seen: two SIMs, or a hotspot.
    air.attach(mobile()).unwrap();
    for (agent, title) in [
        (super::PHONE, "We could not see your SIM"),
        (super::DESKTOP, "Use the phone itself"),
    ] {
        app.operator
            .set_override(numbercloak::simulator::scenario::Scenario::with_code(3004));
        let mut phone = Browser::through(&app.clock, air.proxy());
        phone.user_agent = Some(agent);
        app.open(&mut phone, &Wish::of(NUMBER)).await;
        phone.press("Continue").await;
        assert_eq!(phone.title(), title);
        assert_eq!(look(&phone).await, json!({ "go": false, "here": true }));
    }
    assert_nothing_slipped_out(&app).await;
}

#[tokio::test]
async fn a_phone_of_a_hand_off_on_wifi_goes_on_the_same_way() {
    let app = builder().start().await;
    let radio = on_air(&app).await;
    let air = radio.handle();
    let mut scene = Scene::of(app).await;
    scene.phone = Browser::through(&scene.app.clock, air.proxy());
    scene.phone.open(scanned(&scene.desktop)).await;
    scene.phone.press("Yes, continue").await;
    assert_eq!(scene.phone.title(), "Switch to mobile data");
    assert!(!scene.phone.page().source.contains("Return to"));
    air.attach(mobile()).unwrap();
    assert_eq!(
        look(&scene.phone).await,
        json!({ "go": true, "here": true })
    );
    go_on(&mut scene.phone).await;
    let digits = super::digits(&scene.phone);
    scene.reload().await;
    scene.finish(&digits).await;
}

#[tokio::test]
async fn nobody_but_the_login_s_browser_hears_of_its_connection() {
    let app = App::start().await;
    let radio = on_air(&app).await;
    let mut phone = Browser::through(&app.clock, radio.handle().proxy());
    app.open(&mut phone, &Wish::of(NUMBER)).await;
    let login = app.only_login().await;
    let asked = crate::support::wire::http()
        .get(format!("{}/login/{login}/network?from=x", app.issuer))
        .header(COOKIE, "nc_login_x=y");
    assert_eq!(crate::support::wire::Raw::of(asked).await.status, 404);
}
