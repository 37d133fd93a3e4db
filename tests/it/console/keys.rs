//! Signing keys in the console: what becomes of each, and revoking one.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::clock::Time;
use numbercloak::store::staff::Role;
use numbercloak::token::{lifecycle, schedule};
use serde_json::Value;

use crate::api::{Program, ok};
use crate::support::app::{App, NUMBER};
use crate::support::browser::Browser;
use crate::support::command::run;
use crate::support::console::{Account, PASSWORD, sign_in, signed_in};
use crate::support::rp::Wish;
use crate::support::wire::{Raw, count, http};

/// The keys of RS256 with their state, as the console lists them: active, next, retiring.
fn listed(browser: &Browser) -> Vec<(String, String)> {
    let rows = browser.page().source.split("<th scope=\"row\">RS256</th>");
    // Those that are retired stand below, without their state.
    rows.skip(1)
        .filter_map(|row| {
            let state = row.split("badge").nth(1)?;
            let state = state.split_once('>').unwrap().1.split_once('<').unwrap().0;
            let kid = row.split_once("<code>").unwrap().1;
            Some((state.to_owned(), kid.split_once('<').unwrap().0.to_owned()))
        })
        .collect()
}

async fn published(app: &App) -> String {
    Raw::of(http().get(format!("{}/jwks", app.issuer)))
        .await
        .body
}

async fn at_keys(app: &App) -> (Browser, Account) {
    let (mut owner, account) = signed_in(app, Role::Owner).await;
    owner.follow("/admin/keys").await;
    (owner, account)
}

async fn revoke(browser: &mut Browser, kid: &str) {
    browser.follow(&format!("/admin/keys/{kid}/revoke")).await;
    browser
        .press_with("Revoke this key", &[("sure", "yes")])
        .await;
}

#[tokio::test]
async fn keys_are_shown_and_only_owners_move_them() {
    let app = App::start().await;
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    auditor.follow("/admin/keys").await;
    assert!(auditor.page().document.text.contains("active"));
    let source = &auditor.page().source;
    assert!(!source.contains("/admin/keys/rotate") && !source.contains("/revoke"));
    let (mut owner, account) = at_keys(&app).await;
    owner.press("Let the next key sign").await;
    assert_eq!(owner.page().status, 409, "the next key is too new");
    app.clock.advance(Duration::from_secs(3600));
    owner.follow("/admin/keys").await;
    sign_in(&mut owner, &account.email, PASSWORD, &account.code(&app)).await;
    assert_eq!(owner.title(), "Keys");
    owner.press("Let the next key sign").await;
    let text = &owner.page().document.text;
    assert!(text.contains("The key has moved on."), "{text}");
    let rows = numbercloak::admin::keys::list(&app.desk()).await.unwrap();
    let says = |what: &str, at: Time, later: u64| {
        let at = at + Duration::from_secs(later);
        format!("{what} {}", at.format("%Y-%m-%d %H:%M"))
    };
    // A day is the longest that a token lives, and replicas may be five minutes late.
    let retiring = rows.iter().find_map(|row| row.retiring_at).unwrap();
    let leaves = says("leaves at", retiring, 86_400 + 300);
    assert!(text.contains(&leaves), "{leaves}: {text}");
    let newest = rows.iter().map(|row| row.created_at).max().unwrap();
    let ready = says("may sign from", newest, 3600);
    assert!(text.contains(&ready), "{ready}: {text}");
}

#[tokio::test]
async fn revoking_the_active_key_lets_the_next_one_sign_and_ends_every_token_of_it() {
    let app = App::start().await;
    let mut person = app.browser();
    let before = app.sign_in(&mut person, &Wish::of(NUMBER)).await;
    let (mut owner, _) = at_keys(&app).await;
    let keys = listed(&owner);
    let [(_, active), (_, next)] = &keys[..] else {
        panic!("{keys:?}");
    };
    assert!(published(&app).await.contains(active.as_str()));
    // Nothing happens by accident.
    owner.follow(&format!("/admin/keys/{active}/revoke")).await;
    owner.press("Revoke this key").await;
    assert_eq!(owner.page().status, 422);
    assert!(published(&app).await.contains(active.as_str()));
    revoke(&mut owner, active).await;
    let text = &owner.page().document.text;
    assert!(text.contains("The key is revoked."), "{text}");
    assert!(text.contains("Retired: 1"), "{text}");
    let keys = listed(&owner);
    assert_eq!(keys[0], ("active".to_owned(), next.clone()));
    assert_eq!(keys[1].0, "next");
    let jwks = published(&app).await;
    assert!(!jwks.contains(active.as_str()) && jwks.contains(next.as_str()));
    assert!(jwks.contains(keys[1].1.as_str()));

    // A token of it is worth nothing: not as a hint, and not by the published keys.
    let hinted = Wish {
        prompt: Some("none"),
        extra: vec![("id_token_hint", before.id_token.clone())],
        ..Wish::of(NUMBER)
    };
    app.open(&mut person, &hinted).await;
    let refused = person.left().to_string();
    assert!(refused.contains("error="), "{refused}");
    // A new sign-in is signed by the one that was next.
    let mut another = app.browser();
    let after = app.sign_in(&mut another, &Wish::of(NUMBER)).await;
    let kid = |token: &str| jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert_eq!(kid(&before.id_token), *active);
    assert_eq!(kid(&after.id_token), *next);
    owner.follow(&format!("/admin/keys/{active}/revoke")).await;
    assert_eq!(owner.page().status, 404, "it is gone already");
}

#[tokio::test]
async fn a_next_or_retiring_key_is_revoked_and_the_active_one_stays() {
    let app = App::start().await;
    let (mut owner, _) = at_keys(&app).await;
    let keys = listed(&owner);
    revoke(&mut owner, &keys[1].1).await;
    let after = listed(&owner);
    assert_eq!(after[0], keys[0]);
    assert_eq!(after[1].0, "next");
    assert_ne!(after[1].1, keys[1].1);

    let rotate = ["key", "rotate", "--alg", "RS256", "--published-for", "0"];
    assert_eq!(run(&app, &rotate, "").await.code, Some(0));
    owner.follow("/admin/keys").await;
    let keys = listed(&owner);
    assert_eq!(keys[2].0, "retiring");
    // By the command line, which asks too.
    let line = ["key", "revoke", &keys[2].1, "--json"];
    assert_eq!(run(&app, &line, "").await.code, Some(1));
    let told = run(&app, &[&line[..], &["--yes"]].concat(), "")
        .await
        .json();
    assert_eq!(told["was"], "retiring");
    assert_eq!(told["active"], keys[0].1.as_str());
    let again = run(&app, &[&line[..], &["--yes"]].concat(), "").await;
    assert_eq!(again.code, Some(2), "{}", again.err);
    owner.follow("/admin/keys").await;
    assert_eq!(listed(&owner), keys[..2]);
}

#[tokio::test]
async fn a_key_is_revoked_by_the_api_and_each_step_is_recorded() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let (owner, _) = at_keys(&app).await;
    let keys = listed(&owner);
    let path = format!("/keys/{}/revoke", keys[0].1);
    let revoked = program.post(&path, serde_json::json!({})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    let revoked = revoked.json();
    assert_eq!(
        (&revoked["was"], &revoked["active"]),
        (&"active".into(), &keys[1].1.as_str().into())
    );
    let again = program.post(&path, serde_json::json!({})).await;
    assert_eq!(again.status, 404);
    let of_it = format!(
        "audit_records where convert_from(body, 'UTF8') like '%{}%'",
        keys[0].1
    );
    // Made, ordered to go, gone.
    assert_eq!(count(&app, &of_it).await, 3);
}

/// The key that signs a new person's ID token.
async fn signing(app: &App) -> String {
    let signed = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let header = jsonwebtoken::decode_header(&signed.id_token);
    header.unwrap().kid.unwrap()
}

/// Whoever is first moves what is due: the server's own task, or this.
async fn let_the_calendar_turn(app: &App) {
    let (db, vault, now) = (&app.state().db, &app.state().vault, app.clock.now());
    let every = app.state().config.keys.rotate_every;
    schedule::rotate_due(db, vault, every, now).await.unwrap();
    let longest = lifecycle::longest_token(app.state().config.login.id_token);
    lifecycle::retire(db, vault, now, longest).await.unwrap();
    app.state().forget("keys").await;
}

#[tokio::test]
async fn keys_rotate_by_the_calendar_and_every_step_is_told_and_recorded() {
    const DAY: Duration = Duration::from_secs(86_400);
    let app = App::builder()
        .config("keys.rotate_every", "30d")
        .start()
        .await;
    let (owner, _) = at_keys(&app).await;
    let text = &owner.page().document.text;
    assert!(text.contains("Every 30 days"), "{text}");
    let rows = numbercloak::admin::keys::list(&app.desk()).await.unwrap();
    let start = rows.iter().find_map(|row| row.activated_at).unwrap();
    let until = (start + 30 * DAY).format("%Y-%m-%d");
    assert!(text.contains(&format!("signs until {until}")), "{text}");
    assert!(text.contains(&format!("signs from {until}")), "{text}");
    let before = listed(&owner);
    let kid = |keys: &[(String, String)], state: &str| {
        let found = keys.iter().find(|(known, _)| known == state);
        found.unwrap().1.clone()
    };
    let (first, second) = (kid(&before, "active"), kid(&before, "next"));
    assert_eq!(signing(&app).await, first);

    app.clock.advance(30 * DAY);
    let_the_calendar_turn(&app).await;
    assert_eq!(signing(&app).await, second);
    assert!(published(&app).await.contains(&first));
    let program = Program::owner(&app).await;
    let keys = ok(program.get("/keys").await);
    assert_eq!(keys["rotate_every_s"], 30 * 86_400);
    let of = |kid: &str| {
        let all = keys["signing_keys"].as_array().unwrap();
        all.iter().find(|key| key["kid"] == kid).unwrap().clone()
    };
    assert_eq!(of(&first)["status"], "retiring");
    assert_eq!(of(&second)["status"], "active");
    let at = |value: &Value| value.as_str().unwrap().parse::<Time>().unwrap();
    let active = of(&second);
    assert_eq!(
        at(&active["moves_at"]),
        at(&active["activated_at"]) + 30 * DAY
    );

    // The day of the longest token, and replicas that may be late.
    app.clock.advance(DAY + Duration::from_secs(300));
    let_the_calendar_turn(&app).await;
    assert!(!published(&app).await.contains(&first));
    let acts: Vec<String> = app
        .audit(Query {
            kind: Some("ADMIN_EVENT".to_owned()),
            actor: Some("system".to_owned()),
            ..Query::default()
        })
        .await
        .iter()
        .filter(|record| {
            record.body["resource_id"] == *first || record.body["resource_id"] == *second
        })
        .map(|record| {
            record.body["details"]["action"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    for act in ["create", "rotate", "retire"] {
        assert!(acts.iter().any(|done| done == act), "{act}: {acts:?}");
    }
}
