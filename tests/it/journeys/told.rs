//! Logins whose number the operator tells (`device-phone-number`): nothing to type, and the person is
//! asked after the check and before the release.

use numbercloak::simulator::{Device, Whose};

use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::rp::{Answer, Wish};

const SCOPE: &str =
    "openid dpv:FraudPreventionAndDetection number-verification:device-phone-number:read";

async fn app() -> App {
    App::builder()
        .operator(|operator| operator.scope_device_phone_number = Some(SCOPE.to_owned()))
        .start()
        .await
}

/// The SIM behind everything that comes from this machine.
fn sim(app: &App, number: &str) {
    let device = Device::parse(number).unwrap();
    let here = "127.0.0.1".parse().unwrap();
    app.operator.set_sim(Whose::Address(here), Some(device));
}

async fn begin(app: &App, scopes: &[&'static str]) -> (Browser, crate::support::rp::Departure) {
    let mut browser = app.browser();
    let wish = Wish::new().scopes(scopes);
    let departure = app.open(&mut browser, &wish).await;
    (browser, departure)
}

#[tokio::test]
async fn the_person_is_asked_after_the_check_and_only_then_the_number_is_released() {
    let app = app().await;
    sim(&app, NUMBER);
    let (mut browser, departure) = begin(&app, &["openid", "phone"]).await;
    assert_eq!(browser.title(), "Share your number with shop?");
    assert!(!browser.page().source.contains("990700000"));
    assert_eq!(codes(&app).await, 0, "no code before the go-ahead");
    browser.press("Share my number").await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert_eq!(signed_in.claims["phone_number"], NUMBER);
    let verification = &signed_in.claims["number_verification"];
    assert_eq!(verification["method"], "device_phone_number");
    assert_eq!(verification["pinned"], false);
    let login = app.only_login().await;
    let story = app.story(login).await;
    assert_eq!(
        story,
        [
            "LOGIN_STARTED",
            "OPERATOR_SELECTED",
            "NUMBER_VERIFIED verified",
            "LOGIN verified",
            "GRANT_CONSENT",
            "CODE_TO_TOKEN"
        ]
    );

    // The same browser, the same number: no page of ours is left to ask anything.
    let departure = app
        .open(&mut browser, &Wish::new().scopes(&["openid", "phone"]))
        .await;
    app.redeem(&browser, &departure).await;

    // Another SIM in the same browser is another subject: asked again.
    sim(&app, OTHER_NUMBER);
    app.open(&mut browser, &Wish::new().scopes(&["openid", "phone"]))
        .await;
    assert_eq!(browser.title(), "Share your number with shop?");
}

#[tokio::test]
async fn a_check_that_was_made_does_not_get_older_than_a_sign_in_may_be() {
    let app = app().await;
    sim(&app, NUMBER);
    let (mut browser, _) = begin(&app, &["openid", "phone"]).await;
    let login = browser.login();
    app.clock.advance(std::time::Duration::from_secs(13 * 60));
    browser.follow(&format!("/login/{login}")).await;
    let text = &browser.page().document.text;
    assert!(text.contains("ends in less than 3 minutes"), "{text}");
    assert!(!text.contains("I need more time"), "{text}");
    browser.forge("more-time", &[]).await;
    app.clock.advance(std::time::Duration::from_secs(2 * 60));
    browser.follow(&format!("/login/{login}")).await;
    assert_eq!(browser.title(), "This page has expired");
}

#[tokio::test]
async fn who_does_not_share_leaves_nothing() {
    let app = app().await;
    sim(&app, NUMBER);
    let (mut browser, departure) = begin(&app, &["openid", "phone"]).await;
    browser.press("Do not share").await;
    assert_eq!(
        app.answer(&browser, &departure),
        Answer::Error("access_denied".to_owned(), "consent_denied".to_owned())
    );
    assert_eq!(codes(&app).await, 0);
}

#[tokio::test]
async fn a_number_the_app_did_not_name_is_not_told_without_the_phone_scope() {
    let app = app().await;
    sim(&app, NUMBER);
    let (mut browser, departure) = begin(&app, &["openid", "number_verified"]).await;
    browser.press("Share my number").await;
    let signed_in = app.redeem(&browser, &departure).await;
    assert!(signed_in.claims.get("phone_number").is_none());
    assert!(signed_in.claims.get("phone_number_verified").is_none());
    assert_eq!(
        signed_in.claims["number_verification"]["operator"],
        "simulator"
    );
}

#[tokio::test]
async fn an_operator_that_tells_a_number_outside_its_prefixes_opens_nothing() {
    let app = app().await;
    app.edit_operator(|operator| operator.prefixes = vec!["99071".to_owned()])
        .await;
    sim(&app, NUMBER);
    let (browser, _) = begin(&app, &["openid", "phone"]).await;
    assert_eq!(browser.title(), "Your operator is not supported yet");
    assert_eq!(codes(&app).await, 0);
}

async fn codes(app: &App) -> i64 {
    sqlx::query_scalar("select count(*) from codes")
        .fetch_one(&mut app.database.owner().await)
        .await
        .unwrap()
}
