//! A passkey from Chromium's own authenticator: added, used to sign in and to confirm, and none where there is none.

use numbercloak::store::staff::Role;
use serde_json::json;

use super::Office;
use crate::chromium::PHONE;
use crate::chromium::driver::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_is_added_and_signs_in_and_confirms() {
    let Some(office) = Office::open(PHONE).await else {
        return;
    };
    let (app, browser) = (&office.app, &office.browser);
    let authenticator = json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
        "hasUserVerification": true, "isUserVerified": true, "isUserConsenting": true,
    });
    let added = Command::new("webauthn/authenticator", authenticator);
    let authenticator = browser.client.issue_cmd(added).await.unwrap();
    office.enters(Role::Owner).await;

    office
        .visit("/admin/account/passkeys", "Your passkeys")
        .await;
    browser.fill("name", "laptop").await;
    browser.submit("Add it").await;
    browser
        .says("Added. You can sign in with it from now on.")
        .await;
    let table = browser.text_of("table").await;
    assert!(
        table.contains("laptop") && table.contains("never"),
        "{table}"
    );
    browser.face("passkeys").await;

    browser.submit("Sign out").await;
    browser.shows("Sign in to the console").await;
    browser.submit("Sign in with a passkey").await;
    browser.shows("Overview").await;
    assert!(browser.text().await.contains("owner@example.com"));

    app.clock.advance(std::time::Duration::from_secs(6 * 60));
    office.visit("/admin/staff", "Staff").await;
    browser.follow("Confirm that it is you").await;
    browser.shows("Confirm that it is you").await;
    browser.face("confirm").await;
    browser.submit("Confirm with a passkey").await;
    browser.shows("Staff").await;
    browser.says("Make a setup link").await;

    // Whoever is not the one whose finger it wants is told so, and may go back.
    let stranger = json!({"authenticatorId": authenticator, "isUserVerified": false});
    browser.devtools("WebAuthn.setUserVerified", stranger).await;
    browser.submit("Sign out").await;
    browser.shows("Sign in to the console").await;
    browser.submit("Sign in with a passkey").await;
    browser.says("It did not come about.").await;
    browser.face("passkey-in-vain").await;
    browser.follow("Go back").await;
    browser.shows("Sign in to the console").await;
    office.browser.end().await;
}
