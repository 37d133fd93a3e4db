//! `overview`: how sign-ins go, and what needs attention.

use crate::admin::overview::{self, percent};
use crate::cli::failure::{Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{fields, print, print_json, shown, table};

/// Runs it.
pub async fn run(globals: &Globals) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let seen = overview::look(&office.desk).await?;
    if globals.json {
        print_json(&seen);
        return Ok(OK);
    }
    for note in &seen.attention {
        print(&shown(&note.says));
    }
    print(&fields(&[
        ("signed in, 24 hours", seen.signed_in.to_string()),
        ("ended without", seen.failed.to_string()),
        (
            "success",
            percent(seen.signed_in, seen.signed_in + seen.failed),
        ),
        ("apps", seen.apps.to_string()),
    ]));
    let rows: Vec<_> = seen
        .operators
        .iter()
        .map(|operator| {
            let p95 = operator.p95_ms.map(|ms| format!("{ms:.0} ms"));
            [
                operator.operator.clone(),
                operator.trips.to_string(),
                percent(operator.verified, operator.trips),
                percent(operator.faults, operator.trips),
                p95.unwrap_or_default(),
            ]
        })
        .collect();
    let heading = [
        "operator",
        "asked",
        "confirmed",
        "its faults",
        "95 of 100 within",
    ];
    print(&table(heading, &rows));
    Ok(OK)
}
