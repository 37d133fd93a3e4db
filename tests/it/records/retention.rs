//! Months that are older than they are kept go as a whole, if nothing keeps them, and a tombstone stays.

use numbercloak::admin::retention::{self, Standing};
use numbercloak::admin::{Desk, Refused};
use numbercloak::clock::Time;
use numbercloak::config::Retention;
use numbercloak::secret::new_id;
use numbercloak::store::db::Db;
use sqlx::{AssertSqlSafe, PgConnection};

use super::{at, without_server};

/// Makes a month of every table and one record with a personal part in it.
async fn month(db: &Db, owner: &mut PgConnection, first: Time) {
    sqlx::query(
        "select make_partitions(name, $1)
        from unnest(array['audit_records', 'audit_personal', 'logins', 'legs', 'record_words',
            'login_references']) as name",
    )
    .bind(first)
    .execute(db.durable())
    .await
    .unwrap();
    let id = new_id(first + chrono::TimeDelta::days(3));
    for sql in [
        "insert into audit_records (id, at, type, body, mac, mac_key_id)
            values ($1, $2, 'LOGIN', '{}', '', 'k')",
        "insert into audit_personal (record_id, salt, key_id, sealed) select $1, '', 'k', '' where $2 is not null",
        "insert into audit_pending (record_id) select $1 where $2 is not null",
    ] {
        sqlx::query(AssertSqlSafe(sql))
            .bind(id)
            .bind(first)
            .execute(&mut *owner)
            .await
            .unwrap();
    }
}

async fn standing(desk: &Desk, table: &str, month: &str) -> Option<Standing> {
    let months = retention::months(desk, &Retention::default())
        .await
        .unwrap();
    let found = months
        .into_iter()
        .find(|(m, _)| m.table == table && m.first.to_string() == format!("{month}-01"));
    found.map(|(_, standing)| standing)
}

async fn seal(owner: &mut PgConnection) {
    sqlx::query("delete from audit_pending")
        .execute(owner)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_month_goes_when_it_is_old_and_sealed_its_personal_parts_first() {
    let (database, db, desk) = without_server().await;
    let mut owner = database.owner().await;
    // make_partitions makes three months each.
    month(&db, &mut owner, at("2021-01-01T00:00:00Z")).await;
    let now = at("2022-03-15T00:00:00Z");
    let desk = Desk { now, ..desk };
    let keep = Retention::default();
    let all = ["audit_personal", "audit_records"];
    for table in all {
        assert_eq!(
            standing(&desk, table, "2021-01").await,
            Some(Standing::Unsealed)
        );
    }
    let of_records = |gone: Vec<retention::Month>| -> Vec<String> {
        let those = gone.iter().filter(|m| all.contains(&m.table.as_str()));
        those.map(|m| format!("{} {}", m.table, m.first)).collect()
    };
    // Months without anything to seal go at once; old logins need no seal.
    let gone = of_records(retention::run(&desk, &keep).await.unwrap());
    assert_eq!(
        gone,
        ["audit_personal 2021-02-01", "audit_personal 2021-03-01"]
    );
    seal(&mut owner).await;
    let gone = of_records(retention::run(&desk, &keep).await.unwrap());
    // 13 months: only January's records are that old.
    assert_eq!(
        gone,
        ["audit_personal 2021-01-01", "audit_records 2021-01-01"]
    );
    let tombstones: Vec<serde_json::Value> = sqlx::query_scalar(
        "select convert_from(body, 'UTF8')::jsonb from audit_records where type = 'PARTITION_DROPPED'",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let of = |table: &str| {
        let of = |body: &&serde_json::Value| {
            body["table"] == table && body["from"] == "2021-01-01T00:00:00Z"
        };
        tombstones
            .iter()
            .find(of)
            .unwrap_or_else(|| panic!("{table}: {tombstones:?}"))
    };
    assert_eq!(of("audit_records")["rows"], 1);
    assert_eq!(of("audit_records")["retired"]["records"], 1);
    assert!(of("audit_personal")["erased_range"]["from"].is_string());
    assert!(of("audit_personal")["actor"] == "test");
}

#[tokio::test]
async fn a_legal_hold_keeps_a_month_until_it_is_released() {
    let (database, db, desk) = without_server().await;
    let mut owner = database.owner().await;
    month(&db, &mut owner, at("2021-01-01T00:00:00Z")).await;
    seal(&mut owner).await;
    let desk = Desk {
        now: at("2022-03-15T00:00:00Z"),
        ..desk
    };
    let (from, until) = (at("2021-01-20T00:00:00Z"), at("2021-01-21T00:00:00Z"));
    for (from, until, reason) in [(until, from, "case"), (from, until, " ")] {
        let refused = retention::hold(&desk, from, until, reason).await;
        assert!(matches!(refused, Err(Refused::Invalid { .. })));
    }
    let hold = retention::hold(&desk, from, until, "case 4711")
        .await
        .unwrap();
    assert_eq!(
        standing(&desk, "audit_personal", "2021-01").await,
        Some(Standing::Held)
    );
    assert_eq!(
        standing(&desk, "audit_personal", "2021-02").await,
        Some(Standing::Due)
    );
    let keep = Retention::default();
    let gone = retention::run(&desk, &keep).await.unwrap();
    let held =
        |m: &retention::Month| m.table.starts_with("audit_") && m.first.to_string() == "2021-01-01";
    assert!(!gone.iter().any(held), "{gone:?}");
    // Whoever asks the database itself hears the same.
    let forced = sqlx::query(
        "select drop_partition('audit_personal', '2021-01-01', now(), '90 days', '{}')",
    )
    .execute(db.durable())
    .await;
    let error = forced.unwrap_err().to_string();
    assert!(error.contains("legal hold"), "{error}");
    retention::release(&desk, hold.id, "settled").await.unwrap();
    assert!(retention::release(&desk, hold.id, "twice").await.is_err());
    let gone = retention::run(&desk, &keep).await.unwrap();
    assert!(gone.iter().any(held), "{gone:?}");
}

#[tokio::test]
async fn the_database_drops_nothing_early_nothing_unrecorded_and_nothing_else() {
    let (database, db, desk) = without_server().await;
    let mut owner = database.owner().await;
    month(&db, &mut owner, at("2021-01-01T00:00:00Z")).await;
    seal(&mut owner).await;
    let this_month = desk.now.format("%Y-%m-01").to_string();
    let call = |table: &str, month: &str, moment: &str, keep: &str| {
        format!("select drop_partition('{table}', '{month}', '{moment}', '{keep}', '{{}}')")
    };
    let now = desk.now.to_rfc3339();
    let recent = this_month.as_str();
    for (sql, why) in [
        // A clock that runs ahead is not believed.
        (
            call("audit_personal", recent, "2099-01-01", "90 days"),
            "too young",
        ),
        (
            call("audit_records", "2021-01-01", &now, "1 day"),
            "too young",
        ),
        (
            call("audit_records", "2021-01-01", &now, "60 days"),
            "still there",
        ),
        (
            call("audit_personal", "2021-01-01", &now, "90 days"),
            "without a record",
        ),
        (
            call("audit_personal", "2021-01-02", &now, "90 days"),
            "no partitions are dropped",
        ),
        (
            call("clients", "2021-01-01", &now, "90 days"),
            "no partitions are dropped",
        ),
        (
            call("audit_pending", "2021-01-01", &now, "90 days"),
            "no partitions are dropped",
        ),
        (
            call("audit_personal", "2001-01-01", &now, "90 days"),
            "no partition",
        ),
    ] {
        let refused = sqlx::query(AssertSqlSafe(sql.clone()))
            .execute(db.durable())
            .await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains(why), "{sql}: {error}");
    }
    assert!(standing(&desk, "audit_personal", "2021-01").await.is_some());
}
