//! `privacy`: what people may ask of us about their number.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::admin::privacy;
use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::input::phone_number;
use crate::cli::office::Globals;
use crate::cli::output::{note, print, print_json};

/// What people may ask of us about their number.
#[derive(Debug, Subcommand)]
pub enum PrivacyCommand {
    /// Print everything that is kept about a number, as JSON, to be handed to its owner.
    #[command(
        after_help = "JSON fields: number, exported_at, records (id, record, personal: number, address, user_agent; \
        under_legal_hold), and where there are any: sessions, grants, go_aheads, legs, epochs, pushed_requests."
    )]
    Export {
        /// The number, international: read from this file, or from standard input for -, because
        /// every user of this machine can read arguments.
        #[arg(long = "number", value_name = "FILE")]
        number_file: PathBuf,
    },
    /// Erase what is personal about a number and end what lives of it. Exit code 1 if a legal hold
    /// keeps some of it. Cannot be taken back.
    #[command(
        after_help = "JSON fields: parts (personal parts of records that went), held (that stay because of a legal \
        hold), rows (sessions, grants, go_aheads, logins, legs, pushed_requests), records (the audit records that list \
        what went)."
    )]
    Erase {
        /// The number, international: read from this file, or from standard input for -, because
        /// every user of this machine can read arguments.
        #[arg(long = "number", value_name = "FILE")]
        number_file: PathBuf,
        /// The number of the request in your own files; kept in the audit record. Name no person.
        #[arg(long)]
        ticket: Option<String>,
    },
    /// Hash numbers anew under the active root key, while the servers run; as often as you like.
    #[command(
        after_help = "JSON fields: parts, rows (how many were moved), parts_left, epochs_left (that still need an \
        earlier root key)."
    )]
    Rekey,
}

/// Runs it.
pub async fn run(globals: &Globals, command: PrivacyCommand) -> Result<u8, Failure> {
    match command {
        PrivacyCommand::Export { number_file } => {
            let number = phone_number(&number_file)?;
            let office = globals.office().await?;
            print_json(&privacy::export(&office.desk, &number).await?);
        }
        PrivacyCommand::Erase {
            number_file,
            ticket,
        } => {
            let number = phone_number(&number_file)?;
            let office = globals.office().await?;
            let erased = privacy::erase(&office.desk, &number, ticket.as_deref()).await?;
            if globals.json {
                print_json(&json!({
                    "parts": erased.parts,
                    "held": erased.held,
                    "rows": erased.rows,
                    "records": erased.records,
                }));
            } else {
                let rows: i64 = erased.rows.values().sum();
                print(&format!(
                    "Erased: {} personal parts of records, {rows} other rows.",
                    erased.parts
                ));
            }
            if erased.held > 0 {
                note(&format!(
                    "{} personal parts stay because of a legal hold. Erase again once it is released.",
                    erased.held
                ));
                return Ok(FINDING);
            }
        }
        PrivacyCommand::Rekey => {
            let office = globals.office().await?;
            let done = privacy::rekey(&office.desk).await?;
            if globals.json {
                print_json(&json!({
                    "parts": done.parts,
                    "rows": done.rows,
                    "parts_left": done.parts_left,
                    "epochs_left": done.epochs_left,
                }));
            } else {
                print(&format!(
                    "Moved: {} personal parts of records, {} other rows. Left under earlier root keys: {} parts, {} \
                     numbers that changed hands.",
                    done.parts, done.rows, done.parts_left, done.epochs_left
                ));
            }
        }
    }
    Ok(OK)
}
