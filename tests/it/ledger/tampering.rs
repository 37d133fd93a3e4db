//! Every change of DESIGN.md section 7, made by the superuser behind the server's back, and each undone
//! before the next.

use numbercloak::clock::Clock;
use numbercloak::ledger::bundle::{self, Wanted};
use numbercloak::ledger::note::{Checkpoint, NoteSigner};
use numbercloak::ledger::public_key;
use numbercloak::ledger::verify::What;
use sqlx::PgConnection;

use super::{Against, found, key, latest, run, superuser, verify};
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
    (
        "two records in each other's place",
        "with two as (
            select a.id as one, b.id as other, a.body as one_body, b.body as other_body, a.mac as one_mac, b.mac as other_mac
            from audit_records a, audit_records b
            where a.type = 'NUMBER_VERIFIED' and b.id = (select max(id::text)::uuid from audit_records where type = 'LOGIN')
            limit 1)
        update audit_records r
        set body = case r.id when one then other_body else one_body end, mac = case r.id when one then other_mac else one_mac end
        from two where r.id in (one, other)",
        What::Altered,
    ),
    (
        "a manifest removed, and its leaf",
        "delete from log_leaves where record_id in (select id from audit_records where type = 'AUDIT_MANIFEST');
        delete from audit_records where type = 'AUDIT_MANIFEST'",
        What::Gone,
    ),
    (
        "an old manifest once more under another id",
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
        select uuid_floor(now()), at, type, body, mac, mac_key_id from audit_records where type = 'AUDIT_MANIFEST' limit 1",
        What::TakenOut,
    ),
    (
        "a record that claims another's leaf, too",
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
        select uuid_floor(now()), at, type, body, mac, mac_key_id from audit_records where type = 'LOGIN' limit 1;
        insert into log_leaves select uuid_floor(now()), log, leaf from log_leaves where leaf = 2",
        What::TreeAltered,
    ),
    ("the personal part removed", "delete from audit_personal", What::PersonalGone),
    ("one personal part removed", "delete from audit_personal where record_id = (select min(record_id::text)::uuid from audit_personal)",
        What::PersonalGone),
    (
        "two personal parts in each other's place",
        "with two as (
            select min(record_id::text)::uuid as one, max(record_id::text)::uuid as other from audit_personal
        ), both_ as (
            select one, other, a.salt as one_salt, a.sealed as one_sealed, b.salt as other_salt, b.sealed as other_sealed
            from two join audit_personal a on a.record_id = one join audit_personal b on b.record_id = other
        )
        update audit_personal p
        set salt = case p.record_id when one then other_salt else one_salt end,
            sealed = case p.record_id when one then other_sealed else one_sealed end
        from both_ where p.record_id in (one, other)",
        What::PersonalAltered,
    ),
    (
        "a personal part beside a record that has none",
        "insert into audit_personal (record_id, salt, key_id, sealed)
        select r.id, p.salt, p.key_id, p.sealed from audit_records r, audit_personal p where r.type = 'AUDIT_LOG_STARTED' limit 1",
        What::PersonalAltered,
    ),
    ("the log's name", "update logs set origin = origin || 'x'", What::HeadAltered),
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

/// The head of a moment before carries our MAC, because it was the head.
#[tokio::test]
async fn a_head_set_back_to_one_that_was_sealed_is_found_and_not_continued() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let mut superuser = superuser(&app.database).await;
    run(
        &mut superuser,
        "create table early_head as table logs; create table early_checkpoints as table log_checkpoints",
    )
    .await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    // The server that remembers more is gone.
    let stopped = super::sealing_stops(&app).await;
    run(
        &mut superuser,
        "update logs l set size = e.size, root = e.root, mac = e.mac, sealed_at = e.sealed_at from early_head e;
        truncate log_checkpoints; insert into log_checkpoints table early_checkpoints",
    )
    .await;
    let report = verify(&app.database, Against::default()).await;
    let kinds = found(&report);
    assert!(kinds.contains(&What::Shortened), "{:?}", report.findings);
    let app = app.restart().await;
    drop(stopped);
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.sealed().await;
    let started = super::sealed_of(&app.database, "AUDIT_LOG_STARTED").await;
    assert_eq!(started.len(), 2, "a tree behind its own tiles is not ours");
    let kinds = found(&verify(&app.database, Against::default()).await);
    assert!(kinds.contains(&What::LogLost), "{kinds:?}");
}

/// Whoever has the database but not the root key can make a key of his own, and nothing that ours vouches for.
#[tokio::test]
async fn checkpoints_under_another_key_are_found_in_the_database_and_at_home() {
    let database = sealed_log().await;
    let mut superuser = superuser(&database).await;
    let other = NoteSigner::new(&[7; 32]).unwrap();
    let ours = key(&database).await;
    let rows: Vec<(i64, String)> = sqlx::query_as("select size, note from log_checkpoints")
        .fetch_all(&mut superuser)
        .await
        .unwrap();
    for (size, note) in &rows {
        let forged = other.sign(&Checkpoint::open(note, &ours).unwrap());
        sqlx::query("update log_checkpoints set note = $2 where size = $1")
            .bind(size)
            .bind(forged)
            .execute(&mut superuser)
            .await
            .unwrap();
    }
    let report = verify(&database, Against::default()).await;
    assert_eq!(found(&report), [What::CheckpointDiffers]);
    // The same in a bundle, with the key's name in it to match.
    let mut bundle = Vec::new();
    let (vault, now) = (super::vault(&database), Clock::system().now());
    let forger = other.verifier("log");
    let wanted = Wanted::default();
    bundle::write(&mut superuser, &vault, &forger, &wanted, now, &mut bundle)
        .await
        .unwrap();
    let bundle = String::from_utf8(bundle).unwrap();
    assert!(super::offline::read(&bundle, &forger, &[]).is_clean());
    let report = super::offline::read(&bundle, &ours, &[]);
    assert_eq!(found(&report), [What::CheckpointDiffers]);
    // The key itself is sealed with the root key: another in its place does not open.
    let sealed = "update wrapped_keys set sealed = sha512(sealed) where name = 'audit'";
    assert_eq!(run(&mut superuser, sealed).await, 1);
    let db = database.open();
    assert!(public_key(&db, &vault, now).await.is_err());
    db.close().await;
}
