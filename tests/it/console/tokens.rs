//! API tokens and initial access tokens in the console: made for a program, shown once, ended.

use numbercloak::store::staff::Role;

use super::acts;
use crate::support::app::App;
use crate::support::console::{signed_in, text_of};
use crate::support::wire::{Raw, http};

const PAGE: &str = "/admin/api-tokens";

async fn me(app: &App, token: &str) -> Raw {
    let uri = format!("{}/admin/api/v1/me", app.issuer);
    Raw::of(http().get(uri).bearer_auth(token)).await
}

#[tokio::test]
async fn an_owner_makes_a_token_that_does_what_was_ticked_until_it_is_ended() {
    let app = App::start().await;
    let (mut owner, account) = signed_in(&app, Role::Owner).await;
    owner.follow(PAGE).await;
    let ticked = [
        ("name", "nightly"),
        ("role", "admin"),
        ("clients:read", "yes"),
        // More than an admin may.
        ("keys:write", "yes"),
        ("days", "7"),
    ];
    owner.press_with("Make the token", &ticked).await;
    let token = text_of(&owner, "api-token");
    let told = me(&app, &token).await.json();
    assert_eq!(told["may"], serde_json::json!(["clients:read"]));
    let left = told["expires_at"]
        .as_str()
        .unwrap()
        .parse::<numbercloak::clock::Time>();
    assert!((left.unwrap() - app.clock.now()).num_days() <= 7);
    // Never again.
    owner.follow(PAGE).await;
    assert!(!owner.page().source.contains(&token));
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    auditor.follow(PAGE).await;
    let text = &auditor.page().document.text;
    assert!(
        text.contains("nightly") && !text.contains("Make one"),
        "{text}"
    );
    assert_eq!(me(&app, &token).await.status, 200);
    owner.press("End it: nightly").await;
    let text = &owner.page().document.text;
    assert!(
        text.contains("The token is ended.") && text.contains("ended early"),
        "{text}"
    );
    assert_eq!(me(&app, &token).await.status, 401);
    let ended = acts(&app, "revoke").await;
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0]["actor"], account.email.as_str());
}

#[tokio::test]
async fn what_cannot_be_is_told_and_what_was_ticked_stays() {
    let app = App::start().await;
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    for (fields, told) in [
        (
            &[
                ("name", "Not So"),
                ("role", "owner"),
                ("all", "yes"),
                ("days", "7"),
            ][..],
            "name",
        ),
        (
            &[("name", "none"), ("role", "owner"), ("days", "7")],
            "name at least one",
        ),
        (&[("name", "no-role"), ("all", "yes")], "Choose a role."),
        (
            &[("name", "no-time"), ("role", "owner"), ("days", "9999")],
            "Choose a time.",
        ),
    ] {
        owner.follow(PAGE).await;
        let form = owner.form("/admin/api-tokens/new");
        owner.send(&form, None, fields).await;
        assert_eq!(owner.page().status, 422, "{told}");
        let text = &owner.page().document.text;
        assert!(text.contains(told), "{told}: {text}");
    }
    owner.follow(PAGE).await;
    let form = owner.form("/admin/api-tokens/new");
    let fields = [
        ("name", "A"),
        ("role", "owner"),
        ("audit:read", "yes"),
        ("days", "7"),
    ];
    owner.send(&form, None, &fields).await;
    // Everything stays as it was chosen.
    for kept in [
        "name=\"audit:read\" value=\"yes\" checked",
        "value=\"owner\" required checked",
        "<option value=\"7\" selected>",
        "value=\"A\"",
    ] {
        assert!(owner.page().source.contains(kept), "{kept}");
    }
}

#[tokio::test]
async fn an_initial_access_token_registers_an_app_and_is_ended() {
    let app = App::builder()
        .config("registration.enabled", "true")
        .start()
        .await;
    let (mut admin, _) = signed_in(&app, Role::Admin).await;
    admin.follow("/admin/clients").await;
    admin.follow("/admin/registration").await;
    let fields = [("note", "shop team"), ("uses", "0")];
    admin.press_with("Make the token", &fields).await;
    assert_eq!(admin.page().status, 422);
    let fields = [("note", "shop team"), ("uses", "2"), ("days", "7")];
    admin.press_with("Make the token", &fields).await;
    let token = text_of(&admin, "initial-access-token");
    let register = async || {
        let request = http().post(format!("{}/register", app.issuer));
        let body = serde_json::json!({ "redirect_uris": ["https://a.example/cb"] });
        Raw::of(request.bearer_auth(&token).json(&body))
            .await
            .status
    };
    assert_eq!(register().await, 201);
    admin.follow("/admin/registration").await;
    let text = &admin.page().document.text;
    assert!(text.contains("shop team 1"), "{text}");
    assert!(!admin.page().source.contains(&token));
    admin.press("End it: shop team").await;
    assert_eq!(register().await, 401);
}
