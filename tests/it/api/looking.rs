//! What the console shows first, what it reads of operators, and the searches it keeps: by API and command
//! line alike.

use numbercloak::admin::audit_filter::Filter;
use numbercloak::phone::PhoneNumber;
use numbercloak::store::staff::Role;
use serde_json::{Value, json};

use super::{Program, ok, problem};
use crate::support::app::{App, NUMBER, OPERATOR};
use crate::support::command::run;
use crate::support::console::signed_in;
use crate::support::rp::Wish;

#[tokio::test]
async fn the_overview_tells_programs_how_sign_ins_go_and_what_needs_attention() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let program = Program::with(&app, "watch", Role::Support, &["health:read"]).await;
    let seen = ok(program.get("/overview").await);
    let figures = |name: &str| seen[name].as_i64().unwrap();
    assert_eq!(
        (figures("signed_in"), figures("failed"), figures("apps")),
        (1, 0, 1)
    );
    let hours = seen["hours"].as_array().unwrap();
    assert_eq!(hours.len(), 24);
    let of_hours: i64 = hours
        .iter()
        .map(|hour| hour["signed_in"].as_i64().unwrap())
        .sum();
    assert_eq!(of_hours, 1);
    let fared = &seen["operators"][0];
    assert_eq!(fared["operator"], OPERATOR);
    assert_eq!(
        (&fared["trips"], &fared["verified"], &fared["faults"]),
        (&json!(1), &json!(1), &json!(0))
    );
    let notes = seen["attention"].as_array().unwrap();
    assert_eq!(notes[0]["about"], "only_test_operators");
    let by_line = run(&app, &["overview", "--json"], "").await.json();
    assert_eq!(by_line["attention"], seen["attention"]);
    assert_eq!(by_line["apps"], seen["apps"]);
    let text = run(&app, &["overview"], "").await;
    assert_eq!(text.code, Some(0), "{}", text.err);
    assert!(text.out.contains("Only test operators"), "{}", text.out);
}

#[tokio::test]
async fn what_an_operator_says_of_itself_is_read_looked_at_and_added() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let issuer = app.operator.issuer().to_owned();
    let read = |issuer: &str| program.post("/operator-discovery", json!({ "issuer": issuer }));
    let found = ok(read(&issuer).await);
    let mut settings = found["settings"].clone();
    assert_eq!(settings["issuer"], issuer.as_str());
    assert_eq!(
        settings["authorization_endpoint"],
        format!("{issuer}/authorize")
    );
    let nobody = read(&format!("{issuer}/nobody")).await;
    assert_eq!(problem(&nobody), (422, "invalid".into(), "issuer".into()));
    let listed = ok(program.get("/operators").await);
    assert_eq!(
        listed["items"].as_array().unwrap().len(),
        1,
        "nothing is stored"
    );
    settings["client_id"] = json!("numbercloak");
    settings["token_auth"] = json!("client_secret_basic");
    settings["prefixes"] = json!(["990"]);
    let new = json!({"alias": "found", "mode": "test", "settings": settings,
        "credentials": {"client_secret": "a secret between operator and us"}});
    let made = program.post("/operators", new).await;
    assert_eq!(made.status, 201, "{}", made.body);

    let allow = "operators.allow_private_addresses=[\"127.0.0.0/8\"]";
    let line = ["-o", allow, "operator", "discover", &issuer];
    let by_line = run(&app, &[&line[..], &["--json"]].concat(), "").await;
    assert_eq!(by_line.json(), found);
    // Its text is what `operator add` reads.
    let text = run(&app, &line, "").await;
    assert_eq!(text.code, Some(0), "{}", text.err);
    let file = std::env::temp_dir().join(format!("numbercloak-found-{}", std::process::id()));
    std::fs::write(&file, &text.out).unwrap();
    let add = [
        "operator",
        "add",
        "again",
        "--mode",
        "test",
        "--settings",
        file.to_str().unwrap(),
        "--client-id",
        "numbercloak",
        "--prefix",
        "990",
        "--token-auth",
        "client_secret_basic",
        "--client-secret-file",
        "-",
        "--json",
    ];
    let added = run(&app, &add, "a secret between operator and us").await;
    std::fs::remove_file(&file).unwrap();
    let made = made.json();
    assert_eq!(added.json()["settings"], made["settings"]);
}

#[tokio::test]
async fn searches_are_saved_for_an_account_found_in_its_console_and_hold_no_person() {
    let app = App::start().await;
    let program = Program::owner(&app).await;
    let (mut browser, them) = signed_in(&app, Role::Auditor).await;
    let (_, other) = signed_in(&app, Role::Admin).await;
    let path = format!("/staff/{}/audit-views", them.email);
    let new = |name: &str, filters: &str| json!({ "name": name, "filters": filters });
    let made = program
        .post(&path, new("Shop of late", "since=7d&client=shop"))
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert_eq!(made["filters"], "client=shop&since=7d");
    browser.follow("/admin/audit/views").await;
    let text = &browser.page().document.text;
    assert!(text.contains("Shop of late"), "{text}");
    let number = PhoneNumber::from_e164(NUMBER).unwrap();
    let sealed = Filter::of_number(&app.state().vault, &number);
    for filters in [
        sealed.as_str(),
        "number=%2B990700000",
        "clientt=shop",
        "client=a&client=b",
        "since=soon",
    ] {
        let refused = program.post(&path, new("x", filters)).await;
        assert_eq!(
            problem(&refused),
            (422, "invalid".into(), "filters".into()),
            "{filters}"
        );
    }
    let again = program
        .post(&path, new("Shop of late", "client=shop"))
        .await;
    assert_eq!(problem(&again), (409, "taken".into(), "name".into()));
    let line = ["staff", "views", &them.email, "--json"];
    let by_line = run(&app, &line, "").await.json();
    let listed = ok(program.get(&path).await)["items"].clone();
    assert_eq!(by_line[0]["id"], listed[0]["id"]);
    assert_eq!(listed, json!([made]));
    // Everybody has their own.
    let theirs = format!("/staff/{}/audit-views", other.email);
    assert_eq!(ok(program.get(&theirs).await)["items"], json!([]));
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        problem(&program.delete(&format!("{theirs}/{id}")).await).0,
        404
    );
    assert_eq!(program.delete(&format!("{path}/{id}")).await.status, 204);
    let save = [
        "staff",
        "save-view",
        &them.email,
        "--name",
        "Failed",
        "--filters",
        "outcome=mismatch",
        "--json",
    ];
    let saved: Value = run(&app, &save, "").await.json();
    let remove = [
        "staff",
        "remove-view",
        &them.email,
        saved["id"].as_str().unwrap(),
    ];
    assert_eq!(run(&app, &remove, "").await.code, Some(0));
    assert_eq!(ok(program.get(&path).await)["items"], json!([]));
    let acts = ok(program
        .get("/audit/records?type=admin_event&limit=200")
        .await);
    let mut of_views: Vec<_> = acts["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|act| act["record"]["resource"] == "view")
        .map(|act| {
            let record = &act["record"];
            format!("{} {}", record["operation"], record["actor"])
        })
        .collect();
    of_views.sort_unstable();
    assert_eq!(
        of_views,
        [
            r#""CREATE" "cli""#,
            r#""CREATE" "token:owner""#,
            r#""DELETE" "cli""#,
            r#""DELETE" "token:owner""#,
        ]
    );
}
