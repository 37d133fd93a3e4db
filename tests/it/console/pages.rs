//! The other pages: operators, keys, new owners, staff, settings, and long lists.

use numbercloak::store::staff::Role;

use crate::support::app::{App, NUMBER, new_client};
use crate::support::console::{set_up, signed_in, text_of};
use crate::support::rp::Wish;

#[tokio::test]
async fn an_operator_is_tested_step_by_step_and_paused() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/operators").await;
    browser.follow("/admin/operators/simulator").await;
    assert_eq!(
        text_of(&browser, "callback"),
        format!("{}/broker/simulator/endpoint", app.issuer)
    );
    browser.press("Test the connection").await;
    let text = &browser.page().document.text;
    assert!(text.contains("client_authentication good"), "{text}");
    assert!(!text.contains("not good"), "{text}");
    app.edit_operator(|settings| settings.client_id = "stranger".to_owned())
        .await;
    browser.press("Test the connection").await;
    assert!(browser.page().document.text.contains("not good"));
    browser.press("Pause this operator").await;
    assert!(browser.page().document.text.contains("paused"));
    browser.press("Ask it again").await;
    assert!(browser.page().document.text.contains("Resumed."));
}

#[tokio::test]
async fn an_operator_is_connected_from_a_preset() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/operators/new").await;
    let links = browser.page().document.links.clone();
    let secret_presets = numbercloak::admin::presets::all()
        .iter()
        .filter(|(_, preset)| preset.credential == numbercloak::admin::presets::Credential::Secret);
    let (name, _) = secret_presets.into_iter().next().unwrap();
    let path = format!("/admin/operators/new/{name}");
    assert!(links.iter().any(|(_, target)| *target == path));
    browser.follow(&path).await;
    let fields = [
        ("alias", "north"),
        ("name", "North"),
        ("base", "https://north.example"),
        ("client_id", "us"),
        ("client_secret", "a secret of theirs"),
        ("prefixes", "+4470, 4471"),
    ];
    browser
        .press_with("Connect", &[&fields[..5], &[("prefixes", "+990")]].concat())
        .await;
    assert_eq!(
        browser.page().status,
        422,
        "a live operator has no say over test numbers"
    );
    assert!(!browser.page().source.contains("a secret of theirs"));
    browser.press_with("Connect", &fields).await;
    assert_eq!(browser.page().url.path(), "/admin/operators/north");
    let text = &browser.page().document.text;
    assert!(text.contains("+4470") && text.contains("+4471"), "{text}");
    assert!(!browser.page().source.contains("a secret of theirs"));
}

#[tokio::test]
async fn a_number_with_a_new_owner_is_somebody_else_to_every_app() {
    let app = App::start().await;
    let before = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/sessions").await;
    browser.follow("/admin/sessions/new-owner").await;
    let (number, why) = (("number", NUMBER), ("reason", "the operator said so"));
    for fields in [
        &[number, why][..],
        &[("number", "12"), why, ("sure", "yes")],
    ] {
        browser
            .press_with("The number has a new owner", fields)
            .await;
        assert_eq!(browser.page().status, 422);
    }
    let fields = [number, why, ("sure", "yes")];
    browser
        .press_with("The number has a new owner", &fields)
        .await;
    let text = &browser.page().document.text;
    assert!(
        text.contains("Everything of the owner before has ended."),
        "{text}"
    );
    let after = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    assert_ne!(before.claims["sub"], after.claims["sub"]);
}

#[tokio::test]
async fn an_owner_invites_somebody_who_sets_up_and_is_locked_out_later() {
    let app = App::start().await;
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    owner.follow("/admin/staff").await;
    owner
        .press_with(
            "Make a setup link",
            &[("email", "ann@example.com"), ("role", "auditor")],
        )
        .await;
    let link = text_of(&owner, "setup-link");
    let mut ann = app.browser();
    set_up(&app, &mut ann, &link, "ann@example.com").await;
    ann.follow("/admin/settings").await;
    assert_eq!(ann.title(), "Settings");
    owner.follow("/admin/staff").await;
    let text = &owner.page().document.text;
    assert!(text.contains("ann@example.com auditor active"), "{text}");
    owner.press("Lock out").await;
    assert!(owner.page().document.text.contains("locked out"));
    ann.follow("/admin/settings").await;
    assert_eq!(ann.title(), "Sign in to the console");
}

#[tokio::test]
async fn settings_tell_where_each_value_comes_from_and_no_secret() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Auditor).await;
    browser.follow("/admin/settings").await;
    let text = &browser.page().document.text;
    assert!(text.contains("issuer"), "{text}");
    assert!(text.contains("[redacted]"), "{text}");
    let root = app.database.root().reveal();
    assert!(!browser.page().source.contains(&root));
}

#[tokio::test]
async fn ten_thousand_clients_are_paged_and_searched_in_few_statements() {
    let app = App::builder().counting().start().await;
    app.register(new_client("template")).await;
    let mut owner = app.database.owner().await;
    sqlx::query(
        "insert into clients (id, client_id, name, kind, token_endpoint_auth_method, redirect_uris,
            test, settings, sector, revision, created_at, updated_at)
        select gen_random_uuid(), 'app-' || lpad(i::text, 5, '0'), 'App number ' || i, kind,
            token_endpoint_auth_method, array['https://host-' || i || '.example/cb'], test,
            settings, sector, 1, created_at, updated_at
        from clients, generate_series(1, 10000) i
        where client_id = 'template'",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    browser.follow("/admin/clients").await;
    let statements = app.statements.as_ref().unwrap();
    let before = statements.sent().len();
    browser.follow("/admin/clients?q=NUMBER+9999").await;
    let took = statements.sent().len() - before;
    assert!(took < 5, "{took} statements");
    let text = browser.page().document.text.clone();
    assert!(
        text.contains("app-09999") && !text.contains("app-00001"),
        "{text}"
    );
    browser.follow("/admin/clients?q=host-77.example").await;
    assert!(browser.page().document.text.contains("app-00077"));
    browser.follow("/admin/clients").await;
    assert!(browser.page().document.text.contains("app-00050"));
    let links = browser.page().document.links.clone();
    let (_, next) = links
        .iter()
        .find(|(label, _)| label == "Next page")
        .unwrap();
    browser.follow(next).await;
    let text = &browser.page().document.text;
    assert!(
        text.contains("app-00051") && !text.contains("app-00050"),
        "{text}"
    );
}
