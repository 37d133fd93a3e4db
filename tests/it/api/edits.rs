//! Edits name the state they saw.

use reqwest::Method;
use serde_json::json;

use super::{Program, ok, problem};
use crate::support::app::App;
use crate::support::wire::Raw;

async fn edit(program: &Program, tag: Option<&str>, name: &str) -> Raw {
    let request = program
        .request(Method::PATCH, "/clients/shop")
        .json(&json!({ "name": name }));
    let request = match tag {
        Some(tag) => request.header("if-match", tag),
        None => request,
    };
    Raw::of(request).await
}

#[tokio::test]
async fn whoever_did_not_see_the_last_change_changes_nothing() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let tag = program.get("/clients/shop").await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        problem(&edit(&program, None, "A").await),
        (428, "precondition_required".into(), String::new())
    );
    assert_eq!(edit(&program, Some(&tag), "B").await.status, 200);
    for stale in [&tag, "\"r99\"", "W/\"r2\"", "\"2\"", "\"r2\", \"r1\""] {
        let answer = edit(&program, Some(stale), "C").await;
        assert_eq!(
            problem(&answer),
            (412, "stale".into(), String::new()),
            "{stale}"
        );
    }
    assert_eq!(ok(program.get("/clients/shop").await)["name"], "B");
    assert_eq!(edit(&program, Some("*"), "D").await.status, 200);
    let gone = program
        .request(Method::DELETE, "/clients/shop")
        .header("if-match", tag);
    assert_eq!(problem(&Raw::of(gone).await).0, 412);
}

#[tokio::test]
async fn two_edits_of_one_state_at_once_are_one_edit() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let tag = program.get("/clients/shop").await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let (one, two) = tokio::join!(
        edit(&program, Some(&tag), "One"),
        edit(&program, Some(&tag), "Two")
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn a_body_that_is_not_as_documented_is_refused_by_its_field() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let good = json!({"name": "Bank", "redirect_uris": ["https://bank.example/cb"]});
    let with = |name: &str, value: serde_json::Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, status, field) in [
        (json!({"name": "Bank"}), 422, "redirect_uris"),
        (with("redirect_uri", json!("x")), 422, "redirect_uri"),
        (
            with("redirect_uris", json!(["http://bank.example/cb"])),
            422,
            "redirect_uris",
        ),
        (
            with("redirect_uris", json!(["https://*.example/cb"])),
            422,
            "redirect_uris",
        ),
        (with("name", json!("a\u{202e}b")), 422, "name"),
        (with("name", json!("a\u{0}b")), 422, ""),
        (
            with("settings", json!({"confrim": "always"})),
            422,
            "settings",
        ),
        (
            with("settings", json!({"operators": ["nobody"]})),
            422,
            "operators",
        ),
        (
            with("token_endpoint_auth_method", json!("none")),
            422,
            "token_endpoint_auth_method",
        ),
        (with("type", json!("console")), 422, ""),
        (json!([]), 422, ""),
    ] {
        let answer = program.post("/clients", body.clone()).await;
        let (got, _, at) = problem(&answer);
        assert_eq!(
            (got, at.as_str()),
            (status, field),
            "{body} {}",
            answer.body
        );
        assert!(answer.json()["fix"].is_string(), "{}", answer.body);
    }
    let raw = |kind: &'static str, body: &'static str| {
        let request = program.request(Method::POST, "/clients");
        Raw::of(request.header("content-type", kind).body(body))
    };
    assert_eq!(problem(&raw("application/json", "{").await).0, 400);
    assert_eq!(problem(&raw("application/json", "").await).0, 400);
    assert_eq!(
        problem(&raw("application/x-www-form-urlencoded", "name=x").await).0,
        415
    );
    assert_eq!(problem(&raw("text/plain", "{}").await).0, 415);
    let huge = program
        .request(Method::POST, "/clients")
        .header("content-type", "application/json");
    assert_eq!(
        problem(&Raw::of(huge.body("x".repeat(100_000))).await).0,
        413
    );
    assert_eq!(
        ok(program.get("/clients").await)["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
