//! Operators in the console: every setting edited, connected by discovery, and how they do.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::operators::{self, Editable};
use numbercloak::store::operators::{Operator, TokenAuth};
use numbercloak::store::staff::Role;

use crate::support::app::{App, OPERATOR};
use crate::support::browser::Browser;
use crate::support::console::signed_in;

const SETTINGS: &str = "/admin/operators/simulator/settings";

async fn operator(app: &App, alias: &str) -> Operator {
    operators::show(&app.desk(), alias).await.unwrap()
}

async fn at_the_form(app: &App) -> Browser {
    let (mut browser, _) = signed_in(app, Role::Admin).await;
    browser.follow(SETTINGS).await;
    browser
}

#[tokio::test]
async fn every_setting_is_edited_and_what_is_not_touched_stays() {
    let app = App::start().await;
    let before = operator(&app, OPERATOR).await;
    let mut browser = at_the_form(&app).await;
    browser.press("Save").await;
    assert!(
        browser
            .page()
            .document
            .text
            .contains("Nothing was changed.")
    );
    assert_eq!(operator(&app, OPERATOR).await.settings, before.settings);

    browser.follow(SETTINGS).await;
    let fields = [
        ("name", "Renamed"),
        ("total_timeout_ms", "6000"),
        ("notice", "By law."),
        ("api_headers", "x-partner: us"),
        ("checks.sim_swap", "yes"),
        ("restraint.departures_per_day", "9"),
        ("quota_per_month", "1000"),
    ];
    browser.press_with("Save", &fields).await;
    assert!(browser.page().document.text.contains("Saved."));
    let after = operator(&app, OPERATOR).await;
    assert_eq!(after.name, "Renamed");
    assert_eq!(after.settings.total_timeout_ms, 6_000);
    assert_eq!(after.settings.notice.as_deref(), Some("By law."));
    assert_eq!(after.settings.api_headers["x-partner"], "us");
    assert!(after.settings.checks.sim_swap.is_some());
    assert_eq!(after.settings.restraint.departures_per_day, 9);
    assert_eq!(after.settings.quota_per_month, Some(1000));
    assert_eq!(after.settings.prefixes, before.settings.prefixes);
    let vault = &app.state().vault;
    let (kept, had) = (
        after.credentials(vault).unwrap(),
        before.credentials(vault).unwrap(),
    );
    assert_eq!(kept.client_secret, had.client_secret);
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_not_lost() {
    let app = App::start().await;
    let mut browser = at_the_form(&app).await;
    app.edit_operator(|settings| settings.notice = Some("Theirs.".to_owned()))
        .await;
    browser.press_with("Save", &[("notice", "Mine.")]).await;
    assert_eq!(browser.page().status, 409);
    let text = &browser.page().document.text;
    assert!(text.contains("Somebody else changed it"), "{text}");
    let now = operator(&app, OPERATOR).await;
    assert_eq!(now.settings.notice.as_deref(), Some("Theirs."));
    // What was written stands in the form still, and may be saved knowingly.
    browser.press("Save").await;
    let now = operator(&app, OPERATOR).await;
    assert_eq!(now.settings.notice.as_deref(), Some("Mine."));
}

#[tokio::test]
async fn what_cannot_be_is_named_and_what_was_written_stays_but_for_secrets() {
    let app = App::start().await;
    let before = operator(&app, OPERATOR).await;
    let mut browser = at_the_form(&app).await;
    for (field, nonsense) in [
        ("total_timeout_ms", "soon"),
        ("prefixes", "+44"),
        ("accepted_amr", "sms"),
        ("token_endpoint", "http://op.example/token"),
        ("dialect", "klingon"),
        ("name", ""),
    ] {
        browser.follow(SETTINGS).await;
        let fields = [
            (field, nonsense),
            ("notice", "Kept."),
            ("client_secret", "a new secret of theirs"),
        ];
        browser.press_with("Save", &fields).await;
        assert_eq!(browser.page().status, 422, "{field}");
        let page = browser.page();
        let link = format!("Nothing was saved. <a href=\"#{field}\">");
        assert!(page.source.contains(&link), "{field}");
        let told = format!("<p class=\"error\" id=\"{field}-error\">");
        assert!(page.source.contains(&told), "{field}");
        let tied = format!("aria-invalid=\"true\" aria-describedby=\"{field}-error");
        assert_eq!(page.source.matches(&tied).count(), 1, "{field}");
        assert!(page.source.contains("value=\"Kept.\""), "{field}");
        assert!(!page.source.contains("a new secret of theirs"), "{field}");
    }
    assert_eq!(operator(&app, OPERATOR).await.revision, before.revision);
}

#[tokio::test]
async fn new_credentials_go_in_once_and_are_never_shown_or_recorded() {
    let app = App::start().await;
    let mut browser = at_the_form(&app).await;
    let secret = "a new secret of theirs";
    browser
        .press_with("Save", &[("client_secret", secret)])
        .await;
    assert!(browser.page().document.text.contains("Saved."));
    let credentials = operator(&app, OPERATOR)
        .await
        .credentials(&app.state().vault);
    assert_eq!(credentials.unwrap().client_secret.unwrap().reveal(), secret);
    assert!(!browser.page().source.contains(secret));
    browser.follow(SETTINGS).await;
    assert!(!browser.page().source.contains(secret));
    let records = app.audit(Query::default()).await;
    let edited = records.last().unwrap();
    assert_eq!(edited.body["details"]["credentials"], "replaced");
    assert!(
        records
            .iter()
            .all(|record| !record.body.to_string().contains(secret))
    );
}

#[tokio::test]
async fn saving_an_operator_needs_a_fresh_proof() {
    let app = App::start().await;
    let mut browser = at_the_form(&app).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    browser.press_with("Save", &[("notice", "Mine.")]).await;
    assert_eq!(browser.title(), "Confirm that it is you");
    assert!(operator(&app, OPERATOR).await.settings.notice.is_none());
    browser.follow(SETTINGS).await;
    assert!(browser.page().document.text.contains("Confirm now"));
}

#[tokio::test]
async fn an_operator_is_connected_by_its_discovery_document() {
    let app = App::start().await;
    let (mut browser, _) = signed_in(&app, Role::Admin).await;
    let issuer = app.operator.issuer().to_owned();
    browser.follow("/admin/operators/new").await;
    browser.follow("/admin/operators/new/discovery").await;
    let nobody = format!("{issuer}/nobody");
    browser
        .press_with("Read its document", &[("issuer", &nobody)])
        .await;
    assert_eq!(browser.page().status, 422);
    let pasted = format!("{issuer}/.well-known/openid-configuration");
    browser
        .press_with("Read its document", &[("issuer", &pasted)])
        .await;
    assert_eq!(browser.page().status, 200);
    assert!(
        browser
            .page()
            .source
            .contains(&format!("value=\"{issuer}/authorize\""))
    );
    assert!(
        browser
            .page()
            .source
            .contains(&format!("value=\"{issuer}\""))
    );
    let fields = [
        ("alias", "found"),
        ("name", "Found"),
        ("client_id", "numbercloak"),
        ("client_secret", "a secret between operator and us"),
        ("token_auth", "client_secret_basic"),
        ("prefixes", "+990"),
        ("test", "yes"),
    ];
    browser
        .press_with(
            "Connect",
            &[&fields[..], &[("alias", "Not An Alias")]].concat(),
        )
        .await;
    assert_eq!(browser.page().status, 422);
    assert!(!browser.page().source.contains("a secret between"));
    browser.press_with("Connect", &fields).await;
    assert_eq!(browser.page().url.path(), "/admin/operators/found");
    let found = operator(&app, "found").await;
    assert_eq!(found.settings.issuer.as_deref(), Some(issuer.as_str()));
    assert_eq!(found.settings.token_auth, TokenAuth::ClientSecretBasic);
    assert!(found.settings.jwks_uri.is_some());
    browser.press("Test the connection").await;
    assert!(browser.page().document.text.contains("discovery good"));
}

#[tokio::test]
async fn who_keeps_an_operator_by_file_is_told_before_they_edit_it() {
    let app = App::start().await;
    let kept = |fields: &mut Editable| fields.managed_by = Some("prod.toml".to_owned());
    operators::update(&app.desk(), OPERATOR, None, kept)
        .await
        .unwrap();
    let browser = at_the_form(&app).await;
    assert!(browser.page().document.text.contains("prod.toml"));
}
