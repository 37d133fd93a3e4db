//! Who may use what: every route, every role, nobody, and forms without their token.

use http::Method;
use numbercloak::console::rule::{Rule, Who};
use numbercloak::console::rules;
use numbercloak::store::staff::Role;

use crate::support::app::App;
use crate::support::browser::{Browser, End};
use crate::support::console::signed_in;
use crate::support::html::Form;

const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Auditor, Role::Support];

/// A path that fits a route's pattern and names nothing that exists.
fn example(rule: &Rule) -> String {
    let parts = rule.path.split('/');
    let filled = parts.map(|part| if part.starts_with('{') { "none" } else { part });
    filled.collect::<Vec<_>>().join("/")
}

async fn use_route(browser: &mut Browser, app: &App, rule: &Rule, csrf: &str) -> u16 {
    if rule.method == Method::GET {
        browser
            .open(format!("{}{}", app.issuer, example(rule)))
            .await;
    } else {
        let form = Form {
            action: example(rule),
            method: "post".to_owned(),
            fields: vec![("csrf".to_owned(), csrf.to_owned())],
            buttons: Vec::new(),
        };
        browser.open(format!("{}/admin/login", app.issuer)).await;
        browser.send(&form, None, &[]).await;
    }
    assert!(matches!(browser.end, End::Page), "{rule:?}");
    browser.page().status.as_u16()
}

/// Routes that end the session: looked at in their own tests.
fn goes_on(rule: &&Rule) -> bool {
    rule.path != "/admin/logout"
}

#[tokio::test]
async fn every_route_lets_in_exactly_the_roles_of_its_rule() {
    let app = App::start().await;
    for role in ROLES {
        let (mut browser, _) = signed_in(&app, role).await;
        browser.follow("/admin").await;
        let csrf = browser.form("/admin/logout").fields[0].1.clone();
        for rule in rules().iter().filter(goes_on) {
            let status = use_route(&mut browser, &app, rule, &csrf).await;
            let refused = browser
                .page()
                .document
                .title
                .starts_with("Your role may not");
            assert_eq!(
                refused,
                !rule.who.allows(role),
                "{role:?} {rule:?} {status}"
            );
            assert_ne!(status, 500, "{role:?} {rule:?}");
            let at_sign_in = browser.page().url.path() == "/admin/login";
            let is_sign_in = rule.path == "/admin/login";
            assert!(!at_sign_in || is_sign_in, "{role:?} {rule:?}");
        }
    }
}

#[tokio::test]
async fn nobody_gets_in_without_signing_in() {
    let app = App::start().await;
    for rule in rules() {
        let mut browser = app.browser();
        use_route(&mut browser, &app, rule, "").await;
        let page = browser.page().url.path().to_owned();
        match rule.who {
            Who::Anybody => assert_ne!(browser.title(), "Overview"),
            Who::Only(_) => assert_eq!(page, "/admin/login", "{rule:?}"),
        }
    }
}

#[tokio::test]
async fn no_form_acts_without_the_sessions_token_or_from_another_site() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Owner).await;
    let (mut other, _) = signed_in(&app, Role::Admin).await;
    other.follow("/admin").await;
    let theirs = other.form("/admin/logout").fields[0].1.clone();
    let is_staffs = |rule: &Rule| rule.who != Who::Anybody && rule.who.allows(Role::Owner);
    let posts = |rule: &&Rule| rule.method == Method::POST && is_staffs(rule);
    for rule in rules().iter().filter(posts) {
        for csrf in ["", "x", theirs.as_str()] {
            let status = use_route(&mut browser, &app, rule, csrf).await;
            assert_eq!(status, 403, "{rule:?}");
            assert_eq!(browser.title(), "This form is too old", "{rule:?}");
        }
    }
    browser.follow("/admin").await;
    assert_eq!(browser.title(), "Overview");
}

#[tokio::test]
async fn the_navigation_shows_what_a_role_may_see() {
    let app = App::start().await;
    for (role, expected) in [
        (
            Role::Owner,
            &[
                "Overview",
                "Clients",
                "Operators",
                "Audit",
                "Sessions",
                "Privacy",
                "Usage",
                "Keys",
                "Staff",
                "API tokens",
                "Settings",
                "API",
            ][..],
        ),
        (
            Role::Admin,
            &[
                "Overview",
                "Clients",
                "Operators",
                "Audit",
                "Sessions",
                "Usage",
                "Keys",
                "Settings",
                "API",
            ],
        ),
        (
            Role::Auditor,
            &[
                "Overview",
                "Clients",
                "Operators",
                "Audit",
                "Usage",
                "Keys",
                "API tokens",
                "Settings",
                "API",
            ],
        ),
        (Role::Support, &["Overview", "Find a sign-in"]),
    ] {
        let (mut browser, _) = signed_in(&app, role).await;
        browser.follow("/admin").await;
        let links = &browser.page().document.links;
        let shown: Vec<&str> = links
            .iter()
            .filter(|(label, target)| target.starts_with("/admin") && expected_anywhere(label))
            .map(|(label, _)| label.as_str())
            .collect();
        assert_eq!(shown, expected, "{role:?}");
    }
}

fn expected_anywhere(label: &str) -> bool {
    [
        "Overview",
        "Clients",
        "Operators",
        "Audit",
        "Find a sign-in",
        "Sessions",
        "Privacy",
        "Usage",
        "Keys",
        "Staff",
        "API tokens",
        "Settings",
        "API",
    ]
    .contains(&label)
}
