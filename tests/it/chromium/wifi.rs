//! A phone that leaves its Wi-Fi. Chromium's proxy is the pretend radio, so that our own classifier of
//! addresses decides, as in the field.

use numbercloak::admin::network_ranges;
use numbercloak::phone::PhoneNumber;
use numbercloak::simulator::radio::{Attachment, Radio, RadioHandle};
use numbercloak::simulator::scenario::Scenario;
use numbercloak::store::network_ranges::NetworkKind;
use numbercloak::store::operators::HintForm;

use super::landing::Landing;
use super::tour::Tour;
use super::{Chromium, DESKTOP, Kind, PHONE, PHONE_WITHOUT_SCRIPTS};
use crate::support::app::{App, NUMBER, OPERATOR};
use crate::support::radio::on_air;
use crate::support::rp::Wish;

/// A world in which a browser is a phone on somebody's Wi-Fi.
async fn on_wifi(kind: Kind) -> Option<(Tour, Radio)> {
    super::driver::driver().await?;
    let landing = Landing::start().await;
    let app = landing.app().start().await;
    let radio = on_air(&app, vec![(OPERATOR.to_owned(), app.operator.clone())]).await;
    app.edit_operator(|operator| operator.login_hint = HintForm::None)
        .await;
    let tour = join(kind, app, landing, &radio).await;
    Some((tour, radio))
}

async fn join(kind: Kind, app: App, landing: Landing, radio: &Radio) -> Tour {
    let proxy = Some(radio.handle().proxy());
    let browser = Chromium::start(Kind { proxy, ..kind }).await;
    Tour {
        app,
        browser: browser.expect("there was a driver"),
        landing,
    }
}

fn switch_to_mobile_data(air: &RadioHandle) {
    let number = PhoneNumber::from_e164(NUMBER).unwrap();
    let attached = Attachment::Mobile(OPERATOR.to_owned(), number);
    air.attach(attached).unwrap();
}

async fn depart(tour: &Tour) -> crate::support::rp::Departure {
    let departure = tour.open(&Wish::of(NUMBER)).await;
    tour.browser.shows("Check your number").await;
    tour.browser.press("Continue").await;
    departure
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_goes_on_by_itself_when_the_phone_leaves_its_wifi() {
    let Some((tour, radio)) = on_wifi(PHONE).await else {
        return;
    };
    let departure = depart(&tour).await;
    tour.browser.shows("Switch to mobile data").await;
    tour.browser.says("This phone is on Wi-Fi.").await;
    tour.browser
        .says("We notice when you switch, and go on by ourselves.")
        .await;
    tour.browser.look("s06-wifi").await;
    switch_to_mobile_data(&radio.handle());
    let code = tour.answer(&departure).await;
    let signed_in = tour.app.shop.redeem(&departure, code.code()).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_a_button_goes_on_when_the_phone_has_left_its_wifi() {
    let Some((tour, radio)) = on_wifi(PHONE_WITHOUT_SCRIPTS).await else {
        return;
    };
    let departure = depart(&tour).await;
    tour.browser.shows("Switch to mobile data").await;
    let text = tour.browser.text().await;
    assert!(!text.contains("We notice"), "nobody looks: {text}");
    tour.browser.look("s06-wifi").await;
    switch_to_mobile_data(&radio.handle());
    tour.browser.press("Try again").await;
    let code = tour.answer(&departure).await;
    tour.app.shop.redeem(&departure, code.code()).await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hides_the_phone_is_named() {
    let Some((tour, radio)) = on_wifi(PHONE).await else {
        return;
    };
    let app = &tour.app;
    let wifi = "127.0.64.0/24".parse().unwrap();
    for (kind, title, screen) in [
        (NetworkKind::Relay, "Turn off Private Relay", "s06-relay"),
        (NetworkKind::Vpn, "Turn off your VPN", "s06-vpn"),
    ] {
        network_ranges::load(&app.desk(), kind, &[wifi])
            .await
            .unwrap();
        app.state().forget("operators").await;
        let departure = depart(&tour).await;
        tour.browser.shows(title).await;
        tour.browser.look(screen).await;
        let told = ("access_denied", "not_on_mobile_network");
        tour.returns(&departure, "Return to shop", told).await;
        network_ranges::load(&app.desk(), kind, &[]).await.unwrap();
    }
    // On mobile data, and still not seen: two SIMs.
    app.state().forget("operators").await;
    switch_to_mobile_data(&radio.handle());
    app.operator.set_override(Scenario::with_code(3004));
    depart(&tour).await;
    tour.browser.shows("We could not see your SIM").await;
    tour.browser.press("Still not working?").await;
    tour.browser.look("s07-no-sim").await;
    tour.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computer_behind_a_phone_is_told_to_use_the_phone() {
    let Some((tour, radio)) = on_wifi(DESKTOP).await else {
        return;
    };
    switch_to_mobile_data(&radio.handle());
    tour.app.operator.set_override(Scenario::with_code(3004));
    depart(&tour).await;
    tour.browser.shows("Use the phone itself").await;
    tour.browser.look("s06-hotspot").await;
    tour.browser.end().await;
}
