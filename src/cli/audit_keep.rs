//! `audit keep`: how long records stay, and legal holds.

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use crate::admin::retention::{self, Standing};
use crate::cli::failure::{Failure, OK};
use crate::cli::input::{When, when};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json, shown, table};

/// How long records stay, and legal holds.
#[derive(Debug, Subcommand)]
pub enum KeepCommand {
    /// List the months there are, and which of them the server drops next.
    #[command(
        after_help = "JSON fields: a list of table, month, from, until, standing (kept, held, unsealed, due)."
    )]
    Months,
    /// List legal holds, newest first.
    #[command(
        after_help = "JSON fields: a list of id, from, until, reason, placed_by, placed_at, released_by, released_at."
    )]
    Holds,
    /// Keep the records of a time, and what is personal in them, until the hold is released.
    #[command(after_help = "JSON fields: id.")]
    Hold {
        /// Records not older than this: 2026-07-01T08:00:00Z, or how long ago: 2h, 7d.
        #[arg(long, value_name = "WHEN", value_parser = when)]
        from: When,
        /// And older than this, as --from.
        #[arg(long, value_name = "WHEN", value_parser = when)]
        until: When,
        /// Why; kept in the audit record. Name no person.
        #[arg(long)]
        reason: String,
    },
    /// Release a legal hold.
    #[command(after_help = "JSON fields: id, released.")]
    Release {
        /// The hold.
        id: Uuid,
        /// Why; kept in the audit record.
        #[arg(long)]
        reason: String,
    },
}

/// Runs it.
pub async fn run(globals: &Globals, command: KeepCommand) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let desk = &office.desk;
    match command {
        KeepCommand::Months => {
            let months = retention::months(desk, &office.tools.retention).await?;
            if globals.json {
                let views: Vec<_> = months
                    .iter()
                    .map(|(month, standing)| {
                        json!({
                            "table": month.table,
                            "month": month.first.format("%Y-%m").to_string(),
                            "from": month.from,
                            "until": month.until,
                            "standing": standing.as_str(),
                        })
                    })
                    .collect();
                print_json(&views);
            } else {
                let row = |(month, standing): &(retention::Month, Standing)| {
                    [
                        month.first.format("%Y-%m").to_string(),
                        month.table.clone(),
                        standing.as_str().to_owned(),
                    ]
                };
                let rows: Vec<_> = months.iter().map(row).collect();
                print(&table(["month", "table", "standing"], &rows));
            }
        }
        KeepCommand::Holds => {
            let holds = retention::holds(desk).await?;
            if globals.json {
                let views: Vec<_> = holds
                    .iter()
                    .map(|hold| {
                        json!({
                            "id": hold.id,
                            "from": hold.from,
                            "until": hold.until,
                            "reason": hold.reason,
                            "placed_by": hold.placed_by,
                            "placed_at": hold.placed_at,
                            "released_by": hold.released_by,
                            "released_at": hold.released_at,
                        })
                    })
                    .collect();
                print_json(&views);
            } else {
                let rows: Vec<_> = holds
                    .iter()
                    .map(|hold| {
                        let released = hold.released_at.map(|at| at.to_rfc3339());
                        [
                            hold.from.to_rfc3339(),
                            hold.until.to_rfc3339(),
                            shown(&hold.placed_by),
                            released.unwrap_or_else(|| "lies".to_owned()),
                            hold.id.to_string(),
                            shown(&hold.reason),
                        ]
                    })
                    .collect();
                let heading = ["from", "until", "placed by", "released", "id", "reason"];
                print(&table(heading, &rows));
            }
        }
        KeepCommand::Hold {
            from,
            until,
            reason,
        } => {
            let (from, until) = (from.resolve(desk.now), until.resolve(desk.now));
            let hold = retention::hold(desk, from, until, &reason).await?;
            if globals.json {
                print_json(&json!({ "id": hold.id }));
            } else {
                print(&format!("Held until released: {}", hold.id));
            }
        }
        KeepCommand::Release { id, reason } => {
            retention::release(desk, id, &reason).await?;
            if globals.json {
                print_json(&json!({ "id": id, "released": true }));
            } else {
                print("Released.");
            }
        }
    }
    Ok(OK)
}
