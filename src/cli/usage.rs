//! `usage`: what operators charge for.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::admin::usage::{self, Day, QuotaUse, Span};
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
    /// Print a table for spreadsheets.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Instead, the monthly quotas that are set, and what was used of them this month.
    #[arg(long, conflicts_with_all = ["since", "until", "client", "operator", "csv"])]
    quotas: bool,
}

/// Runs it.
pub async fn run(globals: &Globals, options: Usage) -> Result<u8, Failure> {
    let office = globals.office().await?;
    if options.quotas {
        show_quotas(globals, &usage::quotas(&office.desk).await?);
        return Ok(OK);
    }
    let now = office.desk.now;
    let since = options.since.unwrap_or(When::Ago(MONTH)).resolve(now);
    let until = options.until.map_or(now, |when| when.resolve(now));
    let span = Span {
        client_id: options.client,
        operator: options.operator,
        ..Span::of(since.date_naive(), until.date_naive())
    };
    let days = usage::report(&office.desk, &span).await?;
    if options.csv {
        print(&String::from_utf8_lossy(&usage::csv(&days)));
    } else if globals.json {
        print_json(&days);
    } else {
        show(&days);
    }
    Ok(OK)
}

fn show(days: &[Day]) {
    let row = |day: &Day| {
        let kinds = day.calls.iter();
        let kinds: Vec<_> = kinds.map(|(call, n)| format!("{call} {n}")).collect();
        [
            day.day.to_string(),
            day.client_id.clone(),
            day.operator.clone(),
            day.verifications.to_string(),
            day.verified.to_string(),
            day.billable.to_string(),
            day.unsure.to_string(),
            kinds.join(", "),
        ]
    };
    let rows: Vec<_> = days.iter().map(row).collect();
    let heading = [
        "day",
        "client",
        "operator",
        "verifications",
        "verified",
        "billable",
        "unsure",
        "calls",
    ];
    print(&table(heading, &rows));
}

fn show_quotas(globals: &Globals, quotas: &[QuotaUse]) {
    if globals.json {
        let view = |row: &QuotaUse| json!({ "subject": row.subject, "name": row.name, "quota": row.quota, "used": row.used });
        return print_json(&quotas.iter().map(view).collect::<Vec<_>>());
    }
    let row = |row: &QuotaUse| {
        [
            row.subject.clone(),
            row.name.clone(),
            row.used.to_string(),
            row.quota.to_string(),
        ]
    };
    let rows: Vec<_> = quotas.iter().map(row).collect();
    print(&table(["of", "name", "used this month", "quota"], &rows));
}
