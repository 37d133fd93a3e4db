//! Operators: connected by preset and by discovery, tested step by step, with one's own phone, and paused.

use numbercloak::store::staff::Role;

use super::Office;
use crate::chromium::handoff::read;
use crate::chromium::{DESKTOP, PHONE};
use crate::support::app::NUMBER;

const SIMULATOR: &str = "/admin/operators/simulator";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_are_connected_by_preset_and_by_discovery() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let browser = &office.browser;
    office.enters(Role::Admin).await;
    let secret_presets = numbercloak::admin::presets::all()
        .iter()
        .filter(|(_, preset)| preset.credential == numbercloak::admin::presets::Credential::Secret);
    let (name, preset) = secret_presets.into_iter().next().unwrap();
    let title = format!("Connect: {}", preset.title);
    office
        .visit(&format!("/admin/operators/new/{name}"), &title)
        .await;
    for (field, text) in [
        ("alias", "north"),
        ("name", "North"),
        ("base", "https://north.example"),
        ("client_id", "us"),
        ("client_secret", "a secret of theirs"),
        ("prefixes", "+990"),
    ] {
        browser.fill(field, text).await;
    }
    browser.submit("Connect").await;
    browser.settled().await;
    browser.wait_for_alert().await;
    let text = browser.text().await;
    assert!(!text.contains("a secret of theirs"));
    browser.face("operator-refused").await;
    browser.fill("client_secret", "a secret of theirs").await;
    browser.fill("prefixes", "+4470, 4471").await;
    browser.submit("Connect").await;
    browser.shows("North").await;
    browser.says("+4471").await;

    office
        .visit("/admin/operators/new/discovery", "Connect by discovery")
        .await;
    browser.fill("issuer", "http://127.0.0.1:9/nothing").await;
    browser.submit("Read its document").await;
    browser.says("The document could not be used").await;
    browser.face("operator-import-refused").await;
    let issuer = format!("http://{}", office.app.operator_address());
    browser.fill("issuer", &issuer).await;
    browser.submit("Read its document").await;
    browser.says("Read from its discovery document.").await;
    browser.face("operator-found").await;
    let endpoint = "return document.querySelector('[name=token_endpoint]').value";
    let endpoint = browser.compute(endpoint).await;
    assert!(
        endpoint.as_str().unwrap().starts_with(&issuer),
        "{endpoint}"
    );
    browser.fill("alias", "south").await;
    browser.fill("name", "South").await;
    browser.choose("test", "yes").await;
    browser.fill("client_id", "numbercloak").await;
    browser.fill("client_secret", "a secret of theirs").await;
    browser.select("token_auth", "client_secret_basic").await;
    browser.fill("prefixes", "+990").await;
    browser.submit("Connect").await;
    browser.shows("South").await;
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_is_tested_by_steps_and_by_phone_and_paused() {
    let Some(office) = Office::open(DESKTOP).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    office.enters(Role::Admin).await;
    office.visit(SIMULATOR, "Simulator").await;
    assert_eq!(
        browser.copies("callback").await,
        format!("{}/broker/simulator/endpoint", app.issuer)
    );
    browser.submit("Test the connection").await;
    browser.says("client_authentication good").await;
    assert!(!browser.text().await.contains("not good"));
    browser.face("operator-tested").await;
    app.edit_operator(|settings| settings.client_id = "stranger".to_owned())
        .await;
    browser.submit("Test the connection").await;
    browser.says("not good").await;
    browser.face("operator-tested-in-vain").await;
    app.edit_operator(|settings| settings.client_id = "numbercloak".to_owned())
        .await;
    browser.submit("Pause this operator").await;
    browser.says("Paused.").await;
    browser.face("operator-paused").await;
    browser.submit("Ask it again").await;
    browser.says("Resumed.").await;

    browser.follow("Test with my phone").await;
    browser.shows("Test with my phone").await;
    browser.fill("number", "+447700900123").await;
    browser.submit("Show the code").await;
    browser.wait_for_alert().await;
    browser.face("phone-test-refused").await;
    browser.fill("number", NUMBER).await;
    browser.submit("Show the code").await;
    browser.says("Waiting for the phone.").await;
    browser.face("phone-test").await;
    let link = browser.text_of("#phone-test-link").await;
    // What the camera sees, where nothing else is on the screen.
    assert_eq!(read(&browser.picture().await), link);
    let page = browser.client.current_url().await.unwrap();
    browser.open(&link).await;
    browser.shows("Test this phone").await;
    browser.face("phone-test-on-the-phone").await;
    browser.open(&page).await;
    browser.says("Waiting for the phone.").await;
    let mut phone = app.browser();
    phone.open(&link).await;
    phone.press("Check this phone").await;
    assert_eq!(phone.title(), "Confirmed");
    // The page looks again by itself.
    browser.says("Confirmed: the operator says").await;
    browser.face("phone-test-done").await;
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_an_operator_is_set_loaded_and_taken_away() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let browser = &office.browser;
    office.enters(Role::Admin).await;
    office.visit("/admin/operators", "Operators").await;
    browser.follow("telco finder").await;
    browser.shows("Telco finder").await;
    browser
        .fill("url", "https://finder.example/telco-finder/v1/search")
        .await;
    browser.select("auth", "client_credentials").await;
    browser.fill("client_id", "numbercloak").await;
    browser.fill("secret", "a secret of theirs").await;
    browser.fill("prefixes", "+34").await;
    browser.submit("Save").await;
    browser.wait_for_alert().await;
    browser.face("telco-finder-refused").await;
    browser.fill("secret", "a secret of theirs").await;
    browser
        .fill("token_endpoint", "https://finder.example/token")
        .await;
    browser.submit("Save").await;
    browser.says("Saved.").await;
    browser.says("sealed, never shown").await;
    browser.face("telco-finder-set").await;
    browser.choose("sure", "yes").await;
    browser.submit("Remove it").await;
    browser.says("None is asked.").await;

    office
        .visit("/admin/networks", "Networks that hide a phone")
        .await;
    browser.follow("Private relays").await;
    browser.shows("Private relays").await;
    browser.fill("networks", "192.0.2.0/33").await;
    browser.submit("Load them").await;
    browser.wait_for_alert().await;
    browser.face("networks-refused").await;
    browser.fill("networks", "192.0.2.0/24, ES").await;
    browser.submit("Load them").await;
    browser.says("Saved.").await;
    browser.face("networks-loaded").await;
    browser.choose("sure", "yes").await;
    browser.submit("Forget them").await;
    browser.says("They are forgotten.").await;
    office.browser.end().await;
}
