//! Records that many meet by each filter and next to none by all are looked for a stretch at a time, and
//! nothing is left out.

use numbercloak::admin::audit::Query;
use numbercloak::admin::exports::Format;
use numbercloak::store::staff::Role;
use serde_json::json;
use sqlx::Connection as _;

use super::exports::export;
use crate::api::{Program, ok};
use crate::support::app::App;
use crate::support::command;
use crate::support::console::signed_in;

const FILTERS: &str = "client_id=crowd&operator=ops";

/// One record of both, and after it more of an app and of an operator than one page looks at, of each.
async fn crowded() -> App {
    let app = App::start().await;
    let start = app.clock.now();
    app.clock.advance(std::time::Duration::from_secs(60));
    let mut owner = app.database.owner().await;
    sqlx::query(
        r#"
        insert into audit_records (id, at, type, client_id, operator, body, mac, mac_key_id)
        select (left(uuid_floor(at)::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, at, 'LOGIN',
            case when n = 0 or n % 2 = 0 then 'crowd' end, case when n = 0 or n % 2 = 1 then 'ops' end,
            convert_to(json_build_object('type', 'LOGIN', 'at', at, 'n', n)::text, 'UTF8'), sha256(int8send(n)), 'none'
        from generate_series(0::bigint, 20020) as n
        cross join lateral (select $1::timestamptz + n * interval '1 millisecond' as at) as times
        "#,
    )
    .bind(start)
    .execute(&mut owner)
    .await
    .unwrap();
    app
}

/// Asks while nobody may read records, until the server has had enough of waiting and asks for a stretch.
async fn slowly<T>(app: &App, ask: impl Future<Output = T>) -> T {
    let mut locker = app.database.owner().await;
    let mut locked = locker.begin().await.unwrap();
    sqlx::query("lock table audit_records in access exclusive mode")
        .execute(&mut *locked)
        .await
        .unwrap();
    let mut watcher = app.database.owner().await;
    let until_it_asks_for_less = async {
        loop {
            let waits: bool = sqlx::query_scalar(
                "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like '%with ends (id)%'
                    and datname = current_database() and pid <> pg_backend_pid())",
            )
            .fetch_one(&mut watcher)
            .await
            .unwrap();
            if waits {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        locked.rollback().await.unwrap();
    };
    let mut ask = std::pin::pin!(ask);
    tokio::select! {
        answer = &mut ask => answer,
        () = until_it_asks_for_less => ask.await,
    }
}

#[tokio::test]
async fn what_next_to_nothing_fits_is_found_by_looking_further_back() {
    let app = crowded().await;
    let auditor = Program::with(&app, "auditor", Role::Auditor, &["*"]).await;
    let path = format!("/audit/records?{FILTERS}");
    let first = ok(slowly(&app, auditor.get(&path)).await);
    assert_eq!(first["items"], json!([]));
    let next = first["next"].as_str().expect("it is not the last page");
    let second = ok(auditor
        .get(&format!("/audit/records?{FILTERS}&after={next}"))
        .await);
    assert_eq!(second["items"][0]["record"]["n"], 0);
    assert_eq!(
        (second["items"].as_array().unwrap().len(), &second["next"]),
        (1, &json!(null))
    );
    // One filter alone leads to its records at once.
    let many = ok(auditor.get("/audit/records?client_id=crowd").await);
    assert_eq!(many["items"].as_array().unwrap().len(), 50);
    // A page that is full before the stretch ends goes on behind its last record.
    let together = "/audit/records?client_id=crowd&type=LOGIN&limit=2";
    let page = ok(slowly(&app, auditor.get(together)).await);
    let seen = |page: &serde_json::Value| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["record"]["n"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&page), [20_020, 20_018]);
    let page = ok(auditor
        .get(&format!(
            "{together}&after={}",
            page["next"].as_str().unwrap()
        ))
        .await);
    assert_eq!(seen(&page), [20_016, 20_014]);

    // Whoever wants all of it gets it without asking again: a file, and the command line.
    let both = Query {
        client_id: Some("crowd".to_owned()),
        operator: Some("ops".to_owned()),
        ..Query::default()
    };
    let (file, manifest) = export(&app, both, Format::JsonLines).await;
    assert_eq!(manifest.records, 1, "{}", String::from_utf8_lossy(&file));
    let listed = command::run(
        &app,
        &[
            "audit",
            "list",
            "--json",
            "--client",
            "crowd",
            "--operator",
            "ops",
        ],
        "",
    )
    .await;
    assert!(
        listed.out.contains("\"n\": 0"),
        "{} {}",
        listed.out,
        listed.err
    );
}

#[tokio::test]
async fn the_console_tells_how_far_back_it_looked() {
    let app = crowded().await;
    let (mut auditor, _) = signed_in(&app, Role::Auditor).await;
    let search = auditor.follow("/admin/audit?client=crowd&operator=ops");
    slowly(&app, search).await;
    let text = auditor.page().document.text.clone();
    assert!(
        text.contains("Looked back to") && text.contains("none fits all"),
        "{text}"
    );
    let links = auditor.page().document.links.clone();
    let further = links
        .iter()
        .find(|(label, _)| label == "Look further back")
        .unwrap();
    auditor.follow(&further.1).await;
    let text = &auditor.page().document.text;
    assert!(!text.contains("Looked back to"), "{text}");
    assert_eq!(
        auditor.page().source.matches("<th scope=\"row\">").count(),
        1
    );
}
