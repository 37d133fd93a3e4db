//! Tokens of the API.

use std::time::Duration;

use chrono::SubsecRound as _;
use numbercloak::admin::Refused;
use numbercloak::admin::api_tokens::{self, NewToken};
use numbercloak::admin::audit::Query;
use numbercloak::admin::page::Wanted;
use numbercloak::admin::scopes::Scope;
use numbercloak::store::staff::Role;
use reqwest::Method;
use serde_json::json;

use super::{DAY, Program, ok, problem};
use crate::support::app::App;
use crate::support::wire::{Raw, count, http};

#[tokio::test]
async fn without_a_token_that_works_there_is_nothing() {
    let app = App::builder()
        .config("limits.client_failures_per_minute", "1000")
        .start()
        .await;
    let program = Program::owner(&app).await;
    let uri = format!("{}/clients", program.base);
    let cases: [(&str, Option<String>); 6] = [
        ("Bearer", None),
        ("Bearer", Some("Basic abc".to_owned())),
        (
            "Bearer error=\"invalid_token\"",
            Some("Bearer x".to_owned()),
        ),
        (
            "Bearer error=\"invalid_token\"",
            Some(format!("Bearer ncat_{}", "A".repeat(43))),
        ),
        // The text without what it starts with, and one with a letter more.
        (
            "Bearer error=\"invalid_token\"",
            Some(format!("Bearer {}", &program.token[5..])),
        ),
        (
            "Bearer error=\"invalid_token\"",
            Some(format!("Bearer {}A", program.token)),
        ),
    ];
    for (challenge, authorization) in cases {
        let request = http().get(&uri);
        let request = match &authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        };
        let answer = Raw::of(request).await;
        assert_eq!(problem(&answer).0, 401, "{authorization:?}");
        assert_eq!(answer.headers["www-authenticate"], challenge);
        assert!(!answer.body.contains("ncat_"));
    }
    // A query or a cookie is no place for it.
    let query = Raw::of(http().get(format!("{uri}?access_token={}", program.token))).await;
    assert_eq!(query.status, 401);
    assert_eq!(program.get("/clients").await.status, 200);
}

#[tokio::test]
async fn a_token_ends_by_itself_and_when_it_is_revoked() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let short = Program::with(&app, "short", Role::Auditor, &["clients:read"]).await;
    assert_eq!(short.get("/clients").await.status, 200);
    let listed = ok(program.get("/api-tokens?search=short").await);
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert!(!listed.to_string().contains("ncat_"));
    assert_eq!(
        program.delete(&format!("/api-tokens/{id}")).await.status,
        204
    );
    assert_eq!(short.get("/clients").await.status, 401);
    assert_eq!(
        problem(&program.delete(&format!("/api-tokens/{id}")).await).0,
        404
    );
    app.clock.advance(DAY + Duration::from_secs(1));
    assert_eq!(program.get("/clients").await.status, 401);
    let query = Query {
        kind: Some("ADMIN_EVENT".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    let of_tokens = records
        .iter()
        .filter(|record| record.body["resource"] == "api_token");
    let acts: Vec<_> = of_tokens
        .map(|record| record.body["operation"].clone())
        .collect();
    assert_eq!(acts, [json!("CREATE"), json!("CREATE"), json!("ACTION")]);
}

#[tokio::test]
async fn only_the_hash_is_stored_and_uses_are_told() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    assert_eq!(program.get("/me").await.status, 200);
    let secret = program.token.strip_prefix("ncat_").unwrap();
    let clear = format!("api_tokens t where t::text like '%{secret}%'");
    assert_eq!(count(&app, &clear).await, 0);
    let uses = app.state().api_token_uses.take();
    assert_eq!(uses.len(), 1);
    numbercloak::store::api_tokens::used(app.state().db.relaxed(), &uses)
        .await
        .unwrap();
    let page = api_tokens::page(&app.desk(), &Wanted::default())
        .await
        .unwrap();
    assert_eq!(page.items[0].last_used_at, Some(uses[0].1.trunc_subsecs(6)));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_never_who_has_a_token() {
    let app = App::builder()
        .config("limits.client_failures_per_minute", "3")
        .start()
        .await;
    let program = Program::owner(&app).await;
    let uri = format!("{}/me", program.base);
    let mut last = Raw::of(http().get(&uri)).await;
    for _ in 0..5 {
        last = Raw::of(http().get(&uri)).await;
    }
    assert_eq!(problem(&last).0, 429);
    assert!(
        last.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert_eq!(program.get("/me").await.status, 200);
}

#[tokio::test]
async fn nobody_hands_out_more_than_they_have() {
    let app = App::start().await;
    let maker = Program::with(
        &app,
        "maker",
        Role::Owner,
        &["tokens:*", "clients:read", "staff:write"],
    )
    .await;
    let token = |role: &str, scopes: &[&str], expires_s: u64| json!({"name": "made", "role": role, "scopes": scopes, "expires_s": expires_s});
    for (body, field) in [
        (token("owner", &["*"], 60), "scopes"),
        (token("owner", &["clients:*"], 60), "scopes"),
        (token("owner", &["keys:write"], 60), "scopes"),
        (token("auditor", &["*"], 60), "scopes"),
        (token("owner", &["clients:read"], 3 * 24 * 3600), "expires"),
        (token("owner", &["clients:reed"], 60), "scopes"),
        (token("owner", &[], 60), "scopes"),
    ] {
        let answer = maker.post("/api-tokens", body.clone()).await;
        assert_eq!(
            problem(&answer),
            (422, "invalid".into(), field.into()),
            "{body}"
        );
    }
    let made = maker
        .post("/api-tokens", token("auditor", &["clients:*"], 600))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let child = Program {
        base: maker.base.clone(),
        token: made.json()["token"].as_str().unwrap().to_owned(),
    };
    assert_eq!(ok(child.get("/me").await)["may"], json!(["clients:read"]));
    // Nor by making a person.
    let person = maker
        .post("/staff", json!({"email": "a@example.com", "role": "owner"}))
        .await;
    assert_eq!(problem(&person).2, "role");
    // Names are told apart while they work.
    let again = maker
        .post("/api-tokens", token("auditor", &["clients:read"], 600))
        .await;
    assert_eq!(problem(&again), (409, "taken".into(), "name".into()));
    let new = NewToken {
        name: "too-long".to_owned(),
        role: Role::Admin,
        scopes: vec!["*".to_owned()],
        lifetime: Duration::from_secs(u64::MAX),
    };
    let refused = api_tokens::create(&app.desk(), new, None)
        .await
        .unwrap_err();
    assert!(matches!(
        refused,
        Refused::Invalid {
            field: "expires",
            ..
        }
    ));
}

/// Whoever sets the password is the account, with the right that one person was given.
#[tokio::test]
async fn nobody_becomes_the_auditor_who_sees_numbers_without_that_right() {
    let app = App::start().await;
    let owner = Program::owner(&app).await;
    let ann = "/staff/ann@example.com";
    let new = json!({"email": "ann@example.com", "role": "auditor"});
    assert_eq!(owner.post("/staff", new).await.status, 201);
    let may = async |may: bool| {
        let request = owner.request(Method::PUT, &format!("{ann}/unmask"));
        let request = request.header("if-match", "*").json(&json!({"may": may}));
        ok(Raw::of(request).await);
    };
    may(true).await;
    let scopes = Scope::ALL
        .into_iter()
        .filter(|scope| *scope == Scope::StaffWrite || Role::Auditor.may(*scope))
        .map(Scope::as_str);
    let scopes: Vec<&str> = scopes.collect();
    let program = Program::with(&app, "program", Role::Owner, &scopes).await;
    for act in ["setup-link", "enable"] {
        let answer = program.post(&format!("{ann}/{act}"), json!({})).await;
        assert_eq!(
            problem(&answer),
            (422, "invalid".into(), "email".into()),
            "{act}"
        );
    }
    may(false).await;
    let answer = program.post(&format!("{ann}/setup-link"), json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[tokio::test]
async fn what_cannot_be_answered_says_so() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let html = program
        .request(Method::GET, "/clients")
        .header("accept", "text/html");
    assert_eq!(problem(&Raw::of(html).await).0, 406);
    let put = Raw::of(program.request(Method::PUT, "/clients")).await;
    assert_eq!(problem(&put).0, 405);
    let mut allowed: Vec<_> = put.headers["allow"]
        .to_str()
        .unwrap()
        .split(',')
        .map(str::to_owned)
        .collect();
    allowed.sort();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    assert_eq!(problem(&program.get("/nothing").await).0, 404);
    assert_eq!(problem(&program.get("/clients/a%00b").await).0, 404);
    assert_eq!(problem(&program.get("/audit/logins/what").await).0, 404);
    let answer = program.get("/clients").await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert!(
        answer.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'; base-uri")
    );
}
