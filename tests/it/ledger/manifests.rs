//! Manifests: a record that vanishes before it is sealed is missed.

use numbercloak::ledger::verify::What;

use super::{Against, found, run, sealed_of, sealing_stops, superuser, verify};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;

#[tokio::test]
async fn a_record_removed_before_it_was_sealed_is_missed_by_the_manifest_that_names_it() {
    let app = App::start().await;
    app.sealed().await;
    let stopped = sealing_stops(&app).await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.server.ledger.manifest().await.unwrap();
    let txn = signed_in.claims["txn"].as_str().unwrap();
    let mut superuser = superuser(&app.database).await;
    run(
        &mut superuser,
        &format!(
            "delete from audit_pending where record_id = '{txn}';
            delete from audit_personal where record_id = '{txn}';
            delete from audit_records where id = '{txn}'"
        ),
    )
    .await;
    drop(stopped);
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [What::ManifestedGone]);
    let missed = report.findings[0].record.unwrap();
    assert_eq!(missed.to_string(), txn);
}

#[tokio::test]
async fn a_manifest_removed_before_it_was_sealed_is_missed_by_the_next() {
    let app = App::start().await;
    app.sealed().await;
    let stopped = sealing_stops(&app).await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.server.ledger.manifest().await.unwrap();
    let mut superuser = superuser(&app.database).await;
    run(
        &mut superuser,
        "delete from audit_pending where record_id in
            (select id from audit_records where type = 'AUDIT_MANIFEST' order by id desc limit 1);
        delete from audit_records r where type = 'AUDIT_MANIFEST'
            and not exists (select from log_leaves where record_id = r.id)
            and not exists (select from audit_pending where record_id = r.id)",
    )
    .await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    drop(stopped);
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    let kinds = found(&report);
    assert!(kinds.contains(&What::ManifestedGone), "{kinds:?}");
    assert!(kinds.contains(&What::ManifestMissing), "{kinds:?}");
}

#[tokio::test]
async fn everything_that_a_login_records_is_named() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
    app.redeem(&browser, &departure).await;
    app.sealed().await;
    let manifests = sealed_of(&app.database, "AUDIT_MANIFEST").await;
    let named: Vec<&str> = manifests
        .iter()
        .flat_map(|one| one["records"].as_array().unwrap())
        .map(|id| id.as_str().unwrap())
        .collect();
    for login in app.logins().await {
        for record in app.records(login).await {
            let id = record.id.to_string();
            assert!(named.contains(&id.as_str()), "{}", record.body);
        }
    }
}
