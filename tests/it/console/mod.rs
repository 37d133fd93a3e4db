//! The console over the wire, in a browser without scripts: the way in, who may do what, and what
//! staff do there.

mod apps;
mod audit;
pub mod branding;
mod company;
mod endings;
mod finder;
mod keys;
mod members;
mod networks;
mod operators;
mod pages;
mod passkeys;
mod phone_test;
mod privacy;
mod protocol;
mod recovery;
mod reference;
mod roles;
mod sessions;
mod setup;
mod sign_in;
mod tokens;
mod trials;
mod usage;

use numbercloak::admin::audit::Query;
use serde_json::Value;

use crate::support::app::App;

/// Records of what staff did, of one kind, oldest first.
async fn acts(app: &App, action: &str) -> Vec<Value> {
    let query = Query {
        kind: Some("ADMIN_EVENT".to_owned()),
        ..Query::default()
    };
    let records = app.audit(query).await;
    let acts = records.into_iter().map(|record| record.body);
    acts.filter(|act| act["details"]["action"] == action)
        .collect()
}
