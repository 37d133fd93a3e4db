//! `usage`: what operators charge for.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::admin::usage;
use crate::cli::failure::{Failure, OK};
use crate::cli::input::{When, when};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json, table};

/// Calls of a month.
const MONTH: Duration = Duration::from_secs(30 * 24 * 3600);

/// `usage`.
#[derive(Args, Debug)]
pub struct Usage {
    /// From the day of: 2026-07-01T00:00:00Z, or how long ago: 7d. 30 days if left out.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
    /// To the day of, as --since; today if left out.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,
    /// One client, by client_id.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// One operator, by alias.
    #[arg(long, value_name = "ALIAS")]
    operator: Option<String>,
}

/// Runs it.
pub async fn run(globals: &Globals, options: Usage) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let now = office.desk.now;
    let since = options.since.unwrap_or(When::Ago(MONTH)).resolve(now);
    let until = options.until.map_or(now, |when| when.resolve(now));
    let mut used = usage::list(&office.desk, since.date_naive(), until.date_naive()).await?;
    used.retain(|row| {
        let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|w| w == has);
        is(&options.client, &row.client_id) && is(&options.operator, &row.operator)
    });
    if globals.json {
        let rows: Vec<_> = used
            .iter()
            .map(|row| {
                json!({
                    "day": row.day,
                    "client_id": row.client_id,
                    "operator": row.operator,
                    "call": row.call,
                    "billable": row.billable,
                    "unsure": row.unsure,
                })
            })
            .collect();
        print_json(&rows);
        return Ok(OK);
    }
    let rows: Vec<_> = used
        .iter()
        .map(|row| {
            [
                row.day.to_string(),
                row.client_id.clone(),
                row.operator.clone(),
                row.call.clone(),
                row.billable.to_string(),
                row.unsure.to_string(),
            ]
        })
        .collect();
    print(&table(
        ["day", "client", "operator", "call", "billable", "unsure"],
        &rows,
    ));
    Ok(OK)
}
