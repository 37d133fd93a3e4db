//! `session`: browsers that are signed in.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use uuid::Uuid;

use crate::admin::page::{MOST, Wanted};
use crate::admin::sessions::{self, Whose};
use crate::cli::failure::{Failure, OK};
use crate::cli::input::phone_number;
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json, shown, table};

/// Browsers that are signed in.
#[derive(Debug, Subcommand)]
pub enum SessionCommand {
    /// List live sessions, newest first.
    #[command(
        after_help = "JSON fields: id, number (masked), operator, verified_at, clients (client_ids), opened_at, \
        idle_expires_at, expires_at."
    )]
    List {
        #[command(flatten)]
        of: Filter,
        /// The page after this one: the last id of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// Sessions at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST)))]
        limit: u16,
    },
    /// End live sessions, what was granted in them and their browsers' go-aheads.
    #[command(after_help = "JSON fields: ended (the sessions' ids).")]
    End {
        #[command(flatten)]
        of: Of,
    },
}

/// Whose sessions; everybody's if none is named.
#[derive(Args, Debug)]
#[group(required = false, multiple = false)]
pub struct Filter {
    #[command(flatten)]
    of: Option<Of>,
}

/// Whose sessions.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct Of {
    /// One session, by its id.
    #[arg(long, value_name = "ID")]
    id: Option<Uuid>,
    /// Those of one number, international: read from this file, or from standard input for -, because
    /// every user of this machine can read arguments.
    #[arg(long, value_name = "FILE")]
    number_file: Option<PathBuf>,
    /// Those that signed in to one client, by client_id.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
}

impl Of {
    fn whose(self) -> Result<Whose, Failure> {
        match (self.id, self.number_file, self.client) {
            (Some(id), ..) => Ok(Whose::One(id)),
            (None, Some(file), _) => Ok(Whose::Number(phone_number(&file)?)),
            (None, None, client) => Ok(Whose::Client(client.unwrap_or_default())),
        }
    }
}

/// Runs it.
pub async fn run(globals: &Globals, command: SessionCommand) -> Result<u8, Failure> {
    match command {
        SessionCommand::List { of, after, limit } => {
            let whose = of.of.map_or(Ok(Whose::Everyone), Of::whose)?;
            let wanted = Wanted {
                after,
                limit,
                ..Wanted::default()
            };
            list(globals, &whose, &wanted).await?;
        }
        SessionCommand::End { of } => {
            let whose = of.whose()?;
            let ended = sessions::end(&globals.office().await?.desk, &whose).await?;
            if globals.json {
                print_json(&json!({ "ended": ended }));
            } else {
                print(&format!("{} ended.", ended.len()));
            }
        }
    }
    Ok(OK)
}

async fn list(globals: &Globals, whose: &Whose, wanted: &Wanted) -> Result<(), Failure> {
    let page = sessions::page(&globals.office().await?.desk, whose, wanted).await?;
    let seen = page.items;
    if globals.json {
        let views: Vec<_> = seen
            .iter()
            .map(|(session, number)| {
                json!({
                    "id": session.id,
                    "number": number,
                    "operator": session.verdict["operator"],
                    "verified_at": session.verdict["verified_at"],
                    "clients": session.clients,
                    "opened_at": session.opened_at,
                    "idle_expires_at": session.idle_expires_at,
                    "expires_at": session.expires_at,
                })
            })
            .collect();
        print_json(&views);
        return Ok(());
    }
    let rows: Vec<_> = seen
        .iter()
        .map(|(session, number)| {
            let text = |field: &str| shown(session.verdict[field].as_str().unwrap_or_default());
            [
                session.opened_at.to_rfc3339(),
                number.clone().unwrap_or_default(),
                text("operator"),
                text("verified_at"),
                shown(&session.clients.join(" ")),
                session.id.to_string(),
            ]
        })
        .collect();
    let heading = ["opened", "number", "operator", "verified", "clients", "id"];
    print(&table(heading, &rows));
    Ok(())
}
