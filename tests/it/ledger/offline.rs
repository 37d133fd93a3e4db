//! Exports: verified without a database, with the public key and a checkpoint from outside.

use std::io::Cursor;

use numbercloak::ledger::bundle::{self, Wanted};
use numbercloak::ledger::note::hash_from_base64;
use numbercloak::ledger::note::{Checkpoint, Verifier};
use numbercloak::ledger::prove;
use numbercloak::ledger::tree::{Hash, leaf_hash, proves_consistency, proves_inclusion};
use numbercloak::ledger::verify::offline::{self, Given};
use numbercloak::ledger::verify::{Report, What, receipt};
use serde_json::{Value, json};

use super::{Against, found, key, latest, superuser, vault, verify};
use crate::support::app::{App, NUMBER, OTHER_NUMBER};
use crate::support::database::Database;
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};

pub(super) async fn export(database: &Database, wanted: &Wanted) -> String {
    let mut out = Vec::new();
    let (vault, key) = (vault(database), key(database).await);
    let now = numbercloak::clock::Clock::system().now();
    let mut connection = superuser(database).await;
    let written = bundle::write(&mut connection, &vault, &key, wanted, now, &mut out).await;
    assert!(written.unwrap().leaves > 0);
    String::from_utf8(out).unwrap()
}

pub(super) fn read(export: &str, key: &Verifier, outside: &[Checkpoint]) -> Report {
    let given = Given {
        key: Some(key.clone()),
        outside: outside
            .iter()
            .map(|one| ("a drawer".to_owned(), one.clone()))
            .collect(),
        known_losses: Vec::new(),
    };
    offline::verify(&mut Cursor::new(export), &given).unwrap()
}

/// Two people signed in, everything sealed, a checkpoint kept, and one more signed in.
async fn two_moments() -> (App, Checkpoint, Value) {
    let app = App::start().await;
    let first = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let early = latest(&app.database).await;
    app.clock.advance(std::time::Duration::from_secs(1));
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await;
    app.sealed().await;
    (app, early, first.claims)
}

#[tokio::test]
async fn an_export_is_verified_at_home_and_every_change_to_it_is_found() {
    let (app, early, _) = two_moments().await;
    let key = key(&app.database).await;
    let wanted = Wanted {
        personal: true,
        ..Wanted::default()
    };
    let export = export(&app.database, &wanted).await;
    let last = latest(&app.database).await;
    let clean = read(&export, &key, &[early.clone(), last]);
    assert_eq!(found(&clean), [], "{:?}", clean.findings);
    assert_eq!(clean.anchors.len(), 2);
    assert!(export.contains(NUMBER), "personal parts were asked for");

    let lines: Vec<&str> = export.lines().collect();
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        change(&mut lines);
        let text = lines.join("\n") + "\n";
        found(&read(&text, &key, std::slice::from_ref(&early)))
    };
    assert_eq!(changed(&|_| {}), []);
    let at = lines
        .iter()
        .position(|line| line.contains("NUMBER_VERIFIED"))
        .unwrap();
    let altered =
        changed(&|lines| lines[at] = lines[at].replace("NUMBER_VERIFIED", "NUMBER_UNKNOWNED"));
    assert_eq!(altered, [What::CheckpointDiffers]);
    let other_number = changed(&|lines| lines[at] = lines[at].replace("990700000", "990700001"));
    assert_eq!(other_number, [What::PersonalAltered]);
    assert!(changed(&|lines| lines.swap(at, at + 1)).contains(&What::Malformed));
    assert!(changed(&|lines| drop(lines.remove(at))).contains(&What::Malformed));
    assert!(changed(&|lines| lines.truncate(at)).contains(&What::Malformed));
    assert!(changed(&|lines| lines.insert(at, lines[at].clone())).contains(&What::Malformed));
    let other_checkpoint = changed(&|lines| lines[0] = lines[0].replace("— ", "— x"));
    assert!(other_checkpoint.contains(&What::CheckpointDiffers));
    let other_key = numbercloak::ledger::note::NoteSigner::new(&[9; 32]).unwrap();
    let strange = read(&export, &other_key.verifier("x"), &[]);
    assert_eq!(found(&strange), [What::CheckpointDiffers]);
}

/// Whoever has the database but no key can make a tree of his own, and no checkpoint for it.
#[tokio::test]
async fn an_older_export_does_not_pass_for_a_newer_one() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let old = export(&app.database, &Wanted::default()).await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let key = key(&app.database).await;
    let last = latest(&app.database).await;
    assert_eq!(found(&read(&old, &key, &[])), []);
    assert_eq!(found(&read(&old, &key, &[last])), [What::Shortened]);
}

#[tokio::test]
async fn a_part_of_a_log_is_verified_with_what_stands_beside_it() {
    let (app, early, _) = two_moments().await;
    // A third: the part begins after records that the early checkpoint does not cover.
    app.clock.advance(std::time::Duration::from_secs(1));
    app.sign_in(&mut app.browser(), &Wish::of(OTHER_NUMBER))
        .await;
    app.sealed().await;
    let key = key(&app.database).await;
    let other = {
        let mut owner = app.database.owner().await;
        let at: numbercloak::clock::Time =
            sqlx::query_scalar("select max(at) from audit_records where type = 'NUMBER_VERIFIED'")
                .fetch_one(&mut owner)
                .await
                .unwrap();
        Wanted {
            from: Some(at),
            until: Some(at + chrono::TimeDelta::seconds(5)),
            ..Wanted::default()
        }
    };
    let part = export(&app.database, &other).await;
    let whole = export(&app.database, &Wanted::default()).await;
    assert!(part.lines().count() < whole.lines().count());
    let report = read(&part, &key, &[]);
    assert_eq!(found(&report), [], "{:?}", report.findings);
    assert!(report.logs[0].from > 0);
    // An older checkpoint is no contradiction, and no anchor.
    let report = read(&part, &key, &[early]);
    assert_eq!(found(&report), []);
    assert!(report.anchors.is_empty() && !report.notes.is_empty());
    let altered = part.replace("NUMBER_VERIFIED", "NUMBER_UNKNOWNED");
    assert_eq!(found(&read(&altered, &key, &[])), [What::CheckpointDiffers]);

    let filtered = Wanted {
        client_id: Some("nobody".to_owned()),
        ..Wanted::default()
    };
    let filtered = export(&app.database, &filtered).await;
    assert!(!filtered.contains("NUMBER_VERIFIED"));
    let report = read(&filtered, &key, &[]);
    assert_eq!(found(&report), []);
    assert!(report.logs[0].hashes > 0);
}

#[tokio::test]
async fn a_record_and_a_continuation_are_proved() {
    let (app, early, claims) = two_moments().await;
    let key = key(&app.database).await;
    let mut connection = superuser(&app.database).await;
    let txn = claims["txn"].as_str().unwrap().parse().unwrap();
    let proved = prove::inclusion(&mut connection, &key, txn)
        .await
        .unwrap()
        .unwrap();
    let last = Checkpoint::open(&proved.checkpoint, &key).unwrap();
    let hashes = |texts: &[String]| -> Vec<Hash> {
        texts
            .iter()
            .map(|text| hash_from_base64(text).unwrap())
            .collect()
    };
    let hash = leaf_hash(proved.body.as_bytes());
    let path = hashes(&proved.proof);
    assert!(proves_inclusion(
        proved.leaf,
        hash,
        last.size,
        &last.root,
        &path
    ));
    let continued = prove::consistency(&mut connection, &key, &early)
        .await
        .unwrap()
        .unwrap();
    let proof = hashes(&continued.proof);
    assert!(proves_consistency(
        (early.size, &early.root),
        (last.size, &last.root),
        &proof
    ));
    let strange = prove::inclusion(&mut connection, &key, uuid::Uuid::nil())
        .await
        .unwrap();
    assert_eq!(strange.unwrap_err(), prove::NotProved::NotSealed);
}

#[tokio::test]
async fn an_id_token_is_a_receipt_for_its_record() {
    let app = App::start().await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let jwks = Raw::of(http().get(format!("{}/jwks", app.issuer))).await;
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(jwks.json()).unwrap();
    let told = receipt::read(&signed_in.id_token, &keys).unwrap();
    assert_eq!(told.txn.to_string(), signed_in.claims["txn"]);
    let mut connection = superuser(&app.database).await;
    let bodies = numbercloak::store::log::records_of(&mut connection, told.txn)
        .await
        .unwrap();
    let records: Vec<Value> = bodies
        .iter()
        .map(|one| serde_json::from_slice(one).unwrap())
        .collect();
    assert_eq!(receipt::compare(&told, &records), []);

    // Not for another number's owner, operator or app, and not without its record.
    for (claim, value) in [
        ("sub", json!("somebody else")),
        ("aud", json!("other")),
        (
            "number_verification",
            json!({ "operator": "other", "method": "verify", "test": true, "verified_at": told.claims["number_verification"]["verified_at"] }),
        ),
    ] {
        let mut other = told.clone();
        other.claims.insert(claim.to_owned(), value);
        assert_eq!(receipt::compare(&other, &records).len(), 1, "{claim}");
    }
    assert_eq!(receipt::compare(&told, &[]).len(), 1);
    let forged = signed_in.id_token.replacen('.', ".e30", 1);
    assert!(receipt::read(&forged, &keys).is_err());
    assert!(verify(&app.database, Against::default()).await.is_clean());
}
