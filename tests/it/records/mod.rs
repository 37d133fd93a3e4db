//! Audit records: that nothing is missing in them, that nothing personal outlives its time, that they
//! are found among millions, and that they leave whole (DESIGN.md section 7, issue 6).

mod catalogue;
mod charts;
mod exports;
mod privacy;
mod retention;
mod search;
mod streams;
mod stretches;
mod system;

use numbercloak::admin::Desk;
use numbercloak::admin::audit::Query;
use numbercloak::clock::{Clock, Time};
use numbercloak::secret::Vault;
use numbercloak::store::db::Db;
use serde_json::Value;

use crate::support::app::App;
use crate::support::database::Database;

/// Every record of an event, oldest first.
pub async fn of_kind(app: &App, kind: &str) -> Vec<Value> {
    let query = Query {
        kind: Some(kind.to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    records.into_iter().map(|record| record.body).collect()
}

/// A database without a server, and somebody who works on it.
async fn without_server() -> (Database, Db, Desk) {
    let database = Database::keyed().await;
    let db = database.open();
    let desk = Desk {
        db: db.durable().clone(),
        vault: Vault::new(std::slice::from_ref(database.root())),
        now: Clock::system().now(),
        actor: "test".to_owned(),
    };
    (database, db, desk)
}

/// A time written down.
fn at(text: &str) -> Time {
    text.parse().unwrap()
}
