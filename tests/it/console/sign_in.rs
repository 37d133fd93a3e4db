//! Signing in to the console, and staying.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::staff;
use numbercloak::store::staff::Role;

use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::console::{PASSWORD, sign_in, signed_in, wait_for_the_next_code};

async fn at_the_form(app: &App) -> Browser {
    let mut browser = app.browser();
    browser.open(format!("{}/admin/login", app.issuer)).await;
    browser
}

#[tokio::test]
async fn staff_sign_in_with_password_and_code_and_out_again() {
    let app = App::start().await;
    let (_, account) = signed_in(&app, Role::Admin).await;
    wait_for_the_next_code(&app);
    let mut browser = app.browser();
    browser.open(format!("{}/admin/clients", app.issuer)).await;
    assert_eq!(browser.title(), "Sign in to the console");
    sign_in(
        &mut browser,
        "ADMIN@example.com",
        PASSWORD,
        &account.code(&app),
    )
    .await;
    assert_eq!(browser.title(), "Clients");
    browser.press("Sign out").await;
    assert_eq!(browser.title(), "Sign in to the console");
    browser.follow("/admin/clients").await;
    assert_eq!(browser.title(), "Sign in to the console");
    let records = app.audit(Query::default()).await;
    // Newest first; before the person's come those of the keys' making.
    let actions: Vec<_> = records
        .iter()
        .filter(|record| record.body["resource"] != "key")
        .filter_map(|record| record.body["details"]["action"].as_str())
        .collect();
    assert_eq!(actions, ["set_up", "sign_in", "end_session"]);
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same() {
    let app = App::start().await;
    let (_, account) = signed_in(&app, Role::Admin).await;
    let waiting = staff::create(&app.desk(), "new@example.com", Role::Admin).await;
    waiting.unwrap();
    wait_for_the_next_code(&app);
    let code = account.code(&app);
    let mut texts = Vec::new();
    for (email, password, code) in [
        ("admin@example.com", "not the password", code.as_str()),
        ("admin@example.com", PASSWORD, "000000"),
        ("admin@example.com", PASSWORD, "aaaa-bbbb-cccc"),
        ("nobody@example.com", PASSWORD, &code),
        ("new@example.com", PASSWORD, &code),
    ] {
        let mut browser = at_the_form(&app).await;
        sign_in(&mut browser, email, password, code).await;
        assert_eq!(browser.page().status, 401, "{email}");
        assert!(!browser.page().source.contains(password));
        texts.push(browser.page().document.text.clone());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn a_code_and_a_recovery_code_count_once() {
    let app = App::start().await;
    let (_, account) = signed_in(&app, Role::Admin).await;
    // The code that set the account up is used, too.
    for (code, expected) in [
        (account.code(&app), 401),
        (account.recovery[0].to_uppercase(), 200),
        (account.recovery[0].clone(), 401),
        (account.recovery[1].replace('-', " "), 200),
    ] {
        let mut browser = at_the_form(&app).await;
        sign_in(&mut browser, &account.email, PASSWORD, &code).await;
        assert_eq!(browser.page().status, expected, "{code}");
    }
    wait_for_the_next_code(&app);
    let code = account.code(&app);
    let (mut one, mut other) = (at_the_form(&app).await, at_the_form(&app).await);
    tokio::join!(
        sign_in(&mut one, &account.email, PASSWORD, &code),
        sign_in(&mut other, &account.email, PASSWORD, &code),
    );
    let mut statuses = [one.page().status.as_u16(), other.page().status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn guessing_is_stopped_per_account_known_or_not_and_ends_with_its_window() {
    let app = App::start().await;
    let (_, account) = signed_in(&app, Role::Admin).await;
    for email in ["admin@example.com", "nobody@example.com"] {
        let mut browser = at_the_form(&app).await;
        for _ in 0..10 {
            sign_in(&mut browser, email, "not the password", "000000").await;
            assert_eq!(browser.page().status, 401);
        }
        sign_in(&mut browser, email, "not the password", "000000").await;
        assert_eq!(browser.page().status, 429, "{email}");
        let wait: u64 = browser.page().headers["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=900).contains(&wait), "{wait}");
    }
    // Not even the right ones.
    let mut browser = at_the_form(&app).await;
    wait_for_the_next_code(&app);
    sign_in(&mut browser, &account.email, PASSWORD, &account.code(&app)).await;
    assert_eq!(browser.page().status, 429);
    app.clock.advance(Duration::from_secs(15 * 60));
    let mut browser = at_the_form(&app).await;
    sign_in(&mut browser, &account.email, PASSWORD, &account.code(&app)).await;
    assert_eq!(browser.title(), "Overview");
}

#[tokio::test]
async fn guessing_is_stopped_per_address_whatever_the_accounts() {
    let app = App::start().await;
    let mut browser = at_the_form(&app).await;
    for i in 0..30 {
        let email = format!("{i}@example.com");
        sign_in(&mut browser, &email, "not the password", "000000").await;
        assert_eq!(browser.page().status, 401, "{i}");
    }
    sign_in(&mut browser, "31@example.com", "not the password", "000000").await;
    assert_eq!(browser.page().status, 429);
}

#[tokio::test]
async fn another_site_cannot_sign_a_browser_in_to_its_own_account() {
    let app = App::start().await;
    let (_, account) = signed_in(&app, Role::Admin).await;
    wait_for_the_next_code(&app);
    let mut browser = at_the_form(&app).await;
    // The form's token without the cookie that it belongs to.
    browser.forget_cookies("nc_staff_form");
    sign_in(&mut browser, &account.email, PASSWORD, &account.code(&app)).await;
    assert_eq!(browser.page().status, 403);
    let cookies = browser.cookies("localhost");
    assert!(!cookies.iter().any(|cookie| cookie.name == "nc_staff"));
}

#[tokio::test]
async fn a_session_ends_after_a_quarter_of_an_hour_unused_and_after_eight_hours() {
    let app = App::start().await;
    let (mut browser, account) = signed_in(&app, Role::Admin).await;
    for _ in 0..34 {
        app.clock.advance(Duration::from_secs(14 * 60));
        browser.follow("/admin").await;
        assert_eq!(browser.title(), "Overview");
    }
    app.clock.advance(Duration::from_secs(14 * 60));
    browser.follow("/admin").await;
    assert_eq!(browser.title(), "Sign in to the console");
    sign_in(&mut browser, &account.email, PASSWORD, &account.code(&app)).await;
    assert_eq!(browser.title(), "Overview");
    app.clock.advance(Duration::from_secs(15 * 60));
    browser.follow("/admin").await;
    assert_eq!(browser.title(), "Sign in to the console");
}

#[tokio::test]
async fn signing_in_again_is_another_session_and_the_earlier_one_is_over() {
    let app = App::start().await;
    let (browser, account) = signed_in(&app, Role::Admin).await;
    let mut old = browser.clone();
    wait_for_the_next_code(&app);
    let mut again = browser;
    let mut form = at_the_form(&app).await;
    // The same browser at the form, as after a lost tab.
    let token = form.form("/admin/login").fields[0].1.clone();
    let cookie = form.cookies("localhost")[0].clone();
    again.set_cookie("localhost", &cookie.name, &cookie.value);
    again.follow("/admin").await;
    let mut login = form.form("/admin/login");
    login.fields[0].1 = token;
    let code = account.code(&app);
    let fields = [
        ("email", account.email.as_str()),
        ("password", PASSWORD),
        ("code", &code),
    ];
    again.send(&login, None, &fields).await;
    assert_eq!(again.title(), "Overview");
    old.follow("/admin").await;
    assert_eq!(old.title(), "Sign in to the console");
    form.follow("/admin").await;
    assert_eq!(form.title(), "Sign in to the console");
}

#[tokio::test]
async fn ones_own_sessions_are_listed_and_ended_and_nobody_elses() {
    let app = App::start().await;
    let (mut mine, account) = signed_in(&app, Role::Owner).await;
    let (mut theirs, _) = signed_in(&app, Role::Admin).await;
    wait_for_the_next_code(&app);
    let mut other = at_the_form(&app).await;
    sign_in(&mut other, &account.email, PASSWORD, &account.code(&app)).await;
    theirs.follow("/admin/account").await;
    assert!(!theirs.page().source.contains("/admin/account/end"));

    mine.follow("/admin/account").await;
    let form = mine.form("/admin/account/end");
    // Another account's form for it: there is no such session for them.
    let (_, session) = form
        .fields
        .iter()
        .find(|(name, _)| name == "session")
        .unwrap();
    let mut forged = form.clone();
    let csrf = theirs.form("/admin/logout").fields[0].1.clone();
    forged.fields = vec![
        ("csrf".to_owned(), csrf),
        ("session".to_owned(), session.clone()),
    ];
    theirs.send(&forged, None, &[]).await;
    assert_eq!(theirs.page().status, 404);
    other.follow("/admin").await;
    assert_eq!(other.title(), "Overview");

    mine.press("End").await;
    assert_eq!(mine.title(), "Your account");
    other.follow("/admin").await;
    assert_eq!(other.title(), "Sign in to the console");
}

#[tokio::test]
async fn who_is_locked_out_is_out_at_once() {
    let app = App::start().await;
    let (_, _) = signed_in(&app, Role::Owner).await;
    let (mut browser, account) = signed_in(&app, Role::Admin).await;
    staff::disable(&app.desk(), &account.email).await.unwrap();
    browser.follow("/admin").await;
    assert_eq!(browser.title(), "Sign in to the console");
    wait_for_the_next_code(&app);
    sign_in(&mut browser, &account.email, PASSWORD, &account.code(&app)).await;
    assert_eq!(browser.page().status, 401);
}
