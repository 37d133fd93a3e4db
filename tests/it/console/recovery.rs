//! Staff sessions and the ways back in: ending all others, fresh proofs before secrets and keys, and recovery
//! by the command line.

use std::time::Duration;

use http::Method;
use numbercloak::console::rules;
use numbercloak::store::staff::Role;

use crate::support::app::App;
use crate::support::command::run;
use crate::support::console::{PASSWORD, set_up, sign_in, signed_in, wait_for_the_next_code};

#[tokio::test]
async fn all_other_sessions_end_at_once_and_nobody_elses() {
    let app = App::start().await;
    let (mut mine, account) = signed_in(&app, Role::Admin).await;
    let (mut theirs, _) = signed_in(&app, Role::Owner).await;
    let mut others = Vec::new();
    for _ in 0..2 {
        wait_for_the_next_code(&app);
        let mut other = app.browser();
        other.open(format!("{}/admin/login", app.issuer)).await;
        sign_in(&mut other, &account.email, PASSWORD, &account.code(&app)).await;
        assert_eq!(other.title(), "Overview");
        others.push(other);
    }
    mine.follow("/admin/account").await;
    mine.press("End all others").await;
    assert_eq!(mine.title(), "Your account");
    assert!(!mine.page().document.text.contains("End all others"));
    for other in &mut others {
        other.follow("/admin").await;
        assert_eq!(other.title(), "Sign in to the console");
    }
    theirs.follow("/admin").await;
    assert_eq!(theirs.title(), "Overview");
}

/// What touches secrets, keys or people, by the end of its path.
const TOUCHY: [&str; 21] = [
    "/rotate",
    "/revoke",
    "/operators/new/{preset}",
    "/operators/new/discovery/add",
    "/operators/{alias}/settings",
    "/keys/rotate",
    "/staff/invite",
    "/staff/link",
    "/staff/disable",
    "/staff/enable",
    "/staff/{id}/role",
    "/staff/{id}/sessions",
    "/staff/{id}/passkeys",
    "/api-tokens/new",
    "/registration/new",
    "/registration/revoke",
    "/sessions/new-owner",
    "/api-tokens/revoke",
    "/passkeys/add",
    "/passkeys/remove",
    "/clients/{client_id}/rotate",
];

#[tokio::test]
async fn everything_about_secrets_keys_and_people_needs_a_fresh_proof() {
    let posts = || rules().iter().filter(|rule| rule.method == Method::POST);
    for touchy in TOUCHY {
        let mut found = posts()
            .filter(|rule| rule.path.ends_with(touchy))
            .peekable();
        assert!(found.peek().is_some(), "{touchy}");
        assert!(found.all(|rule| rule.fresh), "{touchy}");
    }
    // And over the wire: an hour after the proof each of them leads to the question who is there.
    let app = App::start().await;
    let (mut owner, account) = signed_in(&app, Role::Owner).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    owner.follow("/admin").await;
    let mut form = owner.form("/admin/logout");
    for rule in posts().filter(|rule| rule.fresh) {
        let filled = rule
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { "none" } else { part });
        form.action = filled.collect::<Vec<_>>().join("/");
        owner.send(&form, None, &[]).await;
        assert_eq!(owner.title(), "Confirm that it is you", "{}", rule.path);
    }
    let code = account.code(&app);
    owner
        .press_with("Confirm", &[("password", PASSWORD), ("code", &code)])
        .await;
    owner.follow("/admin").await;
    let mut form = owner.form("/admin/logout");
    form.action = "/admin/staff/disable".to_owned();
    owner
        .send(&form, None, &[("email", "nobody@example.com")])
        .await;
    assert_eq!(
        owner.page().status,
        404,
        "proven: it is done, and there is nobody"
    );
}

#[tokio::test]
async fn the_command_line_brings_back_who_lost_everything() {
    let app = App::start().await;
    let (mut lost, account) = signed_in(&app, Role::Owner).await;
    let ran = run(&app, &["staff", "setup-link", &account.email], "").await;
    let url = ran
        .out
        .split_whitespace()
        .find(|word| word.contains("/setup/"))
        .unwrap()
        .to_owned();
    let mut found = app.browser();
    let anew = set_up(&app, &mut found, &url, &account.email).await;
    found.follow("/admin/staff").await;
    assert_eq!(found.title(), "Staff");
    // What was lost does not count any more.
    lost.follow("/admin").await;
    assert_eq!(lost.title(), "Sign in to the console");
    wait_for_the_next_code(&app);
    sign_in(&mut lost, &account.email, PASSWORD, &account.code(&app)).await;
    assert_eq!(lost.page().status, 401);
    sign_in(&mut lost, &account.email, PASSWORD, &anew.code(&app)).await;
    assert_eq!(lost.title(), "Overview");
    // The link counts once.
    let mut again = app.browser();
    again.open(&url).await;
    assert_eq!(again.page().status, 410);
}
