//! A phone on the pretend radio network: what our server and the operators see is where its connections
//! come from, as in the field.

use numbercloak::phone::PhoneNumber;
use numbercloak::simulator::radio::{Attachment, Radio, RadioHandle};

use super::{Country, QUESTION};
use crate::journeys::assert_nothing_slipped_out;
use crate::support::app::{NUMBER, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::radio;
use crate::support::rp::Wish;

fn number(text: &str) -> PhoneNumber {
    PhoneNumber::from_e164(text).unwrap()
}

pub(super) fn mobile(operator: &str, sim: &str) -> Attachment {
    Attachment::Mobile(operator.to_owned(), number(sim))
}

/// A radio in front of Bluewave and Kestrel, whose addresses an admin has loaded.
pub(super) async fn on_air(country: &Country) -> Radio {
    let operators = vec![
        ("bluewave".to_owned(), country.bluewave.handle()),
        ("kestrel".to_owned(), country.kestrel.handle()),
    ];
    radio::on_air(&country.app, operators).await
}

/// The operators hint nothing to themselves: only the connection tells the SIM.
pub(super) async fn without_hints(country: &Country) {
    for alias in ["bluewave", "kestrel"] {
        country
            .app
            .edit_operator_at(alias, |operator| {
                operator.login_hint = numbercloak::store::operators::HintForm::None;
            })
            .await;
    }
}

pub(super) fn phone(country: &Country, radio: &RadioHandle) -> Browser {
    Browser::through(&country.app.clock, radio.proxy())
}

#[tokio::test]
async fn the_network_that_carries_the_phone_decides_and_vouches() {
    let country = Country::new().await;
    let app = &country.app;
    without_hints(&country).await;
    let radio = on_air(&country).await;
    let air = radio.handle();
    for operator in ["bluewave", "kestrel"] {
        let address = air.attach(mobile(operator, NUMBER)).unwrap();
        let mut browser = phone(&country, &air);
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        let login = browser.login();
        browser.press("Continue").await;
        let signed_in = app.redeem(&browser, &departure).await;
        assert_eq!(
            signed_in.claims["number_verification"]["operator"],
            operator
        );
        assert_eq!(
            app.legs(login).await,
            [format!("{operator} address verified")]
        );
        assert!(air.network_of(operator).unwrap().contains(&address));
        let passed = air.passed();
        assert!(passed.iter().rev().take(3).all(|one| one.from == address));
    }
}

#[tokio::test]
async fn another_sim_than_the_number_s_does_not_match() {
    let country = Country::new().await;
    let app = &country.app;
    without_hints(&country).await;
    let radio = on_air(&country).await;
    let air = radio.handle();
    air.attach(mobile("bluewave", OTHER_NUMBER)).unwrap();
    let mut browser = phone(&country, &air);
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    browser.press("Continue").await;
    assert_eq!(browser.title(), "This number does not match");
    assert_nothing_slipped_out(app).await;
}

#[tokio::test]
async fn on_wifi_no_operator_sees_the_phone_until_it_switches_to_mobile_data() {
    let country = Country::new().await;
    let app = &country.app;
    without_hints(&country).await;
    let radio = on_air(&country).await;
    let air = radio.handle();
    let mut browser = phone(&country, &air);
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = browser.login();
    browser.press("Continue").await;
    // The address is nobody's: the person says who it is.
    assert_eq!(browser.title(), QUESTION);
    browser.press("Bluewave").await;
    assert_eq!(browser.title(), "Switch to mobile data");
    assert_nothing_slipped_out(app).await;
    air.attach(mobile("bluewave", NUMBER)).unwrap();
    browser.press("Try again").await;
    app.redeem(&browser, &departure).await;
    let legs = [
        "bluewave person not_on_mobile_network",
        "bluewave address verified",
    ];
    assert_eq!(app.legs(login).await, legs);
}

#[tokio::test]
async fn a_subscriber_of_one_operator_is_a_stranger_to_the_other() {
    let country = Country::new().await;
    let app = &country.app;
    without_hints(&country).await;
    let radio = on_air(&country).await;
    let air = radio.handle();
    air.attach(mobile("kestrel", NUMBER)).unwrap();
    let mut browser = phone(&country, &air);
    let wish = Wish::of(NUMBER).with("idp_hint", "bluewave");
    app.open(&mut browser, &wish).await;
    browser.press("Continue").await;
    // The address is a mobile network's, so that is not what is wrong.
    assert_eq!(browser.title(), "We could not see your SIM");
    assert_nothing_slipped_out(app).await;
}

#[tokio::test]
async fn a_phone_without_network_gets_nowhere_and_comes_back() {
    let country = Country::new().await;
    let app = &country.app;
    let radio = on_air(&country).await;
    let air = radio.handle();
    air.attach(mobile("bluewave", NUMBER)).unwrap();
    let mut browser = phone(&country, &air);
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    let page = browser.clone();
    assert_eq!(air.attach(Attachment::Nothing), None);
    browser.press("Continue").await;
    assert_eq!(browser.page().status, 502);
    air.attach(mobile("bluewave", NUMBER)).unwrap();
    let mut browser = page;
    browser.press("Continue").await;
    app.redeem(&browser, &departure).await;
}
