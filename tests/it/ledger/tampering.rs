//! Every change of DESIGN.md section 7, made by the superuser behind the server's back, and each undone
//! before the next.

use numbercloak::ledger::verify::What;
use sqlx::PgConnection;

use super::{Against, found, latest, run, superuser, verify};
use crate::support::app::{App, NUMBER};
use crate::support::database::Database;
use crate::support::rp::Wish;

/// The tables of the log.
const TABLES: [&str; 8] = [
    "audit_records",
    "audit_pending",
    "audit_personal",
    "logs",
    "log_leaves",
    "log_tiles",
    "log_checkpoints",
    "log_places",
];

pub(super) async fn keep(connection: &mut PgConnection, name: &str) {
    for table in TABLES {
        run(
            connection,
            &format!("create table {name}_{table} as table {table}"),
        )
        .await;
    }
}

pub(super) async fn bring_back(connection: &mut PgConnection, name: &str) {
    for table in TABLES {
        let generated = if table == "logs" {
            "overriding system value"
        } else {
            ""
        };
        let sql = format!("truncate {table}; insert into {table} {generated} table {name}_{table}");
        run(connection, &sql).await;
    }
}

/// A database whose server signed a few people in, sealed everything and is gone.
async fn sealed_log() -> Database {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    for _ in 0..2 {
        let departure = app.open(&mut browser, &Wish::of(NUMBER)).await;
        app.redeem(&browser, &departure).await;
    }
    app.sealed().await;
    let App {
        database, server, ..
    } = app;
    server.stop().await;
    database
}

/// What is done, and what a verification must call it.
const CHANGES: &[(&str, &str, What)] = &[
    (
        "another body",
        "update audit_records set body = convert_to(replace(convert_from(body, 'UTF8'), 'NUMBER_VERIFIED', 'NUMBER_UNKNOWNED'), 'UTF8')
        where type = 'NUMBER_VERIFIED' and id = (select min(id::text)::uuid from audit_records where type = 'NUMBER_VERIFIED')",
        What::Altered,
    ),
    (
        "another body with its leaf in the tree",
        "update audit_records set body = body || ' '::bytea where type = 'LOGIN';
        update log_tiles t set hashes = overlay(t.hashes placing sha256('\\x00'::bytea || r.body)
            from (l.leaf * 32 + 1)::int for 32)
        from log_leaves l join audit_records r on r.id = l.record_id
        where t.level = 0 and t.tile = 0 and r.type = 'LOGIN'
            and l.leaf = (select max(leaf) from log_leaves l join audit_records r on r.id = l.record_id where r.type = 'LOGIN')",
        What::Altered,
    ),
    (
        "another MAC",
        "update audit_records set mac = sha256(mac) where type = 'LOGIN'",
        What::NoMac,
    ),
    ("a search copy: client", "update audit_records set client_id = 'other' where type = 'LOGIN'", What::CopyDiffers),
    ("a search copy: outcome", "update audit_records set outcome = 'mismatch' where type = 'NUMBER_VERIFIED'", What::CopyDiffers),
    ("a search copy: operator", "update audit_records set operator = null where type = 'NUMBER_VERIFIED'", What::CopyDiffers),
    ("a search copy: time", "update audit_records set at = at + interval '1 second' where type = 'LOGIN'", What::CopyDiffers),
    ("a search copy: login", "update audit_records set login_id = gen_random_uuid() where type = 'LOGIN'", What::CopyDiffers),
    ("a search copy: type", "update audit_records set type = 'LOGIN_ERROR' where type = 'LOGIN'", What::CopyDiffers),
    ("a search copy: actor", "update audit_records set actor = 'me' where type = 'LOGIN'", What::CopyDiffers),
    ("a sealed record removed", "delete from audit_records where type = 'NUMBER_VERIFIED'", What::Gone),
    (
        "a sealed record removed with its leaf",
        "delete from log_leaves where record_id in (select id from audit_records where type = 'NUMBER_VERIFIED');
        delete from audit_records where type = 'NUMBER_VERIFIED'",
        What::Gone,
    ),
    (
        "two leaves in another order",
        "update log_leaves set leaf = case leaf when 2 then 3 else 2 end where leaf in (2, 3)",
        What::Altered,
    ),
    (
        "a record of ours in another's place",
        "update log_leaves set leaf = 2 where leaf = 3; delete from log_leaves where leaf = 3",
        What::TreeAltered,
    ),
    (
        "a record put in without a MAC",
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
        select uuid_floor(now()), now(), 'LOGIN', '{}', sha256('x'), mac_key_id from audit_records limit 1",
        What::NoMac,
    ),
    (
        "a record of ours put in once more under another id",
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
        select uuid_floor(now()), at, type, body, mac, mac_key_id from audit_records where type = 'LOGIN' limit 1",
        What::TakenOut,
    ),
    (
        "a leaf put in at the end",
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
        select uuid_floor(now()), now(), 'LOGIN', '{}', sha256('x'), mac_key_id from audit_records limit 1;
        insert into log_leaves select uuid_floor(now()), id, size from logs",
        What::Shortened,
    ),
    ("the personal part removed", "delete from audit_personal", What::PersonalGone),
    ("the personal part of another", "update audit_personal set sealed = (select sealed from audit_personal limit 1)", What::PersonalAltered),
    ("another salt", "update audit_personal set salt = sha256(salt)", What::PersonalAltered),
    ("another search hash", "update audit_personal set number_hash = sha256(number_hash) where number_hash is not null", What::PersonalAltered),
    ("another root", "update logs set root = sha256(root)", What::HeadAltered),
    ("a smaller head", "update logs set size = size - 1", What::HeadAltered),
    ("a tile cut short", "update log_tiles set hashes = substring(hashes for 64) where level = 0", What::TreeAltered),
    ("a tile removed", "delete from log_tiles", What::TreeAltered),
    ("a checkpoint altered", "update log_checkpoints set note = replace(note, '— ', '— x')", What::CheckpointDiffers),
    ("a checkpoint of another size", "update log_checkpoints set size = size - 1 where size = (select max(size) from log_checkpoints)", What::CheckpointDiffers),
];

#[tokio::test]
async fn every_change_behind_the_server_s_back_is_found() {
    let database = sealed_log().await;
    let mut superuser = superuser(&database).await;
    let before = verify(&database, Against::default()).await;
    assert_eq!(found(&before), [], "{:?}", before.findings);
    keep(&mut superuser, "kept").await;
    for (change, sql, what) in CHANGES {
        assert!(
            run(&mut superuser, sql).await > 0,
            "{change}: nothing was done"
        );
        let report = verify(&database, Against::default()).await;
        let kinds = found(&report);
        assert!(kinds.contains(what), "{change}: {:?}", report.findings);
        bring_back(&mut superuser, "kept").await;
    }
    let after = verify(&database, Against::default()).await;
    assert_eq!(found(&after), [], "{:?}", after.findings);
}

#[tokio::test]
async fn the_first_bad_record_is_named() {
    let database = sealed_log().await;
    let mut superuser = superuser(&database).await;
    let leaves: Vec<(uuid::Uuid, i64)> =
        sqlx::query_as("select record_id, leaf from log_leaves where leaf in (4, 7) order by leaf")
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    for (id, _) in &leaves {
        let sql = format!("update audit_records set body = body || ' '::bytea where id = '{id}'");
        assert_eq!(run(&mut superuser, &sql).await, 1);
    }
    let report = verify(&database, Against::default()).await;
    let first = &report.findings[0];
    assert_eq!(
        (first.what, first.leaf, first.record),
        (What::Altered, Some(4), Some(leaves[0].0))
    );
    let second = report
        .findings
        .iter()
        .find(|one| one.leaf == Some(7))
        .unwrap();
    assert_eq!(second.record, Some(leaves[1].0));
    // What is right is not called wrong: the tree as it was sealed is still there.
    let bad: Vec<_> = report.findings.iter().filter_map(|one| one.leaf).collect();
    assert_eq!(bad, [4, 7]);
}

/// An attacker who has the database to himself and cuts everything off that came after a moment leaves
/// nothing that contradicts itself. A checkpoint outside does.
#[tokio::test]
async fn a_log_cut_off_with_everything_that_told_of_it_is_found_by_a_checkpoint_outside() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let mut superuser = superuser(&app.database).await;
    keep(&mut superuser, "early").await;
    let early = latest(&app.database).await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let App {
        database, server, ..
    } = app;
    server.stop().await;
    let outside = latest(&database).await;
    assert!(outside.size > early.size);
    bring_back(&mut superuser, "early").await;

    let alone = verify(&database, Against::default()).await;
    assert_eq!(found(&alone), [], "{:?}", alone.findings);
    let with = |outside| Against {
        outside: vec![outside],
        ..Against::default()
    };
    let anchored = verify(&database, with(outside)).await;
    assert_eq!(found(&anchored), [What::Shortened]);
    let older = verify(&database, with(early.clone())).await;
    assert_eq!(found(&older), []);
    assert!(
        older
            .anchors
            .iter()
            .any(|one| one.given && one.size == early.size)
    );
    let mut other = early;
    other.root[0] ^= 1;
    assert_eq!(
        found(&verify(&database, with(other)).await),
        [What::CheckpointDiffers]
    );
}

#[tokio::test]
async fn an_erasure_is_a_finding_until_it_is_on_record() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let mut superuser = superuser(&app.database).await;
    let erased: Vec<uuid::Uuid> =
        sqlx::query_scalar("delete from audit_personal returning record_id")
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [What::PersonalGone]);
    let desk = app.desk();
    let recorder = numbercloak::audit::record::Recorder {
        vault: &desk.vault,
        now: app.clock.now(),
        browser: numbercloak::audit::record::Personal::default(),
    };
    let count = u64::try_from(erased.len()).unwrap();
    let event = numbercloak::audit::event::Event::PersonalDataErased {
        erased,
        part: 1,
        parts: 1,
        ticket: None,
        rows: Default::default(),
        held: 0,
    };
    let record = recorder.record(Default::default(), &event);
    numbercloak::store::audit::append(&desk.db, [record])
        .await
        .unwrap();
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [], "{:?}", report.findings);
    assert_eq!(report.logs[0].erased, count);
}
