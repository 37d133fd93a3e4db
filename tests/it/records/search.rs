//! Records are found among many: by every filter, the hundredth page as the first, without reading the
//! rest.

use numbercloak::admin::audit::{self, Query};
use numbercloak::clock::Time;
use numbercloak::store::audit_search::{self, Filter, Reach};
use numbercloak::store::rollups;
use numbercloak::verdict::Outcome;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::{of_kind, without_server};
use crate::support::app::{App, NUMBER};
use crate::support::command;
use crate::support::rp::Wish;

/// Records in the seeded table.
const SEEDED: i64 = 50_000;
/// Rows a page may read beside those it shows, of 150,000 in all: what a second filter leaves out, but not
/// the 25,000 records of the number that a monitor uses, nor those from the network that all share.
const READ: i64 = 6_000;
/// Records of a page.
const PAGE: i64 = 50;

/// Fifty thousand records of the last days: one client and one operator has most of them, others a few; one
/// number and one network has half of them.
async fn seed(owner: &mut PgConnection, now: Time) {
    sqlx::query(
        "with made as (
            select n, $1::timestamptz - make_interval(secs => n) as at,
                (left(uuid_floor($1::timestamptz - make_interval(secs => n))::text, 24)
                    || lpad(to_hex(n), 12, '0'))::uuid as id
            from generate_series(1, $2) as n
        ),
        record as (
            insert into audit_records
                (id, at, type, login_id, client_id, operator, outcome, actor, body, mac, mac_key_id)
            select id, at, (array['LOGIN_STARTED', 'NUMBER_VERIFIED', 'LOGIN', 'CODE_TO_TOKEN'])[n % 4 + 1],
                (left(id::text, 24) || lpad(to_hex(n / 5), 12, '0'))::uuid,
                case when n % 100 < 99 then 'shop' else 'rare-' || n % 500 end,
                case when n % 100 < 99 then 'big' else 'small' end,
                case when n % 200 = 0 then 'mismatch' else 'verified' end,
                case when n % 1000 = 0 then 'ada@example.com' end,
                convert_to('{\"v\":1}', 'UTF8'), '\\x00', 'k'
            from made
        )
        insert into audit_personal (record_id, salt, key_id, number_hash, sealed)
        select id, '\\x00', 'k',
            case when n % 2 = 0 then '\\xbeef' else decode(lpad(to_hex(n % 100), 4, '0'), 'hex') end, '\\x00'
        from made",
    )
    .bind(now)
    .bind(i32::try_from(SEEDED).unwrap())
    .execute(&mut *owner)
    .await
    .unwrap();
    sqlx::query(
        "insert into login_references (login_id, reference)
        select distinct login_id, right(login_id::text, 8) from audit_records
        where login_id is not null",
    )
    .execute(&mut *owner)
    .await
    .unwrap();
    sqlx::query(
        "insert into record_words (record_id, word)
        select record_id, '\\xaa' || number_hash from audit_personal",
    )
    .execute(&mut *owner)
    .await
    .unwrap();
    for table in [
        "audit_records",
        "audit_personal",
        "login_references",
        "record_words",
    ] {
        sqlx::query(sqlx::AssertSqlSafe(format!("analyze {table}")))
            .execute(&mut *owner)
            .await
            .unwrap();
    }
}

/// Rows of the growing tables that this connection read so far. Postgres keeps what it has not yet reported, about a second of
/// it, beside what this transaction read: only differences count.
async fn rows_read(db: &mut PgConnection) -> i64 {
    sqlx::query_scalar(
        "select coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)::bigint
        from pg_stat_xact_user_tables
        where relname like 'audit\\_%' or relname like 'login%' or relname like 'record\\_%'",
    )
    .fetch_one(db)
    .await
    .unwrap()
}

/// A page, and how many rows were read for it.
async fn read(db: &mut PgConnection, filter: &Filter) -> (Vec<Uuid>, i64) {
    let mut tx = db
        .begin_with("begin; set local plan_cache_mode = 'force_custom_plan'")
        .await
        .unwrap();
    let before = rows_read(&mut tx).await;
    let page = audit_search::list(&mut tx, filter, PAGE, Reach::All)
        .await
        .unwrap();
    let rows = rows_read(&mut tx).await - before;
    tx.rollback().await.unwrap();
    (page.rows.into_iter().map(|row| row.id).collect(), rows)
}

#[tokio::test]
async fn every_filter_reads_little_more_than_the_page_it_shows() {
    let (database, db, desk) = without_server().await;
    let mut owner = database.owner().await;
    seed(&mut owner, desk.now).await;
    rollups::close_hours(db.relaxed(), desk.now, desk.now, 100)
        .await
        .unwrap();
    let mut lent = db.durable().acquire().await.unwrap();
    let day = chrono::TimeDelta::hours(2);
    let some = |text: &str| Some(text.to_owned());
    let login: Uuid = sqlx::query_scalar("select login_id from audit_records order by id limit 1")
        .fetch_one(&mut owner)
        .await
        .unwrap();
    let last = login.to_string();
    let filters = [
        ("none", Filter::default()),
        (
            "time",
            Filter {
                since: Some(desk.now - day * 3),
                until: Some(desk.now - day),
                ..Filter::default()
            },
        ),
        (
            "type",
            Filter {
                kind: some("LOGIN"),
                ..Filter::default()
            },
        ),
        (
            "client",
            Filter {
                client_id: some("shop"),
                ..Filter::default()
            },
        ),
        (
            "rare client",
            Filter {
                client_id: some("rare-99"),
                ..Filter::default()
            },
        ),
        (
            "operator",
            Filter {
                operator: some("big"),
                ..Filter::default()
            },
        ),
        (
            "rare operator",
            Filter {
                operator: some("small"),
                ..Filter::default()
            },
        ),
        (
            "unknown operator",
            Filter {
                operator: some("none"),
                ..Filter::default()
            },
        ),
        (
            "outcome",
            Filter {
                outcome: Some(Outcome::Verified),
                ..Filter::default()
            },
        ),
        (
            "rare outcome",
            Filter {
                outcome: Some(Outcome::Mismatch),
                ..Filter::default()
            },
        ),
        (
            "never together",
            Filter {
                kind: some("LOGIN"),
                outcome: Some(Outcome::Mismatch),
                ..Filter::default()
            },
        ),
        (
            "operator, type",
            Filter {
                kind: some("CODE_TO_TOKEN"),
                operator: some("small"),
                ..Filter::default()
            },
        ),
        (
            "actor",
            Filter {
                actor: some("ada@example.com"),
                ..Filter::default()
            },
        ),
        (
            "login",
            Filter {
                login_id: Some(login),
                ..Filter::default()
            },
        ),
        (
            "number",
            Filter {
                number_hashes: Some(vec![vec![0, 7]]),
                ..Filter::default()
            },
        ),
        (
            "network",
            Filter {
                network_hashes: Some(vec![vec![0xaa, 0, 7]]),
                ..Filter::default()
            },
        ),
        (
            "busy number",
            Filter {
                number_hashes: Some(vec![vec![0, 1], vec![0xbe, 0xef]]),
                ..Filter::default()
            },
        ),
        (
            "busy number, client",
            Filter {
                number_hashes: Some(vec![vec![0xbe, 0xef]]),
                client_id: some("shop"),
                ..Filter::default()
            },
        ),
        (
            "busy network",
            Filter {
                network_hashes: Some(vec![vec![0xaa, 0xbe, 0xef]]),
                ..Filter::default()
            },
        ),
        (
            "busy network, type",
            Filter {
                network_hashes: Some(vec![vec![0xaa, 0xbe, 0xef]]),
                kind: some("LOGIN_STARTED"),
                ..Filter::default()
            },
        ),
        (
            "reference",
            Filter {
                reference: some(&last[28..]),
                ..Filter::default()
            },
        ),
    ];
    for (name, filter) in filters {
        let (page, rows) = read(&mut lent, &filter).await;
        assert!(rows <= READ, "{name}: {rows} rows read");
        assert!(page.is_sorted_by(|a, b| a > b), "{name}");
        let nothing = ["unknown operator", "never together"].contains(&name);
        assert_eq!(page.is_empty(), nothing, "{name}");
        // The hundredth page, or the last one there is.
        let mut filter = filter;
        for _ in 0..99 {
            let Some(id) = read(&mut lent, &filter).await.0.last().copied() else {
                break;
            };
            filter.before = Some(id);
        }
        let (last, rows) = read(&mut lent, &filter).await;
        assert!(rows <= READ, "{name}, page 100: {rows} rows read");
        let (Some(first), Some(_)) = (last.first().copied(), filter.before) else {
            continue;
        };
        // And back: the page before ends where this one begins.
        filter.before = None;
        filter.after = Some(first);
        let (back, rows) = read(&mut lent, &filter).await;
        assert!(rows <= READ, "{name}, back: {rows} rows read");
        assert!(back.is_sorted_by(|a, b| a > b), "{name}, back");
        assert_eq!(back.len(), usize::try_from(PAGE).unwrap(), "{name}, back");
        assert!(back.last() > Some(&first), "{name}, back");
    }
}

#[tokio::test]
async fn what_never_met_before_is_found_from_its_first_time_on() {
    let app = App::start().await;
    let missed = || Query {
        kind: Some("NUMBER_NOT_VERIFIED".to_owned()),
        outcome: Some(Outcome::Mismatch),
        operator: Some("simulator".to_owned()),
        ..Query::default()
    };
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.clock.advance(std::time::Duration::from_secs(7200));
    let count = async || {
        let now = app.clock.now();
        let db = app.state().db.relaxed();
        rollups::close_hours(db, now, now, 100).await.unwrap();
    };
    count().await;
    assert!(app.audit(missed()).await.is_empty());
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of("+990700001")).await;
    browser.press("Continue").await;
    assert_eq!(
        app.audit(missed()).await.len(),
        1,
        "of the hour that goes on"
    );
    app.clock.advance(std::time::Duration::from_secs(7200));
    count().await;
    assert_eq!(
        app.audit(missed()).await.len(),
        1,
        "of an hour that is over"
    );
}

#[tokio::test]
async fn a_login_is_found_by_its_reference_at_once_and_for_good() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.open(&mut browser, &Wish::of(NUMBER)).await;
    let login = app.only_login().await;
    let digits = login.simple().to_string().to_uppercase();
    let reference = format!("{}-{}", &digits[24..28], &digits[28..]);
    let by_reference = || Query {
        reference: Some(reference.clone()),
        ..Query::default()
    };
    let found = audit::list(&app.desk(), by_reference(), 50)
        .await
        .unwrap()
        .entries;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].body["login_id"], login.to_string());
    // Later its row is gone, and the reference is written down.
    app.clock.advance(std::time::Duration::from_secs(3600));
    app.index_records().await;
    let mut owner = app.database.owner().await;
    sqlx::query("delete from logins")
        .execute(&mut owner)
        .await
        .unwrap();
    let found = audit::list(&app.desk(), by_reference(), 50)
        .await
        .unwrap()
        .entries;
    assert!(!found.is_empty());
    for wrong in ["", "7F3A", "7F3A-21AG", "' or 1=1"] {
        let query = Query {
            reference: Some(wrong.to_owned()),
            ..Query::default()
        };
        assert!(
            audit::list(&app.desk(), query, 50).await.is_err(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_login_is_found_by_the_network_it_began_from() {
    let app = App::start().await;
    let mut browser = app.browser();
    app.sign_in(&mut browser, &Wish::of(NUMBER)).await;
    app.clock.advance(std::time::Duration::from_secs(3600));
    app.index_records().await;
    for (network, finds) in [
        ("127.0.0.1/32", true),
        ("127.0.0.0/24", true),
        ("127.0.0.0/16", true),
        ("127.0.0.2/32", false),
        ("10.0.0.0/16", false),
    ] {
        let query = Query {
            network: Some(network.parse().unwrap()),
            kind: Some("LOGIN_STARTED".to_owned()),
            ..Query::default()
        };
        let found = audit::list(&app.desk(), query, 50).await.unwrap().entries;
        assert_eq!(!found.is_empty(), finds, "{network}");
    }
    let query = Query {
        network: Some("127.0.0.0/25".parse().unwrap()),
        ..Query::default()
    };
    assert!(audit::list(&app.desk(), query, 50).await.is_err());
}

#[tokio::test]
async fn who_looks_for_a_number_is_recorded_with_the_number_itself() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let mine = || Query {
        number: Some(numbercloak::phone::PhoneNumber::from_e164(NUMBER).unwrap()),
        ..Query::default()
    };
    let before = audit::list(&app.desk(), mine(), 50).await.unwrap().entries;
    let found = audit::list(&app.desk(), mine(), 50).await.unwrap().entries;
    assert_eq!(found.len(), before.len() + 1);
    let act = found
        .iter()
        .find(|entry| entry.body["type"] == "ADMIN_EVENT")
        .unwrap();
    assert_eq!(act.body["details"]["action"], "search");
    assert!(!act.body.to_string().contains(&NUMBER[1..]));
}

#[tokio::test]
async fn a_number_is_shown_in_full_only_for_a_reason_and_on_record() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let login = app.only_login().await;
    let records = app.records(login).await;
    let verified = records
        .iter()
        .find(|record| record.body["type"] == "NUMBER_VERIFIED")
        .unwrap();
    let desk = app.desk();
    assert!(audit::unmask(&desk, verified.id, " ").await.is_err());
    assert!(audit::unmask(&desk, Uuid::nil(), "curious").await.is_err());
    let personal = audit::unmask(&desk, verified.id, "complaint 12")
        .await
        .unwrap();
    assert_eq!(personal.number.as_deref(), Some(NUMBER));
    let acts = of_kind(&app, "ADMIN_EVENT").await;
    let acts: Vec<_> = acts
        .iter()
        .filter(|act| act["details"]["action"] == "unmask")
        .collect();
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0]["resource_id"], verified.id.to_string());
    assert_eq!(acts[0]["details"]["reason"], "complaint 12");
}

#[tokio::test]
async fn the_command_line_shows_a_number_in_full_for_a_reason_and_on_record() {
    let app = App::start().await;
    let signed_in = app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    let txn = signed_in.claims["txn"].as_str().unwrap();
    let refused = command::run(&app, &["audit", "unmask", txn], "").await;
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    let refused = command::run(&app, &["audit", "unmask", txn, "--reason", " "], "").await;
    assert_eq!(refused.code, Some(2), "{}", refused.err);
    assert!(!refused.out.contains(NUMBER));
    let arguments = [
        "audit",
        "unmask",
        txn,
        "--reason",
        "court order 7",
        "--json",
    ];
    let shown = command::run(&app, &arguments, "").await.json();
    assert_eq!(shown["number"], NUMBER);
    assert_eq!(shown["address"], "127.0.0.1");
    let acts = of_kind(&app, "ADMIN_EVENT").await;
    let acts: Vec<_> = acts
        .iter()
        .filter(|act| act["details"]["action"] == "unmask")
        .collect();
    assert_eq!(acts.len(), 1);
    assert_eq!(acts[0]["actor"], "cli");
    assert_eq!(acts[0]["resource_id"], txn);
    assert_eq!(acts[0]["details"]["reason"], "court order 7");
}
