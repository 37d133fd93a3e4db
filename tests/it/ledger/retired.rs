//! Months that retention dropped: the log still verifies and says what went and by which tombstone. A month
//! that went without one, or under a forged one, is found.

use numbercloak::admin::retention;
use numbercloak::audit::event::{Event, Subject};
use numbercloak::audit::record::{Personal, Recorder};
use numbercloak::config::Retention;
use numbercloak::ledger::bundle::Wanted;
use numbercloak::ledger::verify::What;
use numbercloak::phone::PhoneNumber;
use numbercloak::store::audit;
use sqlx::PgConnection;
use uuid::Uuid;

use super::offline::{export, read};
use super::{Against, found, key, run, superuser, verify};
use crate::support::app::{App, NUMBER};
use crate::support::command;
use crate::support::rp::Wish;

/// Records of the old month.
const OLD: usize = 5;
/// Its tables, as a database administrator drops them.
const BY_HAND: &str = "drop table audit_records_202101, audit_personal_202101, log_leaves_202101";

/// A server with a sign-in of today and a few records of January 2021, all sealed.
async fn with_an_old_month() -> App {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    run(
        &mut superuser(&app.database).await,
        "select make_partitions(name, '2021-01-01 00:00:00+00')
        from unnest(array['audit_records', 'audit_personal', 'log_leaves']) as name",
    )
    .await;
    let desk = app.desk();
    let recorder = Recorder {
        vault: &desk.vault,
        now: "2021-01-15T12:00:00Z".parse().unwrap(),
        browser: Personal::default(),
    };
    let number = PhoneNumber::from_e164(NUMBER).unwrap();
    let event = Event::ClientLoginError {
        reason: "long ago".to_owned(),
    };
    let records = (0..OLD).map(|_| recorder.record_of(&number, Subject::default(), &event));
    let db = &app.state().db;
    audit::append_alone(db, db.durable(), records)
        .await
        .unwrap();
    app.sealed().await;
    app
}

/// Drops what is old enough, as the server does every hour.
async fn retain(app: &App) -> Vec<String> {
    let gone = retention::run(&app.desk(), &Retention::default())
        .await
        .unwrap();
    let named = gone
        .iter()
        .map(|month| format!("{} {}", month.table, month.first));
    named.collect()
}

async fn tombstone(connection: &mut PgConnection) -> Uuid {
    sqlx::query_scalar(
        "select id from audit_records where type = 'PARTITION_DROPPED'
            and convert_from(body, 'UTF8')::jsonb -> 'retired' ->> 'records' = $1",
    )
    .bind(OLD.to_string())
    .fetch_one(connection)
    .await
    .unwrap()
}

#[tokio::test]
async fn a_month_that_was_dropped_lawfully_is_named_with_its_tombstone() {
    let app = with_an_old_month().await;
    let gone = retain(&app).await;
    for table in ["audit_records", "audit_personal", "log_leaves"] {
        assert!(gone.contains(&format!("{table} 2021-01-01")), "{gone:?}");
    }
    app.sealed().await;
    let tombstone = tombstone(&mut superuser(&app.database).await).await;
    let whole = verify(&app.database, Against::default()).await;
    let bundle = export(&app.database, &Wanted::default()).await;
    let home = read(&bundle, &key(&app.database).await, &[]);
    for report in [whole, home] {
        assert_eq!(found(&report), [], "{:?}", report.findings);
        assert_eq!(report.logs[0].retired, OLD as u64);
        assert_eq!(report.logs[0].hashes, OLD as u64);
        let dropped = report.dropped.iter().find(|one| one.tombstone == tombstone);
        let dropped = dropped.unwrap();
        assert_eq!(
            (dropped.table.as_str(), dropped.rows),
            ("audit_records", OLD as i64)
        );
        assert_eq!(dropped.from.to_rfc3339(), "2021-01-01T00:00:00+00:00");
        assert_eq!(dropped.until.to_rfc3339(), "2021-02-01T00:00:00+00:00");
        assert_eq!(dropped.by.as_deref(), Some("test"));
        assert!(
            report
                .dropped
                .iter()
                .any(|one| one.table == "audit_personal")
        );
    }
    // A part for one app takes the tombstone along.
    let wanted = Wanted {
        client_id: Some("nobody".to_owned()),
        ..Wanted::default()
    };
    let part = export(&app.database, &wanted).await;
    let report = read(&part, &key(&app.database).await, &[]);
    assert_eq!(found(&report), []);
    assert!(report.dropped.iter().any(|one| one.tombstone == tombstone));
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("of client nobody"))
    );
}

#[tokio::test]
async fn a_month_dropped_without_a_tombstone_is_found() {
    let app = with_an_old_month().await;
    run(&mut superuser(&app.database).await, BY_HAND).await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [What::Gone, What::ManifestedGone]);
    let first = &report.findings[0];
    assert!(
        first.leaf.is_some() && first.message.contains("5 leaves"),
        "{first}"
    );
    let bundle = export(&app.database, &Wanted::default()).await;
    let report = read(&bundle, &key(&app.database).await, &[]);
    assert!(
        found(&report).contains(&What::Gone),
        "{:?}",
        report.findings
    );
}

/// The tombstone of another month, changed to name this one; one that is no server's; and one that was put
/// among the records to be sealed.
#[tokio::test]
async fn a_forged_tombstone_covers_nothing() {
    const RETIRED: &str = r#"{"retired":{"from":"01000000-0000-7000-8000-000000000000",
        "until":"01900000-0000-7000-8000-000000000000","records":9,"leaves":{"ORIGIN":[[0,900]]}}"#;
    let forged = format!(
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
        select uuid_floor(now()), date_trunc('milliseconds', now()), 'PARTITION_DROPPED', convert_to(replace(
            '{RETIRED}', 'ORIGIN', (select origin from logs)) || ',\"type\":\"PARTITION_DROPPED\",\"table\":\"audit_records\",
            \"rows\":9,\"from\":\"2021-01-01T00:00:00Z\",\"until\":\"2021-02-01T00:00:00Z\",\"id\":\"'
            || uuid_floor(now()) || '\"}}', 'UTF8'), sha256('x'), mac_key_id
        from audit_records limit 1"
    );
    let widened = "update audit_records set body = convert_to(regexp_replace(regexp_replace(
            convert_from(body, 'UTF8'), '\"leaves\":\\{[^}]*\\}',
            '\"leaves\":{\"' || (select origin from logs) || '\":[[0,900]]}'),
            '2021-02-01', '2021-01-01', 'g'), 'UTF8')
        where type = 'PARTITION_DROPPED' and convert_from(body, 'UTF8')::jsonb -> 'retired' is not null";
    let pending = format!(
        "{forged}; insert into audit_pending select id from audit_records where mac = sha256('x')"
    );
    for (sql, kinds) in [
        (widened, [What::Altered, What::Gone]),
        (forged.as_str(), [What::NoMac, What::Gone]),
        (pending.as_str(), [What::Refused, What::Gone]),
    ] {
        let app = with_an_old_month().await;
        // Months without records leave tombstones, too: something to start from.
        run(
            &mut superuser(&app.database).await,
            "insert into legal_holds (id, from_at, until_at, reason, placed_by, placed_at)
            values (gen_random_uuid(), '2021-01-01', '2021-01-31', 'x', 'x', now())",
        )
        .await;
        assert!(
            retain(&app)
                .await
                .contains(&"audit_records 2021-02-01".to_owned())
        );
        app.sealed().await;
        let mut superuser = superuser(&app.database).await;
        assert!(run(&mut superuser, sql).await > 0, "{sql}");
        run(&mut superuser, BY_HAND).await;
        app.sealed().await;
        let report = verify(&app.database, Against::default()).await;
        for kind in kinds {
            assert!(
                found(&report).contains(&kind),
                "{sql}: {:?}",
                report.findings
            );
        }
        let at_home = read(
            &export(&app.database, &Wanted::default()).await,
            &key(&app.database).await,
            &[],
        );
        assert!(!at_home.is_clean(), "{sql}");
    }
}

#[tokio::test]
async fn records_that_were_gone_before_their_month_was_dropped_are_missed() {
    let app = with_an_old_month().await;
    run(
        &mut superuser(&app.database).await,
        "delete from audit_records where id = (select id from audit_records_202101 order by id limit 1)",
    )
    .await;
    assert!(
        retain(&app)
            .await
            .contains(&"audit_records 2021-01-01".to_owned())
    );
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [What::Gone]);
    assert!(
        report.findings[0].message.contains("1 of its 5"),
        "{}",
        report.findings[0]
    );
}

/// Which leaves went can be told only while it is known which they were.
#[tokio::test]
async fn the_places_of_records_in_the_log_stay_as_long_as_the_records() {
    let app = with_an_old_month().await;
    let mut reader = superuser(&app.database).await;
    run(
        &mut reader,
        "begin; lock table audit_records_202101 in access share mode",
    )
    .await;
    let gone = retain(&app).await;
    for table in ["audit_records", "log_leaves"] {
        assert!(!gone.contains(&format!("{table} 2021-01-01")), "{gone:?}");
    }
    run(&mut reader, "commit").await;
    let gone = retain(&app).await;
    for table in ["audit_records", "log_leaves"] {
        assert!(gone.contains(&format!("{table} 2021-01-01")), "{gone:?}");
    }
    app.sealed().await;
    let report = verify(&app.database, Against::default()).await;
    assert_eq!(found(&report), [], "{:?}", report.findings);
}

#[tokio::test]
async fn a_bundle_that_is_written_a_moment_after_a_month_was_dropped_tells_of_it() {
    let app = with_an_old_month().await;
    assert!(
        retain(&app)
            .await
            .contains(&"audit_records 2021-01-01".to_owned())
    );
    // Nobody waits for the next checkpoint's time, which does not come: the clock stands.
    let path = super::restores::file("after-retention");
    let out = path.to_str().unwrap();
    let ran = command::run(&app, &["audit", "bundle", "--out", out], "").await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let bundle = std::fs::read_to_string(&path).unwrap();
    let report = read(&bundle, &key(&app.database).await, &[]);
    assert_eq!(found(&report), [], "{:?}", report.findings);
    assert_eq!(report.logs[0].retired, OLD as u64);
    assert!(!ran.err.contains("no server has signed"), "{}", ran.err);
    std::fs::remove_file(&path).unwrap();
}
