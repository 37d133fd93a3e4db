//! Exports with their signed manifest: what left is what was written, whole, in order and what was asked for.

use numbercloak::admin::api_tokens::{self, NewToken};
use numbercloak::admin::audit::Query;
use numbercloak::admin::exports::{self, Format};
use numbercloak::ledger::exported::{self, NoManifest};
use numbercloak::ledger::note::Checkpoint;
use numbercloak::ledger::verify::exported::{Given, verify};
use numbercloak::ledger::verify::{Report, What};
use numbercloak::store::staff::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::restores::file;
use super::{found, key, latest, run, sealing_stops, superuser};
use crate::support::app::{App, NUMBER};
use crate::support::command;
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};

async fn signed_in() -> App {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    app
}

/// An export of everything, and its id.
async fn export(app: &App, query: Query, format: Format) -> (String, Uuid) {
    let mut file = Vec::new();
    let done = exports::run(&app.desk(), &app.clock, query, format, "file", &mut file).await;
    (String::from_utf8(file).unwrap(), done.unwrap().id)
}

async fn manifest(app: &App, export: Uuid) -> Result<String, NoManifest> {
    let state = app.state();
    exported::manifest(&state.db, &state.vault, export, app.clock.now()).await
}

async fn check(app: &App, text: &str, manifest: &str, outside: &[Checkpoint]) -> Report {
    let named = |one: &Checkpoint| ("a drawer".to_owned(), one.clone());
    let given = Given {
        key: key(&app.database).await,
        manifest: manifest.to_owned(),
        outside: outside.iter().map(named).collect(),
    };
    verify(text.as_bytes(), &given).unwrap()
}

#[tokio::test]
async fn an_export_is_checked_at_home_against_its_signed_manifest() {
    let app = signed_in().await;
    let folder = file("exported");
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let key = command::run(&app, &["audit", "checkpoint", "--json"], "")
        .await
        .json();
    let key = key["key"].as_str().unwrap().to_owned();
    let kept = path("kept");
    std::fs::write(&kept, &*app.server.ledger.published().unwrap()).unwrap();
    for format in ["jsonl", "csv"] {
        let to = path(format);
        let ran = command::run(
            &app,
            &["audit", "export", "--format", format, "--to", &to],
            "",
        )
        .await;
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let manifest = format!("{to}.manifest");
        let verify = [
            "audit",
            "verify",
            "--export",
            &to,
            "--manifest",
            &manifest,
            "--key",
            &key,
        ];
        let ran = command::run(&app, &verify, "").await;
        assert_eq!(ran.code, Some(0), "{} {}", ran.out, ran.err);
        let anchored: Vec<&str> = verify
            .into_iter()
            .chain(["--checkpoint", &kept, "--json"])
            .collect();
        let report = command::run(&app, &anchored, "").await.json();
        assert_eq!(report["anchors"][0]["given"], true, "{report}");
        let text = std::fs::read_to_string(&to).unwrap();
        assert!(text.lines().count() > 5);
        std::fs::write(&to, text.replacen("LOGIN", "LOGON", 1)).unwrap();
        let ran = command::run(&app, &verify, "").await;
        assert_eq!(ran.code, Some(1));
        assert!(
            ran.out.contains("not the one that was written"),
            "{}",
            ran.out
        );
    }
    let exports = command::run(&app, &["audit", "exports", "--json"], "")
        .await
        .json();
    let id = exports[0]["id"].as_str().unwrap();
    let again = command::run(&app, &["audit", "exports", "--manifest", id], "").await;
    assert!(
        again.out.starts_with("numbercloak export/1\n{"),
        "{}",
        again.out
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn every_change_to_an_export_is_found() {
    let app = signed_in().await;
    let query = Query {
        client_id: Some("shop".to_owned()),
        ..Query::default()
    };
    let (text, id) = export(&app, query, Format::JsonLines).await;
    let note = manifest(&app, id).await.unwrap();
    let clean = check(&app, &text, &note, &[latest(&app.database).await]).await;
    assert_eq!(found(&clean), [], "{:?}", clean.findings);
    assert_eq!(clean.anchors.len(), 1);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut swapped = lines.clone();
    swapped.swap(0, 1);
    for changed in [
        swapped.concat(),
        lines[1..].concat(),
        lines[..lines.len() - 1].concat(),
        format!("{text}{}", lines[0]),
        text.replacen("true", "false", 1),
        String::new(),
    ] {
        let report = check(&app, &changed, &note, &[]).await;
        assert!(found(&report).contains(&What::ExportDiffers), "{changed}");
    }
    // Another export's manifest, one that was altered, and one that somebody else signed.
    let (_, other) = export(&app, Query::default(), Format::JsonLines).await;
    let other = manifest(&app, other).await.unwrap();
    let widened = note.replace("\"client\":\"shop\"", "\"client\":null");
    assert_ne!(widened, note);
    let checkpoint = app.server.ledger.published().unwrap();
    for wrong in [other.as_str(), &widened, &checkpoint, ""] {
        let report = check(&app, &text, wrong, &[]).await;
        assert!(found(&report).contains(&What::ExportDiffers), "{wrong}");
    }
    let mut forked = latest(&app.database).await;
    forked.root[0] ^= 1;
    let report = check(&app, &text, &note, &[forked]).await;
    assert_eq!(found(&report), [What::CheckpointDiffers]);
}

/// Whoever administers the database can change the export's row, but not the record of its end.
#[tokio::test]
async fn nothing_is_signed_that_the_record_of_the_export_does_not_say() {
    let app = signed_in().await;
    let (text, id) = export(&app, Query::default(), Format::Csv).await;
    let mut superuser = superuser(&app.database).await;
    run(
        &mut superuser,
        "update record_exports set sha256 = sha256('x'), written = 1",
    )
    .await;
    let note = manifest(&app, id).await.unwrap();
    assert_eq!(found(&check(&app, &text, &note, &[]).await), []);
    run(
        &mut superuser,
        "update audit_records set body = convert_to(replace(convert_from(body, 'UTF8'), '\"records\":', '\"records\":1'),
            'UTF8') where type = 'ADMIN_EVENT'",
    )
    .await;
    assert!(matches!(
        manifest(&app, id).await,
        Err(NoManifest::NotRecorded)
    ));
    let unknown = manifest(&app, Uuid::nil()).await;
    assert!(matches!(unknown, Err(NoManifest::Unknown(_))));
    run(
        &mut superuser,
        "update record_exports set state = 'cancelled'",
    )
    .await;
    assert!(matches!(
        manifest(&app, id).await,
        Err(NoManifest::NotDone(_))
    ));
}

#[tokio::test]
async fn a_manifest_says_which_records_no_checkpoint_covers_yet() {
    let app = signed_in().await;
    let stopped = sealing_stops(&app).await;
    let mut browser = app.browser();
    let claims = app.sign_in(&mut browser, &Wish::of(NUMBER)).await.claims;
    app.clock.advance(std::time::Duration::from_secs(1));
    let (text, id) = export(&app, Query::default(), Format::JsonLines).await;
    let early = manifest(&app, id).await.unwrap();
    let opened = exported::open(&early, &key(&app.database).await).unwrap();
    let txn: Uuid = claims["txn"].as_str().unwrap().parse().unwrap();
    assert!(opened.uncovered_from.is_some_and(|from| from <= txn));
    assert_eq!(found(&check(&app, &text, &early, &[]).await), []);
    drop(stopped);
    app.sealed().await;
    let late = manifest(&app, id).await.unwrap();
    let opened = exported::open(&late, &key(&app.database).await).unwrap();
    assert_eq!(opened.uncovered_from, None);
    let report = check(&app, &text, &late, &[latest(&app.database).await]).await;
    assert_eq!((found(&report), report.anchors.len()), (vec![], 1));
}

#[tokio::test]
async fn what_an_export_a_proof_and_a_release_did_is_told_as_json() {
    let app = signed_in().await;
    let line = ["audit", "export", "--format", "jsonl", "--json"];
    let ran = command::run(&app, &line, "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    // The records go to standard output, and what is told of them beside it.
    let told: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
    assert_eq!(told["state"], "done");
    assert_eq!(told["records"], ran.out.lines().count());
    let record = ran.out.lines().last().unwrap();
    let record: Value = serde_json::from_str(record).unwrap();
    let prove = ["audit", "prove", "--json", "--record"];
    let line = [&prove[..], &[record["id"].as_str().unwrap()]].concat();
    let proof = command::run(&app, &line, "").await.json();
    assert_eq!(proof["body"], record["body"]);
    let hold = ["audit", "keep", "hold", "--from", "3h", "--until", "2h"];
    let line = [&hold[..], &["--reason", "case 7", "--json"]].concat();
    let held = command::run(&app, &line, "").await.json();
    let release = ["audit", "keep", "release", held["id"].as_str().unwrap()];
    let line = [&release[..], &["--reason", "over", "--json"]].concat();
    let released = command::run(&app, &line, "").await.json();
    assert_eq!(released, json!({ "id": held["id"], "released": true }));
}

#[tokio::test]
async fn the_api_gives_the_manifest_to_whoever_may_read_records() {
    let app = signed_in().await;
    let (text, id) = export(&app, Query::default(), Format::JsonLines).await;
    let token = async |name: &str, scope: &str| {
        let new = NewToken {
            name: name.to_owned(),
            role: Role::Auditor,
            scopes: vec![scope.to_owned()],
            lifetime: std::time::Duration::from_secs(3600),
        };
        api_tokens::create(&app.desk(), new, None).await.unwrap().0
    };
    let get = async |token: &str, id: &str| {
        let url = format!("{}/admin/api/v1/audit/exports/{id}/manifest", app.issuer);
        Raw::of(http().get(url).bearer_auth(token)).await
    };
    let reader = token("reader", "audit:read").await;
    let answer = get(&reader, &id.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let note = answer.json()["note"].as_str().unwrap().to_owned();
    assert_eq!(found(&check(&app, &text, &note, &[]).await), []);
    for unknown in [&Uuid::nil().to_string(), "x"] {
        assert_eq!(get(&reader, unknown).await.status, 404);
    }
    let other = token("other", "usage:read").await;
    assert_eq!(get(&other, &id.to_string()).await.status, 403);
}
