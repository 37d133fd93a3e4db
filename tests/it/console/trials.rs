//! "Try sign-in": the real flow, every check ticked, and nobody else's business.

use numbercloak::admin::clients;
use numbercloak::store::staff::Role;

use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::console::signed_in;
use crate::support::rp::Wish;
use crate::support::wire::count;

const COPIES: &str = "clients where client_id like 'try-%'";

async fn begin(browser: &mut Browser, number: &str) {
    browser.follow("/admin/clients/shop").await;
    browser.follow("/admin/clients/shop/try").await;
    browser
        .press_with("Make the request", &[("number", number)])
        .await;
    assert!(browser.page().url.path().starts_with("/admin/try/"));
}

fn request(browser: &Browser) -> String {
    let links = &browser.page().document.links;
    let (_, url) = links
        .iter()
        .find(|(label, _)| label == "Sign in now")
        .unwrap();
    url.clone()
}

#[tokio::test]
async fn a_trial_runs_the_real_flow_and_ticks_every_check() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    begin(&mut browser, NUMBER).await;
    let request = request(&browser);
    assert!(browser.page().document.text.contains("tel:"));
    browser.open(&request).await;
    assert!(browser.page().document.text.contains("shop"));
    browser.press("Continue").await;
    let text = browser.page().document.text.clone();
    assert!(text.contains("Signed in. Every check passed."), "{text}");
    for check in [
        "signature",
        "iss",
        "aud",
        "exp",
        "nonce",
        "at_hash",
        "userinfo",
    ] {
        assert!(text.contains(&format!("{check} good")), "{check}: {text}");
    }
    assert!(!text.contains("not good"), "{text}");
    // Each step of the way with the time it took, the trip to the operator among them.
    for step in [
        "The app asked for a sign-in",
        "The browser was sent to the operator",
        "The operator confirmed the number",
        "The sign-in ended with a code for the app",
        "The app exchanged the code for tokens",
    ] {
        assert!(text.contains(step), "{step}: {text}");
    }
    assert!(
        text.contains("+0 ms") && text.contains("Verification call"),
        "{text}"
    );
    // The sub is the one that the app itself would get.
    let mut person = app.browser();
    let departure = app.open(&mut person, &Wish::of(NUMBER)).await;
    person.press("Continue").await;
    let own = app.redeem(&person, &departure).await;
    assert!(text.contains(own.claims["sub"].as_str().unwrap()), "{text}");
    // The copy is gone.
    let all = clients::list(&app.desk()).await.unwrap();
    assert!(
        all.iter()
            .all(|client| !client.client_id.starts_with("try-"))
    );
}

#[tokio::test]
async fn a_refusal_is_shown_as_the_app_would_be_told() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    begin(&mut browser, NUMBER).await;
    browser.open(request(&browser)).await;
    browser.press("Cancel").await;
    let text = &browser.page().document.text;
    assert!(text.contains("access_denied"), "{text}");
    assert!(text.contains("The sign-in ended without a code"), "{text}");
    browser.follow("/admin/clients/shop/try").await;
    browser
        .press_with("Make the request", &[("number", "nonsense")])
        .await;
    assert_eq!(browser.page().status, 422);
}

#[tokio::test]
async fn nobody_else_sees_a_trial_and_its_answer_counts_once() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    let (mut other, _) = signed_in(&app, Role::Owner).await;
    begin(&mut browser, NUMBER).await;
    let page = browser.page().url.clone();
    let request = url::Url::parse(&request(&browser)).unwrap();
    other.open(&page).await;
    assert_eq!(other.page().status, 404);
    let (_, state) = request
        .query_pairs()
        .find(|(name, _)| name == "state")
        .unwrap();
    let answer = format!(
        "{}/admin/try/callback?state={state}&error=access_denied",
        app.issuer
    );
    let mut stranger = app.browser();
    stranger.open(&answer).await;
    assert_eq!(stranger.title(), "Sign in to the console");
    stranger.open(&answer).await;
    assert_eq!(stranger.page().status, 404);
    browser.open(&page).await;
    assert!(browser.page().document.text.contains("access_denied"));
    for bad in ["", "?state=x", &format!("?state={}", "A".repeat(43))] {
        stranger
            .open(format!("{}/admin/try/callback{bad}", app.issuer))
            .await;
        assert_eq!(stranger.page().status, 404, "{bad}");
    }
}

#[tokio::test]
async fn a_trial_that_nobody_ends_is_over_with_its_copy() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    begin(&mut browser, NUMBER).await;
    browser.follow("/admin/clients").await;
    assert!(!browser.page().document.text.contains("try-"));
    assert_eq!(count(&app, COPIES).await, 1);
    app.clock.advance(numbercloak::admin::trials::LIFE);
    numbercloak::store::trials::purge(app.state().db.relaxed(), app.clock.now(), 100)
        .await
        .unwrap();
    assert_eq!(count(&app, COPIES).await, 0);
    assert_eq!(count(&app, "staff_trials").await, 0);
}
