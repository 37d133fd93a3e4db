//! What is personal is shown to whoever has the right, gives a reason and just proved who they are.

use std::time::Duration;

use super::wait_for_the_next_code;
use super::{App, Browser, NUMBER, PASSWORD, Role, audited, has_link, link, signed_in, text};

/// The page of the record that confirmed the number.
async fn open_record(app: &App, browser: &mut Browser) {
    let login = app.logins().await[0];
    let records = app.records(login).await;
    let verified = records.iter().find(|r| r.body["type"] == "NUMBER_VERIFIED");
    let id = verified.unwrap().id;
    browser.follow(&format!("/admin/audit/records/{id}")).await;
}

#[tokio::test]
async fn an_auditor_sees_a_number_in_full_only_after_an_owner_allowed_it() {
    let (app, mut auditor) = audited().await;
    open_record(&app, &mut auditor).await;
    assert!(text(&auditor).contains("Your account may not see them"));
    // Without the form, too.
    auditor.follow("/admin").await;
    let csrf = auditor.form("/admin/logout").fields[0].1.clone();
    let mut form = auditor.form("/admin/logout");
    let login = app.logins().await[0];
    let id = app.records(login).await[0].id;
    form.action = format!("/admin/audit/records/{id}/unmask");
    form.fields = vec![("csrf".into(), csrf), ("reason".into(), "curious".into())];
    auditor.send(&form, None, &[]).await;
    assert_eq!(auditor.page().status, 400);
    assert!(!auditor.page().source.contains(&NUMBER[1..]));

    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    owner.follow("/admin/audit/rights").await;
    owner.press("Allow it for auditor@example.com").await;
    assert!(text(&owner).contains("auditor@example.com auditor yes"));
    open_record(&app, &mut auditor).await;
    auditor
        .press_with("Show in full, once", &[("reason", " ")])
        .await;
    assert_eq!(auditor.page().status, 400, "a reason is needed");
    open_record(&app, &mut auditor).await;
    auditor
        .press_with("Show in full, once", &[("reason", "complaint 12")])
        .await;
    assert!(auditor.page().source.contains(NUMBER));
    assert!(text(&auditor).contains("127.0.0.1"));
    assert_eq!(auditor.page().headers["cache-control"], "no-store");
    // Once: the page itself still shows it masked.
    auditor.follow(&link(&auditor, "Hide them")).await;
    assert!(!auditor.page().source.contains(NUMBER));
    let acts = super::super::acts(&app, "unmask").await;
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0]["details"]["reason"], "complaint 12");
    assert_eq!(acts[0]["actor"], "auditor@example.com");
    owner.follow("/admin/audit/rights").await;
    owner.press("Take it away for auditor@example.com").await;
    open_record(&app, &mut auditor).await;
    assert!(text(&auditor).contains("Your account may not see them"));
}

#[tokio::test]
async fn who_proved_themselves_long_ago_proves_it_again_first() {
    let (app, _) = audited().await;
    let (mut owner, account) = signed_in(&app, Role::Owner).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    open_record(&app, &mut owner).await;
    assert!(has_link(&owner, "Confirm that it is you to see them"));
    owner
        .follow(&link(&owner, "Confirm that it is you to see them"))
        .await;
    wait_for_the_next_code(&app);
    let code = account.code(&app);
    owner
        .press_with("Confirm", &[("password", PASSWORD), ("code", &code)])
        .await;
    owner
        .press_with("Show in full, once", &[("reason", "court order")])
        .await;
    assert!(owner.page().source.contains(NUMBER));
}

#[tokio::test]
async fn an_admin_may_neither_see_it_nor_be_allowed_to() {
    let (app, _) = audited().await;
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    open_record(&app, &mut admin).await;
    assert!(!admin.page().source.contains("/unmask"));
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    owner.follow("/admin/audit/rights").await;
    assert!(!text(&owner).contains("admin@example.com"));
    let mut form = owner.form("/admin/audit/rights");
    form.fields.retain(|(name, _)| name != "email");
    owner
        .send(
            &form,
            None,
            &[("email", "admin@example.com"), ("may", "yes")],
        )
        .await;
    assert_eq!(owner.page().status, 404);
}
