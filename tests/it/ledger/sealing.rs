//! Sealing: everything recorded becomes a leaf, once, whoever seals and however many do.

use std::time::{Duration, Instant};

use numbercloak::ledger::note::{Checkpoint, Note};

use super::{Against, found, key, latest, run, sealed_of, superuser, verify};
use crate::support::app::{App, NUMBER};
use crate::support::rp::Wish;
use crate::support::wire::{Raw, http};

#[tokio::test]
async fn a_sign_in_is_sealed_by_the_server_itself_and_the_log_is_whole() {
    let app = App::start().await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let mut owner = app.database.owner().await;
    // Nobody calls the sealer here: the server does it by itself.
    let started = Instant::now();
    loop {
        let pending: i64 = sqlx::query_scalar("select count(*) from audit_pending")
            .fetch_one(&mut owner)
            .await
            .unwrap();
        if pending == 0 {
            break;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{pending} pending"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), []);
    assert!(report.is_clean());
    let log = &report.logs[0];
    let records: i64 = sqlx::query_scalar("select count(*) from audit_records")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    assert_eq!(i64::try_from(log.records).unwrap(), records);
    assert_eq!(log.covered, Some(log.until));
    assert!(report.manifests > 0);
    let verified = sealed_of(&app.database, "NUMBER_VERIFIED").await;
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0]["id"], signed_in.claims["txn"]);
}

#[tokio::test]
async fn the_first_record_names_the_log_and_its_key() {
    let app = App::start().await;
    app.sealed().await;
    let checkpoint = latest(&app.database).await;
    let started = sealed_of(&app.database, "AUDIT_LOG_STARTED").await;
    assert_eq!(started.len(), 1);
    assert_eq!(started[0]["reason"], "first");
    assert_eq!(started[0]["origin"], checkpoint.origin.as_str());
    let key = key(&app.database).await.named(&checkpoint.origin);
    assert_eq!(started[0]["key"], key.text());
    let host = app.issuer.strip_prefix("http://").unwrap();
    assert!(checkpoint.origin.starts_with(&format!("{host}/log/")));
}

#[tokio::test]
async fn the_checkpoint_is_public_and_signed() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let answer = Raw::of(http().get(format!("{}/log/checkpoint", app.issuer))).await;
    assert_eq!(answer.status, 200);
    let checkpoint = Checkpoint::open(&answer.body, &key(&app.database).await).unwrap();
    assert_eq!(checkpoint, latest(&app.database).await);
    assert!(Note::parse(&answer.body).is_ok());
}

#[tokio::test]
async fn replicas_that_seal_together_make_one_log() {
    let app = App::start().await;
    let replica = app.second_replica().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for round in 0..6 {
        let at = if round % 2 == 0 {
            replica.address
        } else {
            app.server.address
        };
        browser.goes_to(&app.issuer, at);
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        app.redeem(&browser, &departure).await;
        let (a, b, c, d) = tokio::join!(
            app.server.ledger.tick(),
            replica.ledger.tick(),
            app.server.ledger.manifest(),
            replica.ledger.manifest(),
        );
        a.unwrap();
        b.unwrap();
        c.unwrap();
        d.unwrap();
    }
    replica.stop().await;
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), []);
    assert_eq!(report.logs.len(), 1, "one log");
    let last: Vec<_> = sealed_of(&app.database, "AUDIT_MANIFEST").await;
    assert_eq!(last.iter().filter(|one| one["last"] == true).count(), 1);
}

#[tokio::test]
async fn what_does_not_carry_our_mac_is_refused_and_told() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let mut superuser = superuser(&app.database).await;
    // A copy under another id; one with other bytes; an id without a record; a sealed one once more.
    let forged = run(
        &mut superuser,
        "with copied as (
            insert into audit_records (id, at, type, login_id, client_id, operator, outcome, actor, body, mac, mac_key_id)
            select uuidv7, at, type, login_id, client_id, operator, outcome, actor, body, mac, mac_key_id
            from (select uuid_floor(now()) as uuidv7, r.* from audit_records r where type = 'LOGIN' limit 1) one
            returning id)
        insert into audit_pending select id from copied;
        with altered as (
            insert into audit_records (id, at, type, login_id, client_id, operator, outcome, actor, body, mac, mac_key_id)
            select uuid_floor(now() + interval '1 second'), at, type, login_id, client_id, operator, outcome, actor,
                body || ' '::bytea, mac, mac_key_id
            from audit_records where type = 'LOGIN' limit 1
            returning id)
        insert into audit_pending select id from altered;
        insert into audit_pending values (uuid_floor(now() + interval '2 seconds'));
        insert into audit_pending select id from audit_records where type = 'NUMBER_VERIFIED'",
    )
    .await;
    assert!(forged > 0);
    app.sealed().await;
    let refused = sealed_of(&app.database, "AUDIT_RECORD_REFUSED").await;
    let mut reasons: Vec<_> = refused
        .iter()
        .map(|one| one["reason"].as_str().unwrap())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["mac", "missing", "other_id", "sealed_before"]);
    let report = verify(&app.database, Against::default()).await;
    assert!(!report.is_clean());
    assert_eq!(report.logs.len(), 1);
}

#[tokio::test]
async fn a_batch_of_thousands_is_sealed_within_seconds() {
    let app = App::start().await;
    app.sealed().await;
    let desk = app.desk();
    let recorder = numbercloak::audit::record::Recorder {
        vault: &desk.vault,
        now: app.clock.now(),
        browser: numbercloak::audit::record::Personal::default(),
    };
    let event = numbercloak::audit::event::Event::ClientLoginError {
        reason: "many".to_owned(),
    };
    for _ in 0..5 {
        let records = (0..1000).map(|_| recorder.record(Default::default(), &event));
        numbercloak::store::audit::append(&desk.db, records)
            .await
            .unwrap();
    }
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), []);
    assert!(report.logs[0].records > 5000);
}
