//! Passkeys of staff over the wire, with a software authenticator in place of the browser's: added, used,
//! removed; and every answer that is not one.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::admin::staff;
use numbercloak::store::staff::Role;
use serde_json::{Value, json};

use crate::api::{Program, ok, problem};
use crate::support::app::App;
use crate::support::authenticator::Authenticator;
use crate::support::browser::Browser;
use crate::support::command::run;
use crate::support::console::{Account, set_up, signed_in};
use crate::support::html::decode;

const LIST: &str = "/admin/account/passkeys";

/// What the page asks the authenticator.
fn options(browser: &Browser) -> Value {
    let source = &browser.page().source;
    let (_, rest) = source
        .split_once("data-options=\"")
        .unwrap_or_else(|| panic!("nothing is asked on: {}", browser.page().document.text));
    serde_json::from_str(&decode(rest.split_once('"').unwrap().0)).unwrap()
}

fn policy(browser: &Browser) -> String {
    browser.page().headers["permissions-policy"]
        .to_str()
        .unwrap()
        .to_owned()
}

async fn answer(browser: &mut Browser, action: &str, answer: &str) {
    let form = browser.form(action);
    browser.send(&form, None, &[("answer", answer)]).await;
}

/// Adds a passkey to whoever is signed in.
async fn add(app: &App, browser: &mut Browser, name: &str) -> Authenticator {
    let mut authenticator = Authenticator::at(&app.issuer);
    browser.follow(LIST).await;
    browser.press_with("Add it", &[("name", name)]).await;
    assert_eq!(browser.title(), "Add a passkey");
    assert!(policy(browser).contains("publickey-credentials-create=(self)"));
    let made = authenticator.create(&options(browser));
    answer(browser, "/finish", &made).await;
    assert!(
        browser.page().document.text.contains("Added."),
        "{}",
        browser.page().document.text
    );
    authenticator
}

/// A browser that is asked for a passkey, and what it is asked.
async fn asked(app: &App) -> (Browser, Value) {
    let mut browser = app.browser();
    browser.open(format!("{}/admin/login", app.issuer)).await;
    assert!(policy(&browser).contains("publickey-credentials-get=()"));
    browser.press("Sign in with a passkey").await;
    assert!(policy(&browser).contains("publickey-credentials-get=(self)"));
    let options = options(&browser);
    (browser, options)
}

async fn use_to_sign_in(app: &App, authenticator: &mut Authenticator) -> Browser {
    let (mut browser, options) = asked(app).await;
    let given = authenticator.get(&options);
    answer(&mut browser, "/admin/login/passkey/finish", &given).await;
    browser
}

/// Why sign-ins by passkey were refused, oldest first.
async fn refusals(app: &App) -> Vec<String> {
    let records = app.audit(Query::default()).await;
    let details = records.iter().map(|record| &record.body["details"]);
    details
        .filter(|details| details["action"] == "sign_in_refused")
        .map(|details| details["why"].as_str().unwrap().to_owned())
        .collect()
}

/// Somebody with this role who added one.
pub(super) async fn with_passkey(app: &App, role: Role) -> (Browser, Account, Authenticator) {
    let (mut browser, account) = signed_in(app, role).await;
    let authenticator = add(app, &mut browser, "laptop").await;
    (browser, account, authenticator)
}

#[tokio::test]
async fn a_passkey_signs_in_in_place_of_password_and_code() {
    let app = App::start().await;
    let (mut mine, account, mut authenticator) = with_passkey(&app, Role::Admin).await;
    let mut blue = add(&app, &mut mine, "blue key").await;
    for one in [&mut authenticator, &mut blue] {
        let browser = use_to_sign_in(&app, one).await;
        assert_eq!(browser.title(), "Overview");
        assert!(browser.page().document.text.contains(&account.email));
    }
    mine.follow(LIST).await;
    let text = &mine.page().document.text;
    assert!(
        text.contains("laptop") && text.contains("blue key") && !text.contains("never"),
        "{text}"
    );
    let records = app.audit(Query::default()).await;
    let by: Vec<_> = records
        .iter()
        .filter_map(|record| record.body["details"]["by"].as_str())
        .collect();
    assert_eq!(by, ["passkey", "passkey"]);
}

#[tokio::test]
async fn an_answer_counts_once_and_for_its_own_challenge_only() {
    let app = App::start().await;
    let (_, _, mut authenticator) = with_passkey(&app, Role::Admin).await;
    let (mut browser, options) = asked(&app).await;
    let given = authenticator.get(&options);
    let form = browser.form("/admin/login/passkey/finish");
    browser.send(&form, None, &[("answer", &given)]).await;
    assert_eq!(browser.title(), "Overview");
    // The same once more, as somebody who overheard it would send it.
    let mut again = app.browser();
    again.open(format!("{}/admin/login", app.issuer)).await;
    let csrf = again.form("/admin/login/passkey").fields[0].1.clone();
    let mut replayed = form.clone();
    replayed.fields[0].1 = csrf;
    again.send(&replayed, None, &[("answer", &given)]).await;
    assert_eq!(again.page().status, 401);
    // And as the answer to a challenge of today.
    let (mut other, _) = asked(&app).await;
    answer(&mut other, "/admin/login/passkey/finish", &given).await;
    assert_eq!(other.page().status, 401);
    // A challenge that nobody answered in time.
    let (mut late, options) = asked(&app).await;
    app.clock.advance(Duration::from_secs(5 * 60));
    let given = authenticator.get(&options);
    answer(&mut late, "/admin/login/passkey/finish", &given).await;
    assert_eq!(late.page().status, 401);
    let expected = ["challenge_over", "wrong_challenge", "challenge_over"];
    assert_eq!(refusals(&app).await, expected);
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_on_record_and_the_page_does_not_tell() {
    let app = App::start().await;
    let (_, _, mut mine) = with_passkey(&app, Role::Admin).await;
    let (_, _, theirs) = with_passkey(&app, Role::Owner).await;
    let stranger = Authenticator::at(&app.issuer);
    let mut texts = Vec::new();
    type Lie = Box<dyn Fn(&mut Authenticator)>;
    let owner = theirs.user.clone();
    let lies: [Lie; 6] = [
        Box::new(|one| one.origin = "https://evil.example".to_owned()),
        Box::new(|one| one.rp_id = "evil.example".to_owned()),
        Box::new(|one| one.verifies = false),
        Box::new(move |one| one.user = owner.clone()),
        Box::new(|one| one.user = Vec::new()),
        Box::new(|one| one.origin = "http://localhost:1".to_owned()),
    ];
    for lie in lies {
        let (origin, user) = (mine.origin.clone(), mine.user.clone());
        lie(&mut mine);
        let browser = use_to_sign_in(&app, &mut mine).await;
        assert_eq!(browser.page().status, 401);
        texts.push(browser.page().document.text.clone());
        (mine.origin, mine.user, mine.rp_id, mine.verifies) =
            (origin, user, "localhost".to_owned(), true);
    }
    // Another key behind a passkey's id.
    let mut forged = Authenticator::at(&app.issuer);
    (forged.credential_id, forged.user) = (mine.credential_id.clone(), mine.user.clone());
    forged.counter = mine.counter;
    texts.push(
        use_to_sign_in(&app, &mut forged)
            .await
            .page()
            .document
            .text
            .clone(),
    );
    // A passkey that nobody has.
    let mut unknown = stranger;
    unknown.user = mine.user.clone();
    texts.push(
        use_to_sign_in(&app, &mut unknown)
            .await
            .page()
            .document
            .text
            .clone(),
    );
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let expected = [
        "wrong_origin",
        "wrong_rp_id",
        "user_not_verified",
        "another_account",
        "another_account",
        "wrong_origin",
        "wrong_signature",
    ];
    assert_eq!(refusals(&app).await, expected);
    let browser = use_to_sign_in(&app, &mut mine).await;
    assert_eq!(browser.title(), "Overview");
}

#[tokio::test]
async fn a_counter_that_goes_back_shows_a_copy() {
    let app = App::start().await;
    let (_, _, mut authenticator) = with_passkey(&app, Role::Admin).await;
    authenticator.counter = 6;
    assert_eq!(
        use_to_sign_in(&app, &mut authenticator).await.title(),
        "Overview"
    );
    for copy in [6, 2] {
        authenticator.counter = copy;
        let browser = use_to_sign_in(&app, &mut authenticator).await;
        assert_eq!(browser.page().status, 401, "{copy}");
    }
    assert_eq!(
        refusals(&app).await,
        ["counter_went_back", "counter_went_back"]
    );
    // Two answers at the same moment with one count: one of them is a copy's.
    authenticator.counter = 20;
    let (mut one, first) = asked(&app).await;
    let (mut other, second) = asked(&app).await;
    let first = authenticator.get(&first);
    authenticator.counter = 20;
    let second = authenticator.get(&second);
    tokio::join!(
        answer(&mut one, "/finish", &first),
        answer(&mut other, "/finish", &second),
    );
    let mut statuses = [one.page().status.as_u16(), other.page().status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
}

#[tokio::test]
async fn adding_and_removing_need_a_fresh_proof_and_a_removed_passkey_signs_nobody_in() {
    let app = App::start().await;
    let (mut mine, account, mut authenticator) = with_passkey(&app, Role::Admin).await;
    let (mut theirs, _, _) = with_passkey(&app, Role::Owner).await;
    // Another account's form for it: there is no such passkey for them.
    let mut forged = mine.form("/remove");
    forged.fields[0].1 = theirs.form("/admin/logout").fields[0].1.clone();
    theirs.send(&forged, None, &[]).await;
    assert_eq!(theirs.page().status, 404);

    app.clock.advance(Duration::from_secs(6 * 60));
    mine.follow(LIST).await;
    mine.press_with("Add it", &[("name", "another")]).await;
    assert_eq!(mine.title(), "Confirm that it is you");
    mine.follow(LIST).await;
    mine.press("Remove laptop").await;
    assert_eq!(mine.title(), "Confirm that it is you");
    // A passkey confirms, too.
    mine.press("Confirm with a passkey").await;
    let given = authenticator.get(&options(&mine));
    answer(&mut mine, "/admin/confirm/passkey/finish", &given).await;
    assert_eq!(mine.title(), "Your passkeys");
    mine.press("Remove laptop").await;
    assert!(mine.page().document.text.contains("You have none yet."));
    let browser = use_to_sign_in(&app, &mut authenticator).await;
    assert_eq!(browser.page().status, 401);
    let records = app.audit(Query::default()).await;
    let removed = records.iter().filter(|record| {
        record.body["details"]["action"] == "passkey_removed"
            && record.body["actor"] == account.email.as_str()
    });
    assert_eq!(removed.count(), 1);
}

#[tokio::test]
async fn a_passkey_is_renamed_by_its_owner_and_seen_and_removed_by_owners_everywhere() {
    let app = App::start().await;
    let (mut mine, account, mut authenticator) = with_passkey(&app, Role::Admin).await;
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    mine.follow(LIST).await;
    mine.press_with("Save", &[("called", "  blue key ")]).await;
    let text = &mine.page().document.text;
    assert!(
        text.contains("It is called so.") && text.contains("blue key"),
        "{text}"
    );
    mine.press_with("Save", &[("called", " ")]).await;
    assert_eq!(mine.page().status, 422);
    // Somebody else's form for it.
    owner.follow("/admin").await;
    let mut forged = mine.form("/rename");
    forged.fields[0].1 = owner.form("/admin/logout").fields[0].1.clone();
    owner.send(&forged, None, &[("called", "theirs")]).await;
    assert_eq!(owner.page().status, 404);

    let program = Program::owner(&app).await;
    let path = format!("/staff/{}/passkeys", account.email);
    let listed = ok(program.get(&path).await);
    assert_eq!(listed["items"][0]["name"], "blue key");
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let name = format!("{path}/{id}/name");
    assert_eq!(
        program
            .put(&name, json!({ "name": "red key" }))
            .await
            .status,
        204
    );
    assert_eq!(
        problem(&program.put(&name, json!({ "name": "" })).await).0,
        422
    );
    let line = ["staff", "passkeys", &account.email, "--json"];
    assert_eq!(run(&app, &line, "").await.json()[0]["name"], "red key");
    let line = ["staff", "rename-passkey", &account.email, &id, "grey key"];
    assert_eq!(run(&app, &line, "").await.code, Some(0));
    let browser = use_to_sign_in(&app, &mut authenticator).await;
    assert_eq!(browser.title(), "Overview");
    let line = ["staff", "remove-passkey", &account.email, &id];
    assert_eq!(run(&app, &line, "").await.code, Some(0));
    assert_eq!(run(&app, &line, "").await.code, Some(2));
    assert_eq!(program.delete(&format!("{path}/{id}")).await.status, 404);
    let browser = use_to_sign_in(&app, &mut authenticator).await;
    assert_eq!(browser.page().status, 401);
    let renamed = super::acts(&app, "passkey_renamed").await;
    assert_eq!(renamed.len(), 3);
    assert_eq!(renamed[0]["details"]["name"]["before"], "laptop");

    // On the page of its owner, by an owner.
    add(&app, &mut mine, "another").await;
    owner.follow("/admin/staff").await;
    owner.follow(&link_to(&owner, &account.email)).await;
    owner.press("Remove another").await;
    let text = &owner.page().document.text;
    assert!(text.contains("It signs nobody in any more."), "{text}");
}

fn link_to(browser: &Browser, label: &str) -> String {
    let links = &browser.page().document.links;
    links
        .iter()
        .find(|(known, _)| known == label)
        .unwrap()
        .1
        .clone()
}

#[tokio::test]
async fn another_accounts_passkey_does_not_confirm() {
    let app = App::start().await;
    let (mut mine, _, _) = with_passkey(&app, Role::Admin).await;
    let (_, _, mut theirs) = with_passkey(&app, Role::Owner).await;
    app.clock.advance(Duration::from_secs(6 * 60));
    mine.follow("/admin/confirm").await;
    mine.press("Confirm with a passkey").await;
    let given = theirs.get(&options(&mine));
    answer(&mut mine, "/finish", &given).await;
    assert_eq!(mine.page().status, 401);
    assert_eq!(refusals(&app).await, ["another_account"]);
    mine.follow(LIST).await;
    assert!(mine.page().document.text.contains("confirm that it is you"));
}

#[tokio::test]
async fn a_passkey_that_is_no_answer_or_anothers_is_not_added() {
    let app = App::start().await;
    let (mut mine, _, _) = with_passkey(&app, Role::Admin).await;
    let (mut theirs, _, _) = with_passkey(&app, Role::Owner).await;
    type Lie = fn(&mut Authenticator);
    let lies: [Lie; 3] = [
        |one| one.origin = "https://evil.example".to_owned(),
        |one| one.rp_id = "evil.example".to_owned(),
        |one| one.verifies = false,
    ];
    for lie in lies {
        mine.follow(LIST).await;
        mine.press_with("Add it", &[("name", "bad")]).await;
        let mut authenticator = Authenticator::at(&app.issuer);
        lie(&mut authenticator);
        let made = authenticator.create(&options(&mine));
        answer(&mut mine, "/finish", &made).await;
        assert_eq!(mine.page().status, 422);
    }
    // A challenge that was made for another account.
    theirs.follow(LIST).await;
    theirs.press_with("Add it", &[("name", "theirs")]).await;
    let challenge = theirs.form("/finish");
    let (_, token) = challenge
        .fields
        .iter()
        .find(|(name, _)| name == "challenge")
        .unwrap();
    let made = Authenticator::at(&app.issuer).create(&options(&theirs));
    mine.follow(LIST).await;
    mine.press_with("Add it", &[("name", "stolen")]).await;
    let form = mine.form("/finish");
    mine.send(&form, None, &[("challenge", token), ("answer", &made)])
        .await;
    assert_eq!(mine.page().status, 422);
    let records = app.audit(Query::default()).await;
    let why: Vec<_> = records
        .iter()
        .filter(|record| record.body["details"]["action"] == "passkey_refused")
        .map(|record| record.body["details"]["why"].as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "wrong_origin",
        "wrong_rp_id",
        "user_not_verified",
        "challenge_over",
    ];
    assert_eq!(why, expected);
    for name in ["", &"x".repeat(61)] {
        mine.follow(LIST).await;
        mine.press_with("Add it", &[("name", name)]).await;
        assert_eq!(mine.page().status, 422);
    }
}

#[tokio::test]
async fn who_is_locked_out_or_set_up_anew_has_no_passkey() {
    let app = App::start().await;
    let (_, account, mut authenticator) = with_passkey(&app, Role::Admin).await;
    let (_, owner, mut theirs) = with_passkey(&app, Role::Owner).await;
    staff::disable(&app.desk(), &account.email).await.unwrap();
    let browser = use_to_sign_in(&app, &mut authenticator).await;
    assert_eq!(browser.page().status, 401);
    assert_eq!(refusals(&app).await, ["locked_out"]);
    let link = staff::setup_link(&app.desk(), Some(&owner.email))
        .await
        .unwrap();
    let url = link.url(&app.state().config.issuer);
    set_up(&app, &mut app.browser(), &url, &owner.email).await;
    let browser = use_to_sign_in(&app, &mut theirs).await;
    assert_eq!(browser.page().status, 401);
}

#[tokio::test]
async fn without_a_script_the_page_says_so_and_password_and_code_stay() {
    let app = App::start().await;
    let (browser, _) = asked(&app).await;
    let page = browser.page();
    assert!(
        page.document
            .text
            .contains("A passkey needs scripts in your browser.")
    );
    let links = &page.document.links;
    assert!(links.iter().any(|(_, target)| target == "/admin/login"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(
        !page.source.contains("<script>"),
        "no script stands in the page"
    );
}
