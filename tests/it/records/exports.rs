//! What leaves as a file: whole, provable, harmless in a spreadsheet, and on record.

use numbercloak::admin::audit::Query;
use numbercloak::admin::clients;
use numbercloak::admin::exports::{self, ExportError, Format};
use numbercloak::secret::{from_b64, sha256};
use serde_json::Value;

use super::of_kind;
use crate::support::app::{App, NUMBER, new_client};
use crate::support::rp::Wish;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An export of everything: the file and its manifest.
pub(super) async fn export(
    app: &App,
    query: Query,
    format: Format,
) -> (Vec<u8>, exports::Manifest) {
    let mut file = Vec::new();
    let done = exports::run(&app.desk(), &app.clock, query, format, "file", &mut file).await;
    (file, done.unwrap())
}

#[tokio::test]
async fn lines_of_json_hold_the_exact_bytes_and_the_manifest_tells_whether_the_file_is_whole() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.clock.advance(std::time::Duration::from_secs(1));
    let (file, manifest) = export(&app, Query::default(), Format::JsonLines).await;
    assert_eq!(manifest.sha256, hex(&sha256(&file)));
    let text = String::from_utf8(file).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(i64::try_from(lines.len()).unwrap(), manifest.records);
    assert!(!text.contains(&NUMBER[1..]));
    let mut kinds = Vec::new();
    for line in &lines {
        let body = line["body"].as_str().unwrap();
        let mac = from_b64(line["mac"].as_str().unwrap()).unwrap();
        let key = line["mac_key_id"].as_str().unwrap();
        let vault = &app.state().vault;
        assert!(vault.audit_mac_is_valid(key, body.as_bytes(), &mac));
        let body: Value = serde_json::from_str(body).unwrap();
        kinds.push(body["type"].as_str().unwrap().to_owned());
    }
    for kind in [
        "LOGIN_STARTED",
        "NUMBER_VERIFIED",
        "LOGIN",
        "CODE_TO_TOKEN",
        "ADMIN_EVENT",
    ] {
        assert!(kinds.iter().any(|k| k == kind), "{kind}");
    }
    // Newest first.
    assert_eq!(manifest.told["last"], lines.last().unwrap()["id"]);
    let acts = of_kind(&app, "ADMIN_EVENT").await;
    let end = acts
        .iter()
        .find(|act| act["details"]["action"] == "end")
        .unwrap();
    assert_eq!(end["details"]["sha256"], manifest.sha256.as_str());
    assert_eq!(end["resource_id"], manifest.id.to_string());
    assert!(acts.iter().any(|act| act["details"]["action"] == "begin"));
}

#[tokio::test]
async fn a_table_has_a_line_a_record_and_no_formula() {
    let app = App::start().await;
    let evil = "=cmd|'/C calc'!A0";
    // Nobody can register such a client_id; whoever can write to the database can.
    let mut owner = app.database.owner().await;
    sqlx::query(
        "insert into audit_records (id, at, type, client_id, body, mac, mac_key_id)
        select uuid_floor(now() - interval '1 day'), now() - interval '1 day', 'LOGIN', $1,
            convert_to(jsonb_build_object('type', 'LOGIN', 'client_id', $1::text)::text, 'UTF8'), '', 'k'",
    )
    .bind(evil)
    .execute(&mut owner)
    .await
    .unwrap();
    clients::create(&app.desk(), new_client("other"))
        .await
        .unwrap();
    let query = Query {
        client_id: Some(evil.to_owned()),
        ..Query::default()
    };
    let (file, manifest) = export(&app, query, Format::Csv).await;
    assert_eq!(manifest.records, 1);
    let mut reader = csv::Reader::from_reader(file.as_slice());
    let heading = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    let column = heading.iter().position(|name| name == "client_id").unwrap();
    assert_eq!(&rows[0][column], format!("'{evil}"));
    let authentic = heading.iter().position(|name| name == "authentic").unwrap();
    assert_eq!(&rows[0][authentic], "false");
    for cell in &rows[0] {
        assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
    }
}

#[tokio::test]
async fn more_than_a_page_is_exported_once_each() {
    let app = App::start().await;
    let mut owner = app.database.owner().await;
    sqlx::query(
        "insert into audit_records (id, at, type, client_id, body, mac, mac_key_id)
        select (left(uuid_floor(at)::text, 24) || lpad(to_hex(n), 12, '0'))::uuid, at, 'LOGIN', 'many',
            convert_to('{\"n\":' || n || '}', 'UTF8'), '', 'k'
        from (select n, now() - make_interval(secs => 60 + n / 10) as at from generate_series(1, 2500) n) m",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let query = Query {
        client_id: Some("many".to_owned()),
        ..Query::default()
    };
    let (file, manifest) = export(&app, query, Format::JsonLines).await;
    let text = String::from_utf8(file).unwrap();
    let mut seen: Vec<i64> = text
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let body: Value = serde_json::from_str(line["body"].as_str().unwrap()).unwrap();
            body["n"].as_i64().unwrap()
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=2500).collect::<Vec<_>>());
    assert_eq!(manifest.records, 2500);
    let row = &exports::list(&app.desk(), 1).await.unwrap()[0];
    assert_eq!(
        (row.state.as_str(), row.percent, row.written),
        ("done", 100, 2500)
    );
    assert_eq!(row.sha256.as_deref().map(hex), Some(manifest.sha256));
}

/// Stops the export whose first page it is given.
struct Stopper {
    database: String,
    bytes: usize,
}

impl tokio::io::AsyncWrite for Stopper {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        text: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let database = self.database.clone();
        let cancelled = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                use sqlx::Connection as _;
                let mut owner = sqlx::PgConnection::connect(&database).await.unwrap();
                sqlx::query("update record_exports set cancel = true")
                    .execute(&mut owner)
                    .await
                    .unwrap();
            });
        });
        cancelled.join().unwrap();
        self.bytes += text.len();
        std::task::Poll::Ready(Ok(text.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn an_export_stops_at_its_next_page_when_somebody_wants_it_to() {
    let app = App::start().await;
    app.sign_in(&mut app.browser(), &Wish::of(NUMBER)).await;
    app.clock.advance(std::time::Duration::from_secs(1));
    let mut sink = Stopper {
        database: app.database.owner_url(),
        bytes: 0,
    };
    let query = Query::default();
    let done = exports::run(&app.desk(), &app.clock, query, Format::Csv, "x", &mut sink).await;
    assert!(matches!(done, Err(ExportError::Cancelled)), "{done:?}");
    assert!(sink.bytes > 0);
    let row = &exports::list(&app.desk(), 1).await.unwrap()[0];
    assert_eq!(row.state, "cancelled");
    assert_eq!(row.sha256, None);
    // One that does not run cannot be stopped.
    assert!(exports::cancel(&app.desk(), row.id).await.is_err());
}
