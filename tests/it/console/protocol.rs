//! An app's keys, algorithms and profile in the console: what only the API and the command line had once.

use numbercloak::admin::clients;
use numbercloak::oauth::signing_alg::SigningAlg;
use numbercloak::store::clients::{AuthMethod, Client, Profile};
use numbercloak::store::staff::Role;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::client_key::ClientKey;
use crate::support::console::signed_in;

const PAGE: &str = "/admin/clients/shop/protocol";

async fn shop(app: &App) -> Client {
    clients::show(&app.desk(), "shop").await.unwrap()
}

async fn at_the_page(app: &App) -> Browser {
    let (mut browser, _) = signed_in(app, Role::Admin).await;
    browser.follow("/admin/clients/shop/settings").await;
    let links = &browser.page().document.links;
    assert!(links.iter().any(|(_, target)| target == PAGE));
    browser.follow(PAGE).await;
    browser
}

#[tokio::test]
async fn keys_algorithms_and_profile_are_edited_and_what_is_not_touched_stays() {
    let app = App::start().await;
    let before = shop(&app).await;
    let mut browser = at_the_page(&app).await;
    browser.press("Save").await;
    let text = &browser.page().document.text;
    assert!(text.contains("Nothing was changed."), "{text}");
    assert_eq!(shop(&app).await.settings, before.settings);

    let keys = ClientKey::new("one", &app.clock).jwks();
    let jwks = keys.to_string();
    browser.follow(PAGE).await;
    let fields = [
        ("id_token_alg", "ES256"),
        ("jwks", jwks.as_str()),
        ("default_max_age", "600"),
        ("contacts", "ann@shop.example"),
    ];
    browser.press_with("Save", &fields).await;
    assert!(browser.page().document.text.contains("Saved."));
    let after = shop(&app).await;
    assert_eq!(after.settings.id_token_alg, SigningAlg::ES256);
    assert_eq!(after.settings.jwks, Some(keys));
    assert_eq!(after.settings.default_max_age, Some(600));
    assert_eq!(after.settings.confirm, before.settings.confirm);
    assert_eq!(after.auth_method, before.auth_method);

    browser.follow(PAGE).await;
    let fields = [
        ("profile", "fapi2"),
        ("token_endpoint_auth_method", "private_key_jwt"),
    ];
    browser.press_with("Save", &fields).await;
    let text = &browser.page().document.text;
    assert!(text.contains("Saved."), "{text}");
    let after = shop(&app).await;
    assert_eq!(after.settings.profile, Profile::Fapi2);
    assert_eq!(after.auth_method, AuthMethod::PrivateKeyJwt);
    assert!(after.settings.require_pushed && after.settings.dpop_bound_access_tokens);
}

#[tokio::test]
async fn what_cannot_be_is_named_and_what_was_written_stays() {
    let app = App::start().await;
    let before = shop(&app).await;
    let mut browser = at_the_page(&app).await;
    for (field, nonsense) in [
        ("jwks", "no json"),
        ("jwks_uri", "http://shop.example/keys"),
        ("default_max_age", "soon"),
        ("id_token_alg", "none"),
        ("tls_client_auth", "CN=shop"),
    ] {
        browser.follow(PAGE).await;
        let fields = [(field, nonsense), ("contacts", "kept@shop.example")];
        browser.press_with("Save", &fields).await;
        let page = browser.page();
        assert_eq!(page.status, 422, "{field}");
        let link = format!("Nothing was saved. <a href=\"#{field}\">");
        assert!(page.source.contains(&link), "{field}");
        let tied = format!("aria-invalid=\"true\" aria-describedby=\"{field}-error");
        assert_eq!(page.source.matches(&tied).count(), 1, "{field}");
        assert!(
            page.source.contains(">kept@shop.example</textarea>"),
            "{field}"
        );
    }
    browser.follow(PAGE).await;
    app.edit_client(&app.shop, |client| client.name = "Renamed".to_owned())
        .await;
    browser
        .press_with("Save", &[("contacts", "mine@shop.example")])
        .await;
    assert_eq!(browser.page().status, 409);
    assert_eq!(shop(&app).await.settings, before.settings);
}
