//! `client initial-access-token`: what lets apps register themselves.

use std::time::Duration;

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use crate::admin::{Desk, client_registration};
use crate::cli::failure::Failure;
use crate::cli::input::duration;
use crate::cli::office::Globals;
use crate::cli::output::{fields, note, print, print_json, shown, table};
use crate::store::client_registrations::InitialAccessToken;

/// What lets apps register themselves at /register, while registration.enabled is on.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token, shown once.
    #[command(after_help = "JSON fields: id, initial_access_token, uses_left, expires_at, note.")]
    Create {
        /// How many apps it registers.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it works, at most 366d.
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
        expires: Duration,
        /// Whom it is for, for the list.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// List the tokens.
    #[command(after_help = "JSON fields: id, uses_left, created_at, expires_at, note.")]
    List,
    /// End a token. Apps that it registered stay.
    #[command(after_help = "JSON fields: id, revoked.")]
    Revoke {
        /// Its id.
        id: Uuid,
    },
}

/// Runs it.
pub async fn run(globals: &Globals, desk: &Desk, command: TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Create {
            uses,
            expires,
            note: whom,
        } => {
            let made = client_registration::create_token(desk, &whom, uses, expires).await?;
            created(globals, made.0.reveal(), &made.1);
        }
        TokenCommand::List => list(globals, &client_registration::tokens(desk).await?),
        TokenCommand::Revoke { id } => {
            client_registration::revoke_token(desk, id).await?;
            if globals.json {
                print_json(&json!({ "id": id, "revoked": true }));
            } else {
                print(&format!("{id} is revoked."));
            }
        }
    }
    Ok(())
}

fn created(globals: &Globals, token: String, row: &InitialAccessToken) {
    if globals.json {
        return print_json(&json!({
            "id": row.id,
            "initial_access_token": token,
            "uses_left": row.uses_left,
            "expires_at": row.expires_at,
            "note": row.note,
        }));
    }
    print(&fields(&[
        ("id", row.id.to_string()),
        ("token", token),
        ("uses", row.uses_left.to_string()),
        ("expires", row.expires_at.to_rfc3339()),
        ("note", shown(&row.note)),
    ]));
    note("The token is shown this once.");
}

fn list(globals: &Globals, tokens: &[InitialAccessToken]) {
    if globals.json {
        let view = |token: &InitialAccessToken| {
            json!({
                "id": token.id,
                "uses_left": token.uses_left,
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "note": token.note,
            })
        };
        return print_json(&tokens.iter().map(view).collect::<Vec<_>>());
    }
    let row = |token: &InitialAccessToken| {
        [
            token.id.to_string(),
            token.uses_left.to_string(),
            token.expires_at.to_rfc3339(),
            shown(&token.note),
        ]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    print(&table(["id", "uses left", "expires", "note"], &rows));
}
