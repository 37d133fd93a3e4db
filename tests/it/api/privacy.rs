//! What people may ask of us about their number, by API.

use std::collections::BTreeSet;

use numbercloak::store::staff::Role;
use serde_json::{Value, json};

use super::{Program, ok, problem};
use crate::records::of_kind;
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::command::run;
use crate::support::rp::Wish;

fn kinds(told: &Value) -> BTreeSet<&str> {
    told.as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_number_s_owner_is_told_the_same_by_api_and_command_line_and_both_are_on_record() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await;
    let program = Program::with(&app, "desk", Role::Owner, &["numbers:export"]).await;
    let told = ok(program
        .post("/numbers/export", json!({ "number": NUMBER }))
        .await);
    assert_eq!(told["number"], NUMBER);
    assert!(!told.to_string().contains(&OTHER_NUMBER[1..]));
    assert_eq!(told["sessions"].as_array().unwrap().len(), 1);
    let records = told["records"].as_array().unwrap();
    assert!(
        records
            .iter()
            .any(|one| one["record"]["type"] == "LOGIN_STARTED"
                && one["personal"]["address"] == "127.0.0.1")
    );
    let line = ["privacy", "export", "--number", "-"];
    let by_line = run(&app, &line, NUMBER).await.json();
    assert_eq!(kinds(&by_line), kinds(&told));
    let acts = of_kind(&app, "ADMIN_EVENT").await;
    let by: BTreeSet<&str> = acts
        .iter()
        .filter(|act| act["resource"] == "number" && act["details"]["action"] == "export")
        .map(|act| act["actor"].as_str().unwrap())
        .collect();
    assert_eq!(by, BTreeSet::from(["cli", "token:desk"]));
    let odd = program
        .post("/numbers/export", json!({ "number": "what" }))
        .await;
    assert_eq!(problem(&odd), (422, "invalid".into(), "number".into()));
    // One of the two is not the other.
    let erase = program
        .post("/numbers/erase", json!({ "number": NUMBER }))
        .await;
    assert_eq!(problem(&erase).0, 403);
}

#[tokio::test]
async fn a_number_is_erased_but_for_what_a_legal_hold_keeps_and_nobody_but_an_owner_may() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let program = Program::owner(&app).await;
    let hold = json!({"from": "2020-01-01T00:00:00Z", "until": "2090-01-01T00:00:00Z", "reason": "case 7"});
    let held = program.post("/audit/holds", hold).await;
    assert_eq!(held.status, 201, "{}", held.body);
    let asked = json!({ "number": NUMBER, "ticket": "DSR-17" });
    let kept = ok(program.post("/numbers/erase", asked.clone()).await);
    assert_eq!(kept["parts"], 0);
    assert!(kept["held"].as_i64().unwrap() > 0, "{kept}");
    assert_eq!(kept["rows"]["sessions"], 1);
    let release = format!(
        "/audit/holds/{}/release",
        held.json()["id"].as_str().unwrap()
    );
    let released = program.post(&release, json!({ "reason": "over" })).await;
    assert!((200..300).contains(&released.status), "{}", released.body);
    let gone = ok(program.post("/numbers/erase", asked).await);
    assert_eq!(gone["held"], 0);
    assert!(gone["parts"].as_i64().unwrap() > 0, "{gone}");
    let lists = of_kind(&app, "PERSONAL_DATA_ERASED").await;
    assert_eq!(gone["records"].as_array().unwrap().len(), 1);
    let list = lists
        .iter()
        .find(|list| list["id"] == gone["records"][0])
        .unwrap();
    assert_eq!(
        (&list["ticket"], &list["actor"]),
        (&json!("DSR-17"), &json!("token:owner"))
    );
    let long = json!({ "number": NUMBER, "ticket": "x".repeat(201) });
    let refused = program.post("/numbers/erase", long).await;
    assert_eq!(problem(&refused).2, "ticket");
    for role in [Role::Admin, Role::Auditor, Role::Support] {
        let name = format!("{role:?}").to_lowercase();
        let other = Program::with(&app, &name, role, &["*"]).await;
        for path in ["/numbers/export", "/numbers/erase"] {
            let refused = other.post(path, json!({ "number": NUMBER })).await;
            assert_eq!(problem(&refused).0, 403, "{role:?} {path}");
        }
    }
}
