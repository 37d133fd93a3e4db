//! Staff who sign in at the company's own OpenID provider: who gets in, as what, and what is refused.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::{staff, unmask_rights};
use numbercloak::store::staff::{Role, Staff};
use serde_json::{Value, json};

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::company::Provider;
use crate::support::console::{set_up, signed_in};

const BUTTON: &str = "Sign in with your company account";

fn ann(groups: Value) -> Value {
    json!({ "sub": "0001", "email": "ann@example.com", "email_verified": true, "groups": groups })
}

async fn at_the_form(app: &App) -> Browser {
    let mut browser = app.browser();
    browser.open(format!("{}/admin/login", app.issuer)).await;
    browser
}

async fn sign_in(app: &App) -> Browser {
    let mut browser = at_the_form(app).await;
    browser.press(BUTTON).await;
    browser
}

async fn accounts(app: &App) -> Vec<Staff> {
    staff::list(&app.desk()).await.unwrap()
}

/// Why the provider's word did not count, oldest first.
async fn refusals(app: &App) -> Vec<String> {
    let records = app.audit(Query::default()).await;
    let details = records.iter().map(|record| &record.body["details"]);
    details
        .filter(|details| details["by"] == "company" && details["action"] == "sign_in_refused")
        .map(|details| details["why"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_first_sign_in_makes_an_account_with_the_role_of_the_claim() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    provider.person(ann(json!(["everybody", "ops"])));
    let browser = sign_in(&app).await;
    assert_eq!(browser.title(), "Overview");
    assert!(
        browser
            .page()
            .document
            .text
            .contains("ann@example.com admin")
    );
    let asked = provider.asked().pop().unwrap();
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["response_type"], "code");
    assert!(asked["nonce"].len() > 40 && asked["state"].len() > 40);
    assert!(!asked.contains_key("prompt"));

    let again = sign_in(&app).await;
    assert_eq!(again.title(), "Overview");
    let accounts = accounts(&app).await;
    assert_eq!(accounts.len(), 1);
    assert!(accounts[0].ready && accounts[0].role == Role::Admin);
    let records = app.audit(Query::default()).await;
    let told: Vec<_> = records
        .iter()
        .filter(|record| record.body["details"]["by"] == "company")
        .map(|record| {
            (
                record.body["operation"].as_str().unwrap(),
                &record.body["details"],
            )
        })
        .collect();
    // Records of one moment come in no order.
    let made: Vec<_> = told
        .iter()
        .filter(|(operation, _)| *operation == "CREATE")
        .collect();
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].1["role"], "admin");
    assert_eq!(told.len(), 3);
}

#[tokio::test]
async fn nobody_gets_in_without_a_role_and_an_address_of_the_company() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    let with = |name: &str, value: Value| {
        let mut claims = ann(json!(["ops"]));
        claims[name] = value;
        claims
    };
    for claims in [
        ann(json!([])),
        ann(json!(["OPS", "owner", "admin"])),
        with("groups", Value::Null),
        with("email", json!("ann@example.com.evil.example")),
        with("email", json!("ann@elsewhere.example")),
        with("email_verified", json!(false)),
        with("email_verified", json!("true")),
        with("email", Value::Null),
        with("sub", json!("")),
    ] {
        provider.person(claims.clone());
        let browser = sign_in(&app).await;
        assert_eq!(browser.page().status, 401, "{claims}");
        let cookies = browser.cookies("localhost");
        assert!(
            !cookies.iter().any(|cookie| cookie.name == "nc_staff"),
            "{claims}"
        );
    }
    assert!(accounts(&app).await.is_empty());
    assert_eq!(refusals(&app).await.len(), 9);
}

#[tokio::test]
async fn what_the_provider_does_not_say_to_us_and_now_does_not_count() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    provider.person(ann(json!(["ops"])));
    let now = app.clock.now().timestamp();
    for lie in [
        json!({ "nonce": "another" }),
        json!({ "aud": "somebody" }),
        json!({ "aud": ["console", "somebody"], "azp": "somebody" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "exp": now - 3600 }),
        json!({ "iat": now - 3600 }),
        json!({ "callback_state": "another" }),
        json!({ "callback_iss": "https://evil.example" }),
    ] {
        provider.lie(lie.clone());
        let browser = sign_in(&app).await;
        assert_eq!(browser.page().status, 401, "{lie}");
    }
    provider.lie(json!({}));
    provider.forge(true);
    assert_eq!(sign_in(&app).await.page().status, 401);
    assert!(accounts(&app).await.is_empty());
    assert_eq!(refusals(&app).await.len(), 9);
    provider.forge(false);
    assert_eq!(sign_in(&app).await.title(), "Overview");
}

#[tokio::test]
async fn a_callback_counts_once_in_its_own_browser_and_in_time() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    provider.person(ann(json!(["ops"])));
    let mut browser = at_the_form(&app).await;
    browser.follows_refresh = false;
    browser.press(BUTTON).await;
    assert_eq!(browser.title(), "On to your company");
    browser.proceed().await;
    assert_eq!(browser.title(), "Company");
    browser.proceed().await;
    // Back on our site, and nothing has happened yet: the next hop is from here.
    assert_eq!(browser.title(), "Back from your company");
    let finish = browser.page().document.refresh.clone().unwrap();
    assert!(finish.starts_with("/admin/login/company/finish?"));
    let mut thief = at_the_form(&app).await;
    thief.follow(&finish).await;
    assert_eq!(thief.page().status, 401);
    browser.proceed().await;
    assert_eq!(browser.title(), "Overview");
    let mut again = app.browser();
    again.open(format!("{}{finish}", app.issuer)).await;
    assert_eq!(again.page().status, 401);

    let mut late = at_the_form(&app).await;
    late.follows_refresh = false;
    late.press(BUTTON).await;
    app.clock.advance(Duration::from_secs(5 * 60));
    for _ in 0..3 {
        late.proceed().await;
    }
    assert_eq!(late.page().status, 401);
}

#[tokio::test]
async fn an_account_whose_claim_is_gone_loses_its_sessions_at_the_next_sign_in() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    provider.person(ann(json!(["ops"])));
    let mut open = sign_in(&app).await;
    provider.person(ann(json!(["leavers"])));
    open.follow("/admin").await;
    assert_eq!(open.title(), "Overview");
    assert_eq!(sign_in(&app).await.page().status, 401);
    open.follow("/admin").await;
    assert_eq!(open.title(), "Sign in to the console");
    assert_eq!(refusals(&app).await, ["the role claim names no role here"]);
}

#[tokio::test]
async fn nobody_is_raised_by_the_provider_but_lowered_at_once() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    provider.person(ann(json!(["sec"])));
    sign_in(&app).await;
    provider.person(ann(json!(["ops"])));
    let raised = sign_in(&app).await;
    assert!(
        raised
            .page()
            .document
            .text
            .contains("ann@example.com auditor")
    );

    let mut bob = ann(json!(["ops"]));
    (bob["sub"], bob["email"]) = (json!("0002"), json!("bob@example.com"));
    provider.person(bob.clone());
    let mut open = sign_in(&app).await;
    bob["groups"] = json!(["sec"]);
    provider.person(bob);
    let lowered = sign_in(&app).await;
    assert!(
        lowered
            .page()
            .document
            .text
            .contains("bob@example.com auditor")
    );
    open.follow("/admin").await;
    assert_eq!(open.title(), "Sign in to the console");
    let records = app.audit(Query::default()).await;
    let changes = records
        .iter()
        .filter(|record| record.body["details"]["action"] == "role_lowered");
    assert_eq!(changes.count(), 1);
    // A right of one person goes with the role, and does not come back with it.
    unmask_rights::set(&app.desk(), "bob@example.com", true, None)
        .await
        .unwrap();
    let mut bob = ann(json!(["help"]));
    (bob["sub"], bob["email"]) = (json!("0002"), json!("bob@example.com"));
    provider.person(bob);
    sign_in(&app).await;
    let known = staff::show(&app.desk(), "bob@example.com").await.unwrap();
    assert_eq!((known.role, known.may_unmask), (Role::Support, false));
}

#[tokio::test]
async fn an_account_that_is_here_is_found_by_a_verified_address_and_keeps_its_role() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    let (_, account) = signed_in(&app, Role::Auditor).await;
    let mut claims = ann(json!(["ops"]));
    claims["email"] = json!(account.email.to_uppercase());
    claims["email_verified"] = json!(false);
    provider.person(claims.clone());
    assert_eq!(sign_in(&app).await.page().status, 401);
    claims["email_verified"] = json!(true);
    provider.person(claims.clone());
    let browser = sign_in(&app).await;
    let text = &browser.page().document.text;
    assert!(text.contains("auditor@example.com auditor"), "{text}");
    // Somebody else who gets the address later is not that person.
    claims["sub"] = json!("0009");
    provider.person(claims);
    let browser = sign_in(&app).await;
    assert_ne!(browser.title(), "Overview");
    assert_eq!(accounts(&app).await.len(), 1);
    staff::disable(&app.desk(), &account.email).await.unwrap();
    let mut claims = ann(json!(["ops"]));
    claims["email"] = json!(account.email);
    provider.person(claims);
    assert_eq!(sign_in(&app).await.page().status, 401);
}

#[tokio::test]
async fn where_the_provider_is_required_nothing_else_signs_in_but_a_setup_link() {
    let provider = Provider::start().await;
    let app = provider
        .serving(|builder| builder.config("console.oidc.required", "true"))
        .await;
    let (_, account) = signed_in(&app, Role::Owner).await;
    let browser = at_the_form(&app).await;
    let text = browser.page().document.text.clone();
    assert!(
        !text.contains("Password") && !text.contains("passkey"),
        "{text}"
    );
    for (path, fields) in [
        (
            "/admin/login",
            &[
                ("email", account.email.as_str()),
                ("password", "x"),
                ("code", "1"),
            ][..],
        ),
        ("/admin/login/passkey", &[]),
        ("/admin/login/passkey/finish", &[]),
    ] {
        let mut browser = at_the_form(&app).await;
        let mut form = browser.form("/admin/login/company");
        form.action = path.to_owned();
        browser.send(&form, None, fields).await;
        assert_eq!(browser.page().status, 403, "{path}");
    }
    let link = staff::setup_link(&app.desk(), Some(&account.email))
        .await
        .unwrap();
    let mut recovered = app.browser();
    let url = link.url(&app.state().config.issuer);
    set_up(&app, &mut recovered, &url, &account.email).await;
    recovered.follow("/admin/staff").await;
    assert_eq!(recovered.title(), "Staff");
}

#[tokio::test]
async fn the_provider_confirms_who_is_signed_in_and_only_anew() {
    let provider = Provider::start().await;
    let app = provider.serving(|builder| builder).await;
    provider.person(ann(json!(["ops"])));
    let mut browser = sign_in(&app).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    let button = "Confirm with your company account";
    let confirm = async |browser: &mut Browser| {
        browser
            .follow("/admin/confirm?next=/admin/account/passkeys")
            .await;
        browser.press(button).await;
    };
    let mut bob = ann(json!(["ops"]));
    bob["sub"] = json!("0002");
    provider.person(bob);
    confirm(&mut browser).await;
    assert_eq!(browser.page().status, 401);
    provider.person(ann(json!(["ops"])));
    provider.lie(json!({ "auth_time": app.clock.now().timestamp() - 3600 }));
    confirm(&mut browser).await;
    assert_eq!(browser.page().status, 401);
    provider.lie(json!({}));
    confirm(&mut browser).await;
    assert_eq!(browser.title(), "Your passkeys");
    assert!(
        !browser
            .page()
            .document
            .text
            .contains("confirm that it is you")
    );
    let asked = provider.asked().pop().unwrap();
    assert_eq!(
        (asked["prompt"].as_str(), asked["max_age"].as_str()),
        ("login", "0")
    );
}

#[tokio::test]
async fn without_a_provider_there_is_no_such_way() {
    let app = App::start().await;
    let mut browser = at_the_form(&app).await;
    assert!(!browser.page().document.text.contains("company"));
    browser
        .follow("/admin/login/company/callback?code=x&state=y")
        .await;
    assert_eq!(browser.page().status, 404);
    browser
        .follow("/admin/login/company/finish?code=x&state=y")
        .await;
    assert_eq!(browser.page().status, 404);
}
