//! The log that audit records are sealed in: complete, in order, and not to be changed unseen.

mod crash;
mod daily;
mod exported;
mod manifests;
mod offline;
mod outside;
mod power;
mod restores;
mod retired;
mod sealing;
mod tampering;
mod tiles;

use numbercloak::clock::{Clock, Time};
use numbercloak::ledger::note::{Checkpoint, Verifier};
use numbercloak::ledger::public_key;
use numbercloak::ledger::verify::database::{self, Given};
use numbercloak::ledger::verify::{Report, What};
use numbercloak::secret::Vault;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::app::App;
use crate::support::database::Database;

/// What a verification is given besides the database.
#[derive(Default)]
struct Against {
    outside: Vec<Checkpoint>,
    known_losses: Vec<String>,
    now: Option<Time>,
}

fn vault(database: &Database) -> Vault {
    Vault::new(std::slice::from_ref(database.root()))
}

/// The public key of a database's log.
async fn key(database: &Database) -> Verifier {
    let db = database.open();
    let key = public_key(&db, &vault(database), Clock::system().now()).await;
    db.close().await;
    key.unwrap()
}

/// Verifies a database.
async fn verify(database: &Database, against: Against) -> Report {
    let (vault, key) = (vault(database), key(database).await);
    let given = Given {
        vault: &vault,
        key: &key,
        outside: against
            .outside
            .into_iter()
            .map(|one| ("a drawer".to_owned(), one))
            .collect(),
        known_losses: against.known_losses,
        pause: std::time::Duration::ZERO,
        now: against.now.unwrap_or_else(|| Clock::system().now()),
    };
    let mut connection = superuser(database).await;
    database::verify(&mut connection, &given).await.unwrap()
}

/// The last checkpoint of the current log.
async fn latest(database: &Database) -> Checkpoint {
    let mut owner = database.owner().await;
    let note: String = sqlx::query_scalar(
        "select c.note from log_checkpoints c join logs l on l.id = c.log
        where l.ended_at is null order by c.size desc limit 1",
    )
    .fetch_one(&mut owner)
    .await
    .unwrap();
    Checkpoint::open(&note, &key(database).await).unwrap()
}

async fn superuser(database: &Database) -> PgConnection {
    PgConnection::connect(&database.superuser_url())
        .await
        .unwrap()
}

async fn run(connection: &mut PgConnection, sql: &str) -> u64 {
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection);
    done.await
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
        .rows_affected()
}

/// What a report found, each once.
fn found(report: &Report) -> Vec<What> {
    let mut found: Vec<What> = Vec::new();
    for finding in &report.findings {
        if !found.contains(&finding.what) {
            found.push(finding.what);
        }
    }
    found
}

/// Keeps servers from sealing until the connection that is returned ends: the sealer's lock is a courtesy.
async fn sealing_stops(app: &App) -> PgConnection {
    let mut connection = superuser(&app.database).await;
    run(&mut connection, "select pg_advisory_lock(1818191461)").await;
    connection
}

/// The sealed records of a type, in their order.
async fn sealed_of(database: &Database, kind: &str) -> Vec<Value> {
    let mut owner = database.owner().await;
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar(
        "select r.body from audit_records r join log_leaves l on l.record_id = r.id
        where r.type = $1 order by l.log, l.leaf",
    )
    .bind(kind)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let parsed = bodies
        .iter()
        .map(|body| serde_json::from_slice(body).unwrap());
    parsed.collect()
}
