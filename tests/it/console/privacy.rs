//! What people may ask of us about their number, in the console: the number in no address, and nothing
//! without a fresh proof of who asks.

use std::time::Duration;

use numbercloak::admin::retention;
use numbercloak::store::staff::Role;
use serde_json::Value;

use super::acts;
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::browser::Browser;
use crate::support::console::signed_in;
use crate::support::rp::Wish;
use crate::support::wire::count;

const PAGE: &str = "/admin/privacy";
const EXPORT: &str = "Download what is kept";
const ERASE: &str = "Erase it";

async fn at_the_page(app: &App) -> Browser {
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await;
    let (mut owner, _) = signed_in(app, Role::Owner).await;
    owner.follow(PAGE).await;
    owner
}

fn is_in_no_address(browser: &Browser) -> bool {
    let mut hops = browser.hops.iter();
    !hops.any(|hop| hop.url.as_str().contains(&NUMBER[1..]))
}

#[tokio::test]
async fn an_owner_downloads_what_is_kept_about_a_number() {
    let app = App::start().await;
    let mut owner = at_the_page(&app).await;
    owner.press_with(EXPORT, &[("number", NUMBER)]).await;
    let page = owner.page();
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "application/json");
    let named = page.headers["content-disposition"].to_str().unwrap();
    assert_eq!(named, "attachment; filename=\"what-is-kept.json\"");
    assert_eq!(page.headers["cache-control"], "no-store");
    let told: Value = serde_json::from_str(&page.source).unwrap();
    assert_eq!(told["number"], NUMBER);
    assert!(told["records"].as_array().unwrap().len() > 4);
    assert!(!page.source.contains(&OTHER_NUMBER[1..]));
    assert!(is_in_no_address(&owner));
    let records = acts(&app, "export").await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["actor"], "owner@example.com");
    assert!(!records[0].to_string().contains(&NUMBER[1..]));
}

#[tokio::test]
async fn an_owner_erases_a_number_knowing_what_that_does() {
    let app = App::start().await;
    let mut owner = at_the_page(&app).await;
    let (number, ticket) = (("number", NUMBER), ("ticket", "DSR-17"));
    let long = "x".repeat(201);
    for (fields, field) in [
        (&[number, ticket][..], "Nothing was erased. Tick"),
        (&[("number", "12"), ("sure", "yes")], "erase-number-error"),
        (
            &[number, ("sure", "yes"), ("ticket", &long)],
            "ticket-error",
        ),
    ] {
        owner.follow(PAGE).await;
        owner.press_with(ERASE, fields).await;
        let page = owner.page();
        assert_eq!(page.status, 422, "{field}");
        assert!(page.source.contains(field) && page.source.contains("role=\"alert\""));
        let written = format!("value=\"{}\"", fields[0].1);
        assert_eq!(page.source.matches(&written).count(), 1, "{field}");
    }
    assert_eq!(count(&app, "sessions where ended_at is null").await, 2);
    owner.follow(PAGE).await;
    owner
        .press_with(ERASE, &[number, ticket, ("sure", "yes")])
        .await;
    let text = &owner.page().document.text;
    assert!(text.contains("Nothing personal is left"), "{text}");
    assert!(text.contains("Sessions 1"), "{text}");
    assert!(is_in_no_address(&owner) && !owner.page().source.contains(&NUMBER[1..]));
    let links = owner.page().document.links.clone();
    let record = links.iter().find(|(_, to)| to.contains("/audit/records/"));
    owner.follow(&record.unwrap().1).await;
    let text = &owner.page().document.text;
    assert!(
        text.contains("PERSONAL_DATA_ERASED") && text.contains("DSR-17"),
        "{text}"
    );
    // Nobody else lost anything, and a second time there is nothing.
    assert_eq!(count(&app, "sessions where ended_at is null").await, 1);
    owner.follow(PAGE).await;
    owner.press_with(ERASE, &[number, ("sure", "yes")]).await;
    let text = &owner.page().document.text;
    assert!(
        text.contains("Nothing was kept about this number."),
        "{text}"
    );
}

#[tokio::test]
async fn what_a_legal_hold_keeps_is_told() {
    let app = App::start().await;
    let mut owner = at_the_page(&app).await;
    let (desk, hour) = (app.desk(), chrono::TimeDelta::hours(1));
    retention::hold(&desk, desk.now - hour, desk.now + hour, "case 4711")
        .await
        .unwrap();
    let fields = [("number", NUMBER), ("sure", "yes")];
    owner.press_with(ERASE, &fields).await;
    let text = &owner.page().document.text;
    assert!(text.contains("stay because of a legal hold"), "{text}");
}

#[tokio::test]
async fn nobody_but_an_owner_who_just_proved_it_exports_or_erases() {
    let app = App::start().await;
    let mut owner = at_the_page(&app).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    for button in [EXPORT, ERASE] {
        let mut late = owner.clone();
        let fields = [("number", NUMBER), ("sure", "yes")];
        late.press_with(button, &fields).await;
        assert_eq!(late.title(), "Confirm that it is you", "{button}");
        assert!(is_in_no_address(&late));
    }
    owner.follow(PAGE).await;
    assert!(!owner.page().source.contains("/admin/privacy/"));
    assert_eq!(count(&app, "sessions where ended_at is null").await, 2);
    assert!(acts(&app, "export").await.is_empty());
    for role in [Role::Admin, Role::Auditor, Role::Support] {
        let (mut other, _) = signed_in(&app, role).await;
        other.follow(PAGE).await;
        assert_eq!(other.page().status, 403, "{role:?}");
    }
}
