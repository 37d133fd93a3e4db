//! From nothing to an app that signs people in, by the console alone; and what becomes of its
//! secrets.

use std::time::Duration;

use numbercloak::admin::{clients, staff};
use numbercloak::store::checks::Policy;
use numbercloak::store::clients::{Client, Confirm, Handoff};
use numbercloak::store::staff::Role;

use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::console::{
    Account, PASSWORD, set_up, signed_in, text_of, wait_for_the_next_code,
};
use crate::support::rp::{Rp, Wish};

const REDIRECT_URI: &str = "https://bakery.example/callback";

async fn register(browser: &mut Browser, name: &str, kind: &str) {
    browser.follow("/admin/clients").await;
    browser.follow("/admin/clients/new").await;
    let fields = [
        ("name", name),
        ("kind", kind),
        ("redirect_uris", REDIRECT_URI),
    ];
    browser.press_with("Register", &fields).await;
}

async fn shop(app: &App) -> Client {
    clients::show(&app.desk(), "shop").await.unwrap()
}

/// The app that the page shows, with its secret if it has one.
fn made(app: &App, browser: &Browser) -> Rp {
    let client_id = text_of(browser, "client-id");
    let has_secret = browser.page().source.contains("id=\"client-secret\"");
    let secret = has_secret.then(|| text_of(browser, "client-secret"));
    Rp::new(&app.issuer, &client_id, secret, REDIRECT_URI, &app.clock)
}

/// A console in which an app was just registered.
async fn with_an_app(kind: &str) -> (App, Browser, Account, Rp) {
    let app = App::start().await;
    let (mut browser, account) = signed_in(&app, Role::Admin).await;
    register(&mut browser, "Bakery", kind).await;
    assert_eq!(browser.title(), "Your app is registered");
    let rp = made(&app, &browser);
    browser.follow(&page_of(&rp)).await;
    (app, browser, account, rp)
}

fn page_of(rp: &Rp) -> String {
    format!("/admin/clients/{}", rp.client_id)
}

/// A person signs in; how the app's request for tokens is answered.
async fn redeems(app: &App, rp: &Rp) -> u16 {
    let mut person = app.browser();
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    person.open(&departure.url).await;
    person.press("Continue").await;
    let answer = rp.answer(&departure, person.left());
    rp.redeem_raw(&departure, answer.code()).await.0
}

#[tokio::test]
async fn with_nothing_but_the_setup_link_an_owner_has_an_app_that_signs_people_in() {
    let app = App::start().await;
    let link = staff::setup_link(&app.desk(), None).await.unwrap();
    let mut browser = app.browser();
    let url = link.url(&app.state().config.issuer);
    set_up(&app, &mut browser, &url, "owner@example.com").await;
    browser.follow("/admin").await;
    register(&mut browser, "Bakery", "web").await;
    assert_eq!(browser.title(), "Your app is registered");
    let rp = made(&app, &browser);
    let environment = text_of(&browser, "environment");
    assert!(environment.contains(&format!("OIDC_CLIENT_ID={}", rp.client_id)));
    assert!(environment.contains(rp.secret.as_deref().unwrap()));
    assert_eq!(redeems(&app, &rp).await, 200);
    // Shown once.
    browser.follow(&page_of(&rp)).await;
    assert!(
        !browser
            .page()
            .source
            .contains(rp.secret.as_deref().unwrap())
    );
    browser.follow("/admin").await;
    assert!(
        browser
            .page()
            .document
            .text
            .contains("Sign-ins, 24 hours 1")
    );
}

#[tokio::test]
async fn what_cannot_be_registered_is_told_beside_its_field_and_nothing_written_is_lost() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    for (name, kind, uris, told) in [
        ("", "web", REDIRECT_URI, "Name:"),
        ("Shop", "web", "http://shop.example/", "Redirect URIs:"),
        ("Shop", "web", "https://shop.example/*", "Redirect URIs:"),
        ("Shop", "web", "", "Redirect URIs:"),
        ("Shop", "teapot", REDIRECT_URI, "Choose what the app is"),
    ] {
        browser.follow("/admin/clients/new").await;
        let fields = [("name", name), ("kind", kind), ("redirect_uris", uris)];
        browser.press_with("Register", &fields).await;
        assert_eq!(browser.page().status, 422, "{told}");
        assert!(browser.page().document.text.contains(told), "{told}");
        let form = browser.form("/admin/clients/new");
        let kept = ("redirect_uris".to_owned(), uris.to_owned());
        assert!(form.fields.contains(&kept), "{:?}", form.fields);
    }
}

#[tokio::test]
async fn a_public_app_gets_no_secret_and_must_use_pkce() {
    let (app, _, _, rp) = with_an_app("spa").await;
    assert_eq!(rp.secret, None);
    assert_eq!(redeems(&app, &rp).await, 200);
}

#[tokio::test]
async fn a_new_secret_works_beside_the_old_one_until_that_is_revoked() {
    let (app, mut browser, _, old) = with_an_app("web").await;
    browser.press("Make a new secret").await;
    assert_eq!(browser.title(), "The new secret");
    let new = made(&app, &browser);
    assert_ne!(old.secret, new.secret);
    assert_eq!(redeems(&app, &old).await, 200);
    assert_eq!(redeems(&app, &new).await, 200);
    // The older stands first.
    browser.follow(&page_of(&old)).await;
    browser.press("Revoke now").await;
    let text = &browser.page().document.text;
    assert!(text.contains("The secret is revoked."), "{text}");
    assert_eq!(redeems(&app, &old).await, 401);
    assert_eq!(redeems(&app, &new).await, 200);
}

#[tokio::test]
async fn the_old_secret_ends_with_its_grace() {
    let (app, mut browser, _, old) = with_an_app("web").await;
    browser
        .press_with("Make a new secret", &[("grace_hours", "1")])
        .await;
    let new = made(&app, &browser);
    assert_eq!(redeems(&app, &old).await, 200);
    app.clock.advance(Duration::from_secs(3600));
    assert_eq!(redeems(&app, &old).await, 401);
    assert_eq!(redeems(&app, &new).await, 200);
}

#[tokio::test]
async fn secrets_ask_for_password_and_code_again_after_five_minutes() {
    let (app, mut browser, account, rp) = with_an_app("web").await;
    app.clock.advance(Duration::from_secs(5 * 60));
    browser.press("Make a new secret").await;
    assert_eq!(browser.title(), "Confirm that it is you");
    let mut stolen = browser.clone();
    browser
        .press_with("Confirm", &[("password", PASSWORD), ("code", "000000")])
        .await;
    assert_eq!(browser.page().status, 401);
    let code = account.code(&app);
    browser
        .press_with("Confirm", &[("password", PASSWORD), ("code", &code)])
        .await;
    assert_eq!(browser.page().url.path(), page_of(&rp));
    browser.press("Make a new secret").await;
    assert_eq!(browser.title(), "The new secret");
    // The cookie of before is nobody's now.
    stolen.follow("/admin").await;
    assert_eq!(stolen.title(), "Sign in to the console");
    wait_for_the_next_code(&app);
}

#[tokio::test]
async fn a_disabled_app_is_refused_and_an_enabled_one_is_not() {
    let (app, mut browser, _, rp) = with_an_app("web").await;
    browser.press("Disable this app").await;
    let mut person = app.browser();
    let departure = rp.depart(&Wish::of(NUMBER)).await;
    person.open(&departure.url).await;
    assert_eq!(person.page().status, 400);
    browser.press("Enable this app").await;
    assert_eq!(redeems(&app, &rp).await, 200);
}

#[tokio::test]
async fn settings_are_saved_and_an_edit_of_what_somebody_changed_meanwhile_is_not() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/clients/shop/settings").await;
    let mut later = browser.clone();
    browser
        .press_with(
            "Save",
            &[
                ("confirm", "always"),
                ("post_logout_redirect_uris", "https://shop.example/bye"),
                ("quota_per_month", "500"),
            ],
        )
        .await;
    assert!(browser.page().document.text.contains("Saved."));
    let client = shop(&app).await;
    assert_eq!(client.settings.quota_per_month, Some(500));
    assert_eq!(client.settings.confirm, Confirm::Always);
    assert_eq!(
        client.settings.post_logout_redirect_uris,
        ["https://shop.example/bye"]
    );
    assert_eq!(client.settings.fresh_for_s, 0);
    // A form that was opened before is not saved over what came since, whatever else is wrong with it.
    later
        .press_with("Save", &[("name", "Other"), ("fresh_for_s", "soon")])
        .await;
    assert_eq!(later.page().status, 422);
    assert!(later.page().source.contains("value=\"soon\""));
    later.press_with("Save", &[("fresh_for_s", "60")]).await;
    assert_eq!(later.page().status, 409);
    let text = &later.page().document.text;
    assert!(text.contains("Somebody else changed it"), "{text}");
    // It is not lost either.
    later.press("Save").await;
    let now = shop(&app).await;
    assert_eq!((now.name.as_str(), now.settings.fresh_for_s), ("Other", 60));
    browser.follow("/admin/clients/shop/settings").await;
    browser.press_with("Save", &[("fresh_for_s", "9999")]).await;
    assert_eq!(browser.page().status, 422);
    assert!(browser.page().document.text.contains("fresh_for_s"));
}

#[tokio::test]
async fn hand_off_and_extra_checks_are_set_by_the_form() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/clients/shop/settings").await;
    let wanted = [
        ("handoff", "yes"),
        ("sim_swap", "require"),
        ("sim_swap_hours", "2 days"),
        ("sim_swap_fail_open", "yes"),
        ("number_recycling", "report"),
    ];
    browser.press_with("Save", &wanted).await;
    assert_eq!(browser.page().status, 422);
    assert!(
        browser
            .page()
            .document
            .text
            .contains("sim_swap_hours: write a whole number")
    );
    assert_eq!(shop(&app).await.settings.handoff, Handoff::Off);
    // The rest was kept in the form.
    browser
        .press_with("Save", &[("sim_swap_hours", "48")])
        .await;
    let settings = shop(&app).await.settings;
    let checks = settings.checks;
    assert_eq!(settings.handoff, Handoff::On);
    assert_eq!(checks.sim_swap.policy, Policy::Require);
    assert_eq!(checks.sim_swap.max_age_hours, 48);
    assert!(checks.sim_swap.fail_open && !checks.number_recycling.fail_open);
    assert_eq!(checks.number_recycling.policy, Policy::Report);
}
