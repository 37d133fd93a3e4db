//! `number`: what staff do to a phone number.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::admin::numbers;
use crate::cli::failure::{Failure, OK};
use crate::cli::input::phone_number;
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json};

/// What staff do to a phone number.
#[derive(Debug, Subcommand)]
pub enum NumberCommand {
    /// The number belongs to somebody else now: its next sign-in gets a new sub at every app;
    /// sessions, codes, tokens and go-aheads of the owner before end. Cannot be taken back.
    #[command(
        after_help = "JSON fields: from, to (the number's epoch), sessions, grants, go_aheads (how many ended)."
    )]
    NewOwner {
        /// The number, international: read from this file, or from standard input for -, because
        /// every user of this machine can read arguments.
        #[arg(long, value_name = "FILE")]
        number_file: PathBuf,
        /// Why; kept in the audit record. Name no person.
        #[arg(long)]
        reason: String,
    },
}

/// Runs it.
pub async fn run(globals: &Globals, command: NumberCommand) -> Result<u8, Failure> {
    let NumberCommand::NewOwner {
        number_file,
        reason,
    } = command;
    let number = phone_number(&number_file)?;
    let office = globals.office().await?;
    let moved = numbers::new_owner(&office.desk, &number, &reason).await?;
    if globals.json {
        print_json(&json!({
            "from": moved.from,
            "to": moved.to,
            "sessions": moved.sessions,
            "grants": moved.grants,
            "go_aheads": moved.go_aheads,
        }));
    } else {
        print(&format!(
            "The number is in epoch {} now. Ended: {} sessions, {} grants, {} go-aheads.",
            moved.to, moved.sessions, moved.grants, moved.go_aheads
        ));
    }
    Ok(OK)
}
