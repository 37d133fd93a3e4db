//! What an admin rarely does to an app, and is told about first: another sector, and its end. And a
//! member's passkey called something else.

use numbercloak::admin::{client_logo, client_sector, clients};
use numbercloak::store::staff::Role;
use serde_json::json;

use super::acts;
use super::passkeys::with_passkey;
use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::console::signed_in;
use crate::support::rp::Wish;
use crate::support::served::Served;

async fn at(app: &App, page: &str) -> Browser {
    let (mut browser, _) = signed_in(app, Role::Admin).await;
    browser.follow("/admin/clients/shop").await;
    let page = format!("/admin/clients/shop/{page}");
    let links = &browser.page().document.links;
    assert!(links.iter().any(|(_, target)| *target == page), "{page}");
    browser.follow(&page).await;
    browser
}

#[tokio::test]
async fn an_app_is_removed_by_who_knows_what_that_does() {
    let app = App::start().await;
    let signed = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let mut browser = at(&app, "remove").await;
    browser.press("Remove this app").await;
    assert_eq!(browser.page().status, 422);
    app.edit_client(&app.shop, |client| client.name = "Renamed".to_owned())
        .await;
    browser
        .press_with("Remove this app", &[("sure", "yes")])
        .await;
    assert_eq!(browser.page().status, 409);
    assert!(browser.page().document.text.contains("Renamed"));
    assert_eq!(app.shop.userinfo(&signed.access_token).await.0, 200);
    browser
        .press_with("Remove this app", &[("sure", "yes")])
        .await;
    let text = &browser.page().document.text;
    assert!(
        text.contains("The app is removed.") && text.contains("removed"),
        "{text}"
    );
    assert_eq!(app.shop.userinfo(&signed.access_token).await.0, 401);
    let kept = clients::show(&app.desk(), "shop").await.unwrap();
    assert!(kept.secrets.is_empty() && kept.disabled_at.is_some());
    let mut person = app.browser();
    person
        .open(&app.shop.depart(&Wish::of(NUMBER)).await.url)
        .await;
    assert_eq!(person.page().status, 400);
    // For good: nobody brings it back, and nobody else becomes it.
    browser.follow("/admin/clients/shop").await;
    let page = browser.page();
    assert!(page.document.text.contains("It was removed for good"));
    for gone in [
        "Enable this app",
        "Make a new secret",
        "/clients/shop/settings",
    ] {
        assert!(!page.source.contains(gone), "{gone}");
    }
    let desk = app.desk();
    let edit = |client: &mut clients::Editable| client.redirect_uris.clear();
    for refused in [
        clients::set_disabled(&desk, "shop", false).await,
        clients::update(&desk, "shop", None, edit).await.map(drop),
        client_sector::change(&desk, "shop", None, None)
            .await
            .map(drop),
        client_logo::remove(&desk, "shop", None).await.map(drop),
    ] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("removed for good"), "{refused}");
    }
}

#[tokio::test]
async fn an_app_gets_another_sector_and_takes_everybody_for_somebody_new() {
    let app = App::start().await;
    let sub = async || {
        let signed = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
        signed.claims["sub"].clone()
    };
    let before = sub().await;
    let served = Served::start(&json!(["https://elsewhere.example/cb"])).await;
    let mut browser = at(&app, "sector").await;
    let (uri, sure) = (
        ("sector_identifier_uri", served.uri.as_str()),
        ("sure", "yes"),
    );
    browser.press_with("Change the sector", &[uri]).await;
    assert_eq!(browser.page().status, 422);
    assert_eq!(served.hits(), 0, "nothing is fetched before the tick");
    for bad in [uri, ("sector_identifier_uri", "http://sector.example/")] {
        browser.press_with("Change the sector", &[bad, sure]).await;
        let page = browser.page();
        assert_eq!(page.status, 422, "{bad:?}");
        assert!(page.source.contains("id=\"sector_identifier_uri-error\""));
        assert!(page.source.contains(&format!("value=\"{}\"", bad.1)));
    }
    assert_eq!(sub().await, before);
    served.becomes(200, json!([app.shop.redirect_uri]).to_string());
    // Nobody moves it twice by a form from before.
    app.edit_client(&app.shop, |client| client.name = "Renamed".to_owned())
        .await;
    browser.press_with("Change the sector", &[uri, sure]).await;
    assert_eq!(browser.page().status, 409);
    assert_eq!(sub().await, before);
    browser.press_with("Change the sector", &[uri, sure]).await;
    let text = &browser.page().document.text;
    assert!(text.contains("Another sector."), "{text}");
    assert_ne!(sub().await, before);
    let records = acts(&app, "change_sector").await;
    assert_eq!(records[0]["details"]["after"]["sector"], "127.0.0.1");
    // Back: an empty field is the host of its redirect URIs.
    browser.follow("/admin/clients/shop/sector").await;
    let empty = ("sector_identifier_uri", "");
    browser
        .press_with("Change the sector", &[empty, sure])
        .await;
    assert_eq!(sub().await, before);
}

#[tokio::test]
async fn a_members_passkey_is_renamed_by_an_owner() {
    let app = App::start().await;
    let (_, them, _) = with_passkey(&app, Role::Admin).await;
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    owner.follow("/admin/staff").await;
    let links = owner.page().document.links.clone();
    let found = links.iter().find(|(label, _)| *label == them.email);
    owner.follow(&found.unwrap().1).await;
    owner
        .submit("/rename", &[("called", &"x".repeat(61))])
        .await;
    assert_eq!(owner.page().status, 422);
    owner.submit("/rename", &[("called", "blue key")]).await;
    let text = &owner.page().document.text;
    assert!(
        text.contains("It is called so.") && text.contains("blue key"),
        "{text}"
    );
    let renamed = acts(&app, "passkey_renamed").await;
    assert_eq!(renamed[0]["actor"], "owner@example.com");
}
