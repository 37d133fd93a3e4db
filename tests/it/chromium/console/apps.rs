//! Apps: found among many, set up, their secrets changed, and dressed in their own colours.

use image::ImageFormat;
use numbercloak::store::staff::Role;
use serde_json::json;

use super::hands::{ENTER, TAB};
use super::{Office, seed};
use crate::chromium::{DESKTOP, PHONE};
use crate::console::branding::picture;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_found_among_many_by_keyboard_alone() {
    let Some(office) = Office::open(DESKTOP).await else {
        return;
    };
    let browser = &office.browser;
    seed::many_apps(&office.app).await;
    office.enters(Role::Auditor).await;
    office.visit("/admin/clients", "Clients").await;
    // The first stop leads past the navigation.
    browser.key(TAB).await;
    let focused = "return document.activeElement.textContent + ' ' + document.activeElement.getBoundingClientRect().top";
    let first = browser.compute(focused).await;
    assert!(
        first.as_str().unwrap().starts_with("Skip to content 8"),
        "{first}"
    );
    browser.key(ENTER).await;
    let main = "return document.activeElement.id";
    assert_eq!(browser.compute(main).await, "main");
    let mut stops = Vec::new();
    for _ in 0..3 {
        browser.key(TAB).await;
        let stop = "const e = document.activeElement; return e.name || e.textContent.trim()";
        stops.push(browser.compute(stop).await);
    }
    // No button to register: auditors only read.
    assert_eq!(stops, ["q", "Search", "App number 1"]);

    browser.fill("q", "number 42").await;
    browser.key(ENTER).await;
    browser.says("app-00042").await;
    assert!(!browser.text().await.contains("app-00001"));
    browser.fill("q", "nothing at all").await;
    browser.submit("Search").await;
    browser.says("Nothing found.").await;
    browser.face("clients-none").await;
    browser.follow("All apps").await;
    browser.says("app-00050").await;
    browser.follow("Next page").await;
    browser.says("app-00051").await;
    assert!(!browser.text().await.contains("app-00050"));
    browser.client.back().await.unwrap();
    browser.says("app-00050").await;
    browser.follow("App number 7").await;
    browser.shows("App number 7").await;
    let text = browser.text().await;
    assert!(!text.contains("Make a new secret") && !text.contains("Disable"));
    browser.follow("Log").await;
    browser.shows("Audit").await;
    browser.says("App: app-00007").await;
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_set_up_and_its_secret_is_changed() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let browser = &office.browser;
    office.enters(Role::Admin).await;

    office.visit("/admin/clients/new", "Register an app").await;
    browser.fill("name", "Bakery").await;
    browser.choose("kind", "spa").await;
    browser
        .fill("redirect_uris", "http://bakery.example/callback")
        .await;
    browser.submit("Register").await;
    browser.says("Redirect URIs:").await;
    let field = "const e = document.querySelector('textarea');
        return [e.ariaInvalid, e.value, e.getAttribute('aria-describedby').split(' ')
            .map((id) => document.getElementById(id).textContent).join(' '),
            document.querySelector('[name=kind]:checked').value]";
    let field = browser.compute(field).await;
    assert_eq!(field[0], "true");
    assert_eq!(field[1], "http://bakery.example/callback");
    assert!(
        field[2].as_str().unwrap().contains("Redirect URIs: "),
        "{field}"
    );
    assert_eq!(field[3], "spa");
    browser.face("app-refused").await;

    office.visit("/admin/clients/shop", "shop").await;
    browser.select("grace_hours", "1").await;
    browser.submit("Make a new secret").await;
    browser.shows("The new secret").await;
    let secret = browser.text_of("#client-secret").await;
    assert_eq!(browser.copies("client secret").await, secret);
    browser.face("app-new-secret").await;
    browser.follow("To the app's page").await;
    browser.shows("shop").await;
    assert!(!browser.text().await.contains(&secret));
    browser.face("app-two-secrets").await;
    browser.submit("Revoke now").await;
    browser.says("The secret is revoked.").await;

    browser.follow("Settings").await;
    browser.shows("Settings of this app").await;
    browser.fill("fresh_for_s", "a while").await;
    browser.submit("Save").await;
    browser.says("Nothing was saved.").await;
    browser.face("app-settings-refused").await;
    browser.fill("fresh_for_s", "60").await;
    browser.select("confirm", "always").await;
    browser.choose("handoff", "yes").await;
    browser.submit("Save").await;
    browser.says("Saved.").await;

    office.visit("/admin/clients/shop", "shop").await;
    browser.submit("Disable this app").await;
    browser.says("Nobody can sign in with it now.").await;
    browser.face("app-disabled").await;
    browser.submit("Enable this app").await;
    browser.says("Enabled.").await;
    office.browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_shows_its_logo_and_colour_and_its_code() {
    let Some(office) = Office::open(DESKTOP).await else {
        return;
    };
    let browser = &office.browser;
    office.enters(Role::Admin).await;
    office
        .visit("/admin/clients/shop/branding", "Branding")
        .await;
    let folder = std::env::temp_dir();
    let word = numbercloak::secret::b64(&numbercloak::secret::random::<12>());
    let file = folder.join(format!("nc-logo-{word}.png"));
    std::fs::write(&file, picture(300, ImageFormat::Png)).unwrap();
    browser.attach("logo", &file).await;
    browser.submit("Upload").await;
    browser.says("The logo is shown from now on.").await;
    std::fs::remove_file(&file).unwrap();
    browser.settled().await;
    let drawn = "return document.querySelector('.preview img').naturalWidth";
    assert_eq!(browser.compute(drawn).await, 256);
    browser.fill("accent", "#b4005a").await;
    browser.submit("Save").await;
    browser.says("Saved.").await;
    browser.settled().await;
    let colour =
        "return getComputedStyle(document.querySelector('.preview .button')).backgroundColor";
    assert_eq!(browser.compute(colour).await, "rgb(180, 0, 90)");
    browser.face("app-branding").await;

    office
        .visit("/admin/clients/shop/code", "Code for this app")
        .await;
    browser.press("openid-client").await;
    let code = browser.copies("code for openid-client").await;
    assert!(code.contains(&office.app.issuer), "{code}");
    let open = "return document.querySelectorAll('details[open]').length";
    browser.press("Authlib").await;
    assert_eq!(browser.compute(open).await, json!(1), "one at a time");
    office.browser.end().await;
}
