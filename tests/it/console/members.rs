//! One member of staff: the role, where they are signed in, and being let in again; by console, API and
//! command line alike.

use numbercloak::store::staff::Role;
use serde_json::{Value, json};

use super::acts;
use crate::api::{Program, ok, problem};
use crate::support::app::App;
use crate::support::browser::Browser;
use crate::support::command::run;
use crate::support::console::signed_in;

/// Opens a member's page from the list.
async fn at_member(owner: &mut Browser, email: &str) {
    owner.follow("/admin/staff").await;
    let links = owner.page().document.links.clone();
    // In the page's head it is a link, too: to one's own account.
    let found = links
        .iter()
        .find(|(label, target)| label == email && target.starts_with("/admin/staff/"));
    owner.follow(&found.unwrap().1).await;
    assert!(owner.page().document.text.contains("Signed in"));
}

async fn is_in(browser: &mut Browser) -> bool {
    browser.follow("/admin").await;
    browser.title() == "Overview"
}

fn role_of(accounts: &Value, email: &str) -> String {
    let all = accounts["items"]
        .as_array()
        .or(accounts.as_array())
        .unwrap();
    let account = all.iter().find(|one| one["email"] == email).unwrap();
    account["role"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_owner_changes_a_role_and_the_sessions_of_the_old_one_end() {
    let app = App::start().await;
    let (mut owner, me) = signed_in(&app, Role::Owner).await;
    let (mut theirs, them) = signed_in(&app, Role::Admin).await;
    at_member(&mut owner, &them.email).await;
    owner
        .press_with("Change the role", &[("role", "auditor")])
        .await;
    let text = &owner.page().document.text;
    assert!(text.contains("The role is changed"), "{text}");
    assert!(!is_in(&mut theirs).await);
    // The last owner stays one, whichever way it is tried.
    at_member(&mut owner, &me.email).await;
    owner
        .press_with("Change the role", &[("role", "support")])
        .await;
    assert_eq!(owner.page().status, 409);
    assert!(owner.page().document.text.contains("is the last owner"));
    let program = Program::owner(&app).await;
    let path = format!("/staff/{}/role", me.email);
    let refused = program.put(&path, json!({ "role": "admin" })).await;
    assert_eq!(problem(&refused), (422, "invalid".into(), "role".into()));
    let line = ["staff", "set-role", &me.email, "admin"];
    let refused = run(&app, &line, "").await;
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(is_in(&mut owner).await);

    // With a second one the first may go, and the same again changes nothing.
    let line = ["staff", "set-role", &them.email, "owner", "--json"];
    assert_eq!(run(&app, &line, "").await.json()["role"], "owner");
    let changed = ok(program.put(&path, json!({ "role": "admin" })).await);
    assert_eq!(changed["role"], "admin");
    ok(program.put(&path, json!({ "role": "admin" })).await);
    let accounts = run(&app, &["staff", "list", "--json"], "").await.json();
    assert_eq!(role_of(&accounts, &them.email), "owner");
    assert_eq!(
        role_of(&ok(program.get("/staff").await), &me.email),
        "admin"
    );
    assert!(!is_in(&mut owner).await);
    let records = app
        .audit(numbercloak::admin::audit::Query {
            kind: Some("ADMIN_EVENT".to_owned()),
            ..Default::default()
        })
        .await;
    let moved: Vec<_> = records
        .iter()
        .filter(|record| record.body["details"]["role"]["before"].is_string())
        .map(|record| record.body["actor"].as_str().unwrap())
        .collect();
    assert_eq!(moved.len(), 3, "{moved:?}");
    for actor in [me.email.as_str(), "cli", "token:owner"] {
        assert!(moved.contains(&actor), "{actor}: {moved:?}");
    }
}

#[tokio::test]
async fn a_token_raises_nobody_above_itself() {
    let app = App::start().await;
    let (_, them) = signed_in(&app, Role::Auditor).await;
    let scopes = ["staff:*", "clients:read"];
    let program = Program::with(&app, "hr", Role::Owner, &scopes).await;
    let role = format!("/staff/{}/role", them.email);
    let refused = program.put(&role, json!({ "role": "admin" })).await;
    assert_eq!(problem(&refused), (422, "invalid".into(), "role".into()));
    let unmask = format!("/staff/{}/unmask", them.email);
    let refused = program.put(&unmask, json!({ "may": true })).await;
    assert_eq!(problem(&refused), (422, "invalid".into(), "may".into()));
    let shown = ok(program.get(&format!("/staff/{}", them.email)).await);
    assert_eq!(
        (&shown["role"], &shown["may_unmask"]),
        (&json!("auditor"), &json!(false))
    );
}

#[tokio::test]
async fn where_somebody_is_signed_in_is_seen_and_ended_by_owners() {
    let app = App::start().await;
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    let program = Program::owner(&app).await;
    let (mut first, ann) = signed_in(&app, Role::Admin).await;
    at_member(&mut owner, &ann.email).await;
    owner.press("End all of them").await;
    assert!(owner.page().document.text.contains("Nowhere."));
    assert!(!is_in(&mut first).await);

    let (mut second, bob) = signed_in(&app, Role::Support).await;
    let path = format!("/staff/{}/sessions", bob.email);
    let listed = ok(program.get(&path).await);
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    // Somebody else's session is none of theirs.
    let end = format!("/staff/{}/sessions/end", ann.email);
    assert_eq!(
        problem(&program.post(&end, json!({ "id": id })).await).0,
        404
    );
    assert!(is_in(&mut second).await);
    let line = ["staff", "sessions", &bob.email, "--json"];
    assert_eq!(run(&app, &line, "").await.json()[0]["id"], id.as_str());
    let end = format!("/staff/{}/sessions/end", bob.email);
    let ended = ok(program.post(&end, json!({ "id": id })).await);
    assert_eq!(ended["ended"], 1);
    assert!(!is_in(&mut second).await);
    let line = ["staff", "end-sessions", &bob.email, "--json"];
    assert_eq!(run(&app, &line, "").await.json()["ended"], 0);
    assert!(is_in(&mut owner).await);
    let (ones, all) = (
        acts(&app, "end_session").await,
        acts(&app, "end_sessions").await,
    );
    assert_eq!((ones.len(), all.len()), (1, 2));
    assert_eq!(ones[0]["resource_id"], bob.email.as_str());
}

#[tokio::test]
async fn who_was_locked_out_is_let_in_again_but_not_their_old_sessions() {
    let app = App::start().await;
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    let (mut theirs, them) = signed_in(&app, Role::Admin).await;
    let program = Program::owner(&app).await;
    let lock = async || {
        let path = format!("/staff/{}/disable", them.email);
        ok(program.post(&path, json!({})).await)
    };
    assert!(lock().await["disabled_at"].is_string());
    owner.follow("/admin/staff").await;
    owner.press("Let in again").await;
    let text = &owner.page().document.text;
    assert!(text.contains("Not locked out any more."), "{text}");
    assert!(!is_in(&mut theirs).await);
    lock().await;
    let path = format!("/staff/{}/enable", them.email);
    let back = ok(program.post(&path, json!({})).await);
    assert_eq!(back["disabled_at"], Value::Null);
    lock().await;
    let line = ["staff", "enable", &them.email, "--json"];
    assert_eq!(run(&app, &line, "").await.json()["disabled"], false);
    assert_eq!(acts(&app, "enable").await.len(), 3);
}

#[tokio::test]
async fn the_right_to_see_numbers_in_full_is_given_and_taken_everywhere_alike() {
    let app = App::start().await;
    let (mut owner, _) = signed_in(&app, Role::Owner).await;
    let (_, them) = signed_in(&app, Role::Auditor).await;
    let program = Program::owner(&app).await;
    let path = format!("/staff/{}/unmask", them.email);
    for _ in 0..2 {
        let given = ok(program.put(&path, json!({ "may": true })).await);
        assert_eq!(given["may_unmask"], true);
    }
    at_member(&mut owner, &them.email).await;
    let text = &owner.page().document.text;
    assert!(text.contains("Sees numbers in full yes"), "{text}");
    let line = ["staff", "unmask", &them.email, "no", "--json"];
    assert_eq!(run(&app, &line, "").await.json()["may_unmask"], false);
    assert_eq!(
        ok(program.get(&format!("/staff/{}", them.email)).await)["may_unmask"],
        false
    );
    // Who changes roles loses what only auditors are given.
    ok(program.put(&path, json!({ "may": true })).await);
    let role = format!("/staff/{}/role", them.email);
    for role_word in ["admin", "auditor"] {
        let now = ok(program.put(&role, json!({ "role": role_word })).await);
        assert_eq!(now["may_unmask"], false, "{role_word}");
    }
    let (_, admin) = signed_in(&app, Role::Admin).await;
    let path = format!("/staff/{}/unmask", admin.email);
    assert_eq!(
        problem(&program.put(&path, json!({ "may": true })).await).0,
        404
    );
}
