//! `audit unmask`.

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use crate::admin::audit;
use crate::cli::failure::{Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{fields, print, print_json, shown};

/// `audit unmask`.
#[derive(Args, Debug)]
pub struct Unmask {
    /// The record: the `txn` of an ID token, or an id of `audit list`.
    record: Uuid,
    /// Why; kept in the audit record. Name no person.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Runs it. The right to it is the root key that every command needs.
pub async fn run(globals: &Globals, unmask: &Unmask) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let personal = audit::unmask(&office.desk, unmask.record, &unmask.reason).await?;
    if globals.json {
        print_json(&json!({
            "number": personal.number,
            "address": personal.address,
            "user_agent": personal.user_agent,
        }));
    } else {
        let text = |value: Option<String>| value.map_or_else(|| "none".to_owned(), |v| shown(&v));
        print(&fields(&[
            ("number", text(personal.number)),
            ("address", text(personal.address)),
            ("user agent", text(personal.user_agent)),
        ]));
    }
    Ok(OK)
}
