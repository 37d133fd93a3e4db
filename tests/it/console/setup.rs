//! Setup links: once, within an hour, and nothing by looking.

use std::time::Duration;

use numbercloak::admin::staff;
use numbercloak::store::staff::Role;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::console::{PASSWORD, code, set_up, sign_in, text_of, wait_for_the_next_code};

async fn first_owner_link(app: &App) -> String {
    let link = staff::setup_link(&app.desk(), None).await.unwrap();
    link.url(&app.state().config.issuer)
}

async fn fill_in(app: &App, browser: &mut Browser, changed: &[(&str, &str)]) {
    let secret = text_of(browser, "totp-secret").replace(' ', "");
    let code = code(&secret, app);
    let mut fields = vec![
        ("email", "owner@example.com"),
        ("password", PASSWORD),
        ("password_again", PASSWORD),
        ("code", code.as_str()),
    ];
    fields.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    fields.extend(changed);
    browser.press_with("Set up and sign in", &fields).await;
}

#[tokio::test]
async fn the_first_owner_is_made_by_the_link_and_is_signed_in_with_recovery_codes() {
    let app = App::start().await;
    let link = first_owner_link(&app).await;
    let mut browser = app.browser();
    let account = set_up(&app, &mut browser, &link, "owner@example.com").await;
    assert_eq!(account.recovery.len(), 8);
    browser.follow("/admin").await;
    assert_eq!(browser.title(), "Overview");
    assert!(browser.page().document.text.contains("owner@example.com"));
    let cookies = browser.cookies("localhost");
    assert!(cookies.iter().any(|cookie| cookie.name == "nc_staff"));
}

#[tokio::test]
async fn a_used_or_late_or_replaced_or_invented_link_is_gone_and_says_what_to_do() {
    let app = App::start().await;
    let replaced = first_owner_link(&app).await;
    let used = first_owner_link(&app).await;
    let mut browser = app.browser();
    set_up(&app, &mut browser, &used, "owner@example.com").await;
    let late = staff::create(&app.desk(), "late@example.com", Role::Admin).await;
    let late = late.unwrap().url(&app.state().config.issuer);
    app.clock.advance(Duration::from_secs(3600));
    let invented = format!("{}/setup/{}", app.issuer, "A".repeat(43));
    let broken = format!("{}/setup/x", app.issuer);
    for link in [replaced, used, late, invented, broken] {
        let mut other = app.browser();
        other.open(&link).await;
        assert_eq!(other.page().status, 410, "{link}");
        let text = &other.page().document.text;
        assert!(text.contains("numbercloak staff setup-link"), "{text}");
    }
}

#[tokio::test]
async fn looking_at_a_link_changes_nothing_and_shows_the_same_secret_again() {
    let app = App::start().await;
    let link = first_owner_link(&app).await;
    let mut browser = app.browser();
    browser.open(&link).await;
    let secret = text_of(&browser, "totp-secret");
    assert!(browser.page().source.contains("<svg role=\"img\""));
    let mut scanner = app.browser();
    scanner.open(&link).await;
    assert_eq!(text_of(&scanner, "totp-secret"), secret);
    let account = set_up(&app, &mut browser, &link, "owner@example.com").await;
    assert_eq!(account.secret, secret.replace(' ', ""));
}

#[tokio::test]
async fn what_cannot_be_is_told_beside_its_field_and_the_link_still_works() {
    let app = App::start().await;
    let link = first_owner_link(&app).await;
    let mut browser = app.browser();
    browser.open(&link).await;
    for (changed, told) in [
        (vec![("email", "nobody")], "name@example.com"),
        (
            vec![("password", "short"), ("password_again", "short")],
            "at least 12 characters",
        ),
        (
            vec![
                ("password", "password1234"),
                ("password_again", "password1234"),
            ],
            "first that others would guess",
        ),
        (
            vec![("password_again", "another one here")],
            "is not the same",
        ),
        (vec![("code", "000000")], "not the one the app shows"),
    ] {
        fill_in(&app, &mut browser, &changed).await;
        assert_eq!(browser.page().status, 422, "{told}");
        let text = &browser.page().document.text;
        assert!(text.contains(told), "{told}: {text}");
        assert!(!browser.page().source.contains("value=\"password1234\""));
    }
    assert!(staff::list(&app.desk()).await.unwrap().is_empty());
    fill_in(&app, &mut browser, &[]).await;
    assert_eq!(browser.title(), "Your recovery codes");
}

#[tokio::test]
async fn of_two_who_use_one_link_at_once_one_gets_in() {
    let app = App::start().await;
    let link = first_owner_link(&app).await;
    let (mut one, mut other) = (app.browser(), app.browser());
    one.open(&link).await;
    other.open(&link).await;
    tokio::join!(
        fill_in(&app, &mut one, &[("email", "one@example.com")]),
        fill_in(&app, &mut other, &[("email", "other@example.com")]),
    );
    let mut statuses = [one.page().status.as_u16(), other.page().status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 410]);
    assert_eq!(staff::list(&app.desk()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_link_for_an_account_ends_its_sessions_and_what_it_had() {
    let app = App::start().await;
    let link = first_owner_link(&app).await;
    let mut browser = app.browser();
    let before = set_up(&app, &mut browser, &link, "owner@example.com").await;
    let link = staff::setup_link(&app.desk(), Some("owner@example.com")).await;
    let link = link.unwrap().url(&app.state().config.issuer);
    wait_for_the_next_code(&app);
    let mut phone = app.browser();
    let after = set_up(&app, &mut phone, &link, "owner@example.com").await;
    assert_ne!(before.secret, after.secret);
    browser.follow("/admin").await;
    assert_eq!(browser.title(), "Sign in to the console");
    wait_for_the_next_code(&app);
    for code in [before.code(&app), before.recovery[0].clone()] {
        sign_in(&mut browser, "owner@example.com", PASSWORD, &code).await;
        assert_eq!(browser.page().status, 401);
    }
    sign_in(
        &mut browser,
        "owner@example.com",
        PASSWORD,
        &after.code(&app),
    )
    .await;
    assert_eq!(browser.title(), "Overview");
}
