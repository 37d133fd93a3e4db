//! `api-token`: what programs use the admin API with.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::admin::api_tokens::{self, ApiToken, NewToken};
use crate::admin::page::{MOST, Wanted};
use crate::cli::failure::{Failure, OK};
use crate::cli::input::{duration, word};
use crate::cli::office::Globals;
use crate::cli::output::{fields, note, print, print_json, spelt, table};
use crate::store::staff::Role;

/// Tokens of the admin API.
#[derive(Debug, Subcommand)]
pub enum ApiTokenCommand {
    /// Make a token, shown once.
    #[command(after_help = "JSON fields: id, name, token, role, scopes, expires_at.")]
    Create(Create),
    /// List tokens, the newest first; ended ones too.
    #[command(
        after_help = "JSON fields: id, name, role, scopes, created_by, created_at, expires_at, last_used_at, \
        revoked_at."
    )]
    List {
        /// Only those whose name holds this.
        #[arg(long, default_value = "")]
        search: String,
        /// The page after this one: the last id of the page before.
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// Tokens at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST)))]
        limit: u16,
    },
    /// End a token at once.
    #[command(after_help = "JSON fields: id, revoked.")]
    Revoke {
        /// Its name or id.
        token: String,
    },
}

/// `api-token create`.
#[derive(Args, Debug)]
pub struct Create {
    /// Its short name: a-z, 0-9 and -. Records call whoever uses it token:NAME.
    name: String,
    /// What it may do: clients:read, operators:*, … or * for all that its role allows. Repeat for more.
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
    /// The most it may do, as a member of staff: owner, admin, auditor or support.
    #[arg(long, value_parser = word::<Role>, default_value = "admin")]
    role: Role,
    /// How long it works, at most 732d.
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration)]
    expires: Duration,
}

/// Runs it.
pub async fn run(globals: &Globals, command: ApiTokenCommand) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let desk = &office.desk;
    match command {
        ApiTokenCommand::Create(create) => {
            let new = NewToken {
                name: create.name,
                role: create.role,
                scopes: create.scopes,
                lifetime: create.expires,
            };
            let (text, token) = api_tokens::create(desk, new, None).await?;
            if globals.json {
                let mut shown = view(&token);
                shown["token"] = json!(text);
                print_json(&shown);
            } else {
                print(&fields(&[
                    ("name", token.name),
                    ("token", text),
                    ("role", spelt(&token.role)),
                    ("scopes", token.scopes.join(" ")),
                    ("expires", token.expires_at.to_rfc3339()),
                ]));
                note("The token is shown this once.");
            }
        }
        ApiTokenCommand::List {
            search,
            after,
            limit,
        } => {
            let wanted = Wanted {
                search,
                after,
                limit,
            };
            list(globals, &api_tokens::page(desk, &wanted).await?.items);
        }
        ApiTokenCommand::Revoke { token } => {
            let id = api_tokens::revoke(desk, &token).await?;
            if globals.json {
                print_json(&json!({ "id": id, "revoked": true }));
            } else {
                print(&format!("{token} is revoked."));
            }
        }
    }
    Ok(OK)
}

fn view(token: &ApiToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "scopes": token.scopes,
        "created_by": token.created_by,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    })
}

fn list(globals: &Globals, tokens: &[ApiToken]) {
    if globals.json {
        return print_json(&tokens.iter().map(view).collect::<Vec<_>>());
    }
    let row = |token: &ApiToken| {
        let until = match token.revoked_at {
            Some(_) => "revoked".to_owned(),
            None => token.expires_at.to_rfc3339(),
        };
        [
            token.name.clone(),
            spelt(&token.role),
            token.scopes.join(" "),
            token
                .last_used_at
                .map(|at| at.to_rfc3339())
                .unwrap_or_default(),
            until,
        ]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    print(&table(
        ["name", "role", "scopes", "last used", "until"],
        &rows,
    ));
}
