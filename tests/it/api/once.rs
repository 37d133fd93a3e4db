//! Creates that are sent again.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Program, ok, problem};
use crate::support::app::App;
use crate::support::wire::{Raw, count};

async fn create(program: &Program, key: &str, body: &Value) -> Raw {
    let request = program
        .request(Method::POST, "/clients")
        .header("idempotency-key", key);
    Raw::of(request.json(body)).await
}

fn bank() -> Value {
    json!({"name": "Bank", "redirect_uris": ["https://bank.example/cb"]})
}

#[tokio::test]
async fn a_create_sent_again_is_answered_as_before_secret_and_all_and_makes_nothing() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let first = create(&program, "k1", &bank()).await;
    let again = create(&program, "k1", &bank()).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(first.headers["location"], again.headers["location"]);
    assert_eq!(first.headers["etag"], again.headers["etag"]);
    assert!(first.headers.get("idempotency-replayed").is_none());
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(count(&app, "clients").await, 2);
    // The answer holds a secret: nobody reads it from the table.
    let secret = first.json()["client_secret"].as_str().unwrap().to_owned();
    let clear = format!("api_answers where position('{secret}'::bytea in sealed) > 0");
    assert_eq!(count(&app, &clear).await, 0);
    let other = create(&program, "k2", &bank()).await;
    assert_ne!(other.json()["client_id"], first.json()["client_id"]);
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_token() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    create(&program, "k", &bank()).await;
    let mut body = bank();
    body["name"] = json!("Other bank");
    let reused = create(&program, "k", &body).await;
    assert_eq!(problem(&reused), (422, "key_reused".into(), String::new()));
    let elsewhere = program
        .request(Method::POST, "/staff")
        .header("idempotency-key", "k");
    let elsewhere =
        Raw::of(elsewhere.json(&json!({"email": "a@example.com", "role": "owner"}))).await;
    assert_eq!(problem(&elsewhere).0, 422);
    let roles = numbercloak::store::staff::Role::Owner;
    let stranger = Program::with(&app, "stranger", roles, &["*"]).await;
    let theirs = create(&stranger, "k", &bank()).await;
    assert_eq!(theirs.status, 201);
    assert!(theirs.headers.get("idempotency-replayed").is_none());
    for bad in ["", &"x".repeat(256), "ä"] {
        assert_eq!(
            problem(&create(&program, bad, &bank()).await).0,
            400,
            "{bad}"
        );
    }
}

#[tokio::test]
async fn what_was_refused_may_be_corrected_under_the_same_key() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let refused = create(&program, "k", &json!({"name": "Bank", "redirect_uris": []})).await;
    assert_eq!(problem(&refused).2, "redirect_uris");
    assert_eq!(create(&program, "k", &bank()).await.status, 201);
}

#[tokio::test]
async fn of_several_at_once_one_is_done() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let body = bank();
    let send = || create(&program, "k", &body);
    let answers = tokio::join!(send(), send(), send(), send());
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert!([201, 409].contains(&answer.status), "{}", answer.body);
    }
    assert_eq!(count(&app, "clients").await, 2);
    assert_eq!(ok(create(&program, "k", &body).await)["name"], "Bank");
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let app = App::start().await;
    let program = Program::with(&app, "year", numbercloak::store::staff::Role::Owner, &["*"]).await;
    create(&program, "k", &bank()).await;
    let day_later = app.clock.now() + Duration::from_secs(24 * 3600 + 1);
    let before = day_later - Duration::from_secs(24 * 3600);
    numbercloak::store::api_answers::purge(app.state().db.relaxed(), before)
        .await
        .unwrap();
    assert_eq!(count(&app, "api_answers").await, 0);
}
