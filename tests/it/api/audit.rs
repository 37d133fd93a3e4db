//! What auditors do, by program: proofs, what is personal, exports, holds, the log and counts.

use std::time::Duration;

use numbercloak::admin::audit::Query;
use numbercloak::secret::sha256;
use numbercloak::store::staff::Role;
use serde_json::{Value, json};

use super::{Program, ok, problem};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

/// A server with one login that confirmed a number, and the record that says so.
async fn verified() -> (App, String) {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let login = app.only_login().await;
    let records = app.records(login).await;
    let record = records.iter().find(|r| r.body["type"] == "NUMBER_VERIFIED");
    let id = record.unwrap().id.to_string();
    (app, id)
}

#[tokio::test]
async fn a_record_is_shown_with_its_leaf_and_its_proof() {
    let (app, id) = verified().await;
    app.sealed().await;
    let auditor = Program::with(&app, "auditor", Role::Auditor, &["*"]).await;
    let record = ok(auditor.get(&format!("/audit/records/{id}")).await);
    assert_eq!(record["record"]["type"], "NUMBER_VERIFIED");
    assert_eq!(record["authentic"], true);
    assert_eq!(record["leaf"]["covered"], true);
    let proof = ok(auditor.get(&format!("/audit/records/{id}/proof")).await);
    assert_eq!(proof["leaf"], record["leaf"]["leaf"]);
    let body: Value = serde_json::from_str(proof["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["id"], id.as_str());
    let log = ok(auditor.get("/audit/log").await);
    assert_eq!(log["origin"], proof["origin"]);
    assert!(log["covered"].as_i64().unwrap() > proof["leaf"].as_i64().unwrap());
    let nothing = "/audit/records/019aaaaa-0000-7000-8000-000000000000";
    assert_eq!(problem(&auditor.get(nothing).await).0, 404);
    let answer = auditor.get(&format!("{nothing}/proof")).await;
    assert_eq!(problem(&answer), (409, "not_proved".into(), String::new()));
}

#[tokio::test]
async fn what_is_personal_wants_an_owners_token_a_scope_and_a_reason() {
    let (app, id) = verified().await;
    let path = format!("/audit/records/{id}/unmask");
    let reason = |reason: &str| json!({ "reason": reason });
    let auditor = Program::with(&app, "auditor", Role::Auditor, &["*"]).await;
    let admin = Program::with(&app, "admin", Role::Admin, &["*"]).await;
    for program in [&auditor, &admin] {
        let answer = program.post(&path, reason("curious")).await;
        assert_eq!(problem(&answer).0, 403);
    }
    let court = Program::with(&app, "court", Role::Owner, &["audit:unmask"]).await;
    for bad in ["", " ", &"x".repeat(501)] {
        let answer = court.post(&path, reason(bad)).await;
        assert_eq!(problem(&answer), (422, "invalid".into(), "reason".into()));
    }
    let personal = ok(court.post(&path, reason("court order 5")).await);
    assert_eq!(personal["number"], NUMBER);
    assert_eq!(personal["address"], "127.0.0.1");
    let query = Query {
        actor: Some("token:court".to_owned()),
        ..Query::default()
    };
    let acts = app.audit(query).await;
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0].body["details"]["reason"], "court order 5");
}

#[tokio::test]
async fn an_export_runs_by_itself_and_its_file_is_whole() {
    let (app, _) = verified().await;
    app.clock.advance(Duration::from_secs(1));
    let auditor = Program::with(&app, "auditor", Role::Auditor, &["*"]).await;
    let wanted = json!({ "format": "jsonl", "records": { "number": NUMBER, "filter": { "client_id": "shop" } } });
    let begun = auditor.post("/audit/exports", wanted).await;
    assert_eq!(begun.status, 202, "{}", begun.body);
    let begun = begun.json();
    assert!(!begun.to_string().contains(&NUMBER[1..]));
    let path = format!("/audit/exports/{}", begun["id"].as_str().unwrap());
    let mut export = begun;
    for _ in 0..1500 {
        if export["state"] != "running" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        export = ok(auditor.get(&path).await);
    }
    assert_eq!(
        (&export["state"], &export["percent"]),
        (&json!("done"), &json!(100))
    );
    let file = auditor.get(&format!("{path}/file")).await;
    assert_eq!(file.status, 200);
    let hash: String = sha256(file.body.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(export["sha256"], hash.as_str());
    let lines = i64::try_from(file.body.lines().count()).unwrap();
    assert_eq!(export["records"], lines);
    assert!(lines > 2 && !file.body.contains(&NUMBER[1..]));
    assert_eq!(
        ok(auditor.get("/audit/exports").await)["items"][0]["id"],
        export["id"]
    );
    assert_eq!(
        problem(&auditor.post(&format!("{path}/cancel"), json!({})).await).0,
        404
    );
    for (body, field) in [
        (json!({}), "format"),
        (json!({"format": "csv", "recrods": {}}), "recrods"),
        (
            json!({"format": "csv", "records": {"network": "10.0.0.0/8"}}),
            "network",
        ),
        (
            json!({"format": "csv", "records": {"network": "x"}}),
            "network",
        ),
        (
            json!({"format": "csv", "records": {"number": "12"}}),
            "number",
        ),
        (
            json!({"format": "csv", "records": {"filter": {"outcome": "good"}}}),
            "outcome",
        ),
        (
            json!({"format": "csv", "records": {"filter": {"reference": "x"}}}),
            "reference",
        ),
    ] {
        let answer = auditor.post("/audit/exports", body.clone()).await;
        assert_eq!(
            problem(&answer),
            (422, "invalid".into(), field.into()),
            "{body}"
        );
    }
    let admin = Program::with(&app, "admin", Role::Admin, &["*"]).await;
    let answer = admin.post("/audit/exports", json!({"format": "csv"})).await;
    assert_eq!(problem(&answer).0, 403);
    assert_eq!(problem(&admin.get(&format!("{path}/file")).await).0, 403);
}

#[tokio::test]
async fn records_are_found_by_reference_actor_and_network() {
    let (app, _) = verified().await;
    let auditor = Program::with(&app, "auditor", Role::Auditor, &["*"]).await;
    let login = app.only_login().await.simple().to_string();
    let reference = format!("{}-{}", &login[24..28], &login[28..]);
    let found = ok(auditor
        .get(&format!("/audit/records?reference={reference}"))
        .await);
    assert!(found["items"].as_array().unwrap().len() > 3);
    let none = ok(auditor.get("/audit/records?actor=nobody").await);
    assert_eq!(none["items"], json!([]));
    app.clock.advance(Duration::from_secs(600));
    app.index_records().await;
    let search = json!({ "network": "127.0.0.0/24" });
    let found = ok(auditor.post("/audit/records/find", search).await);
    assert_eq!(found["items"][0]["record"]["type"], "LOGIN_STARTED");
    let answer = auditor.post("/audit/records/find", json!({})).await;
    assert_eq!(problem(&answer), (422, "invalid".into(), "number".into()));
}

#[tokio::test]
async fn holds_are_placed_once_and_released_with_a_reason() {
    let (app, _) = verified().await;
    let auditor = Program::with(&app, "auditor", Role::Auditor, &["*"]).await;
    let (from, until) = ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z");
    let hold = json!({ "from": from, "until": until, "reason": "case 4711" });
    let placed = auditor.post("/audit/holds", hold).await;
    assert_eq!(placed.status, 201);
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    let bad = [
        (
            json!({"from": until, "until": from, "reason": "x"}),
            "until",
        ),
        (
            json!({"from": from, "until": until, "reason": ""}),
            "reason",
        ),
        (
            json!({"from": "-9999-01-01T00:00:00Z", "until": until, "reason": "x"}),
            "from",
        ),
    ];
    for (body, field) in bad {
        let answer = auditor.post("/audit/holds", body.clone()).await;
        assert_eq!(problem(&answer).0, 422, "{body} {field}: {}", answer.body);
    }
    let path = format!("/audit/holds/{id}/release");
    let answer = auditor.post(&path, json!({"reason": " "})).await;
    assert_eq!(problem(&answer), (422, "invalid".into(), "reason".into()));
    let released = auditor.post(&path, json!({"reason": "settled"})).await;
    assert_eq!(released.status, 204);
    let holds = ok(auditor.get("/audit/holds").await);
    assert_eq!(holds["items"][0]["released_by"], "token:auditor");
    assert_eq!(
        problem(&auditor.post(&path, json!({"reason": "again"})).await).0,
        404
    );
}

#[tokio::test]
async fn charts_are_counted_from_whole_hours_of_a_span() {
    let (app, _) = verified().await;
    let auditor = Program::with(&app, "auditor", Role::Auditor, &["*"]).await;
    app.clock.advance(Duration::from_secs(2 * 3600));
    let now = app.clock.now();
    let db = app.state().db.relaxed();
    numbercloak::store::rollups::close_hours(db, now, now, 100)
        .await
        .unwrap();
    let charts = ok(auditor.get("/audit/charts?client_id=shop").await);
    assert_eq!(charts["funnel"][0], json!({"step": "started", "count": 1}));
    assert_eq!(charts["answers"][0]["operator"], "simulator");
    for query in [
        "since=2026-01-01T00:00:00Z&until=2025-01-01T00:00:00Z",
        "since=2000-01-01T00:00:00Z",
        "until=%2B250000-01-01T00:00:00Z",
    ] {
        let answer = auditor.get(&format!("/audit/charts?{query}")).await;
        assert!([400, 422].contains(&problem(&answer).0), "{query}");
    }
}
