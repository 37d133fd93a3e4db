//! `operator finder`: the service that is asked which operator a number is with.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::admin::Desk;
use crate::admin::finder;
use crate::cli::failure::{Failure, OK};
use crate::cli::input::{secret, word};
use crate::cli::office::Globals;
use crate::cli::output::{fields, print, print_json, spelt};
use crate::store::finder::{Finder, FinderAuth, Settings};

const JSON_FIELDS: &str = "JSON fields: settings (url, auth, token_endpoint, client_id, scope, timeout_ms, prefixes), \
has_secret, managed_by (whose file it is kept as), revision, updated_at; or null.";

/// The service that is asked which operator a number is with, where our own rules do not tell.
#[derive(Debug, Subcommand)]
pub enum FinderCommand {
    /// Set it, or change it; what is not named stays.
    #[command(after_help = JSON_FIELDS)]
    Set(Box<Contract>),
    /// Show it, without its secret.
    #[command(after_help = JSON_FIELDS)]
    Show,
    /// Ask none.
    #[command(after_help = "JSON fields: removed.")]
    Remove,
}

/// `operator finder set`.
#[derive(Args, Debug)]
pub struct Contract {
    /// Where it is asked, the whole of it: https://finder.example/telco-finder/v1/search.
    #[arg(long)]
    url: Option<String>,
    /// How we authenticate there: none, basic, bearer or client_credentials.
    #[arg(long, value_name = "METHOD", value_parser = word::<FinderAuth>)]
    auth: Option<FinderAuth>,
    /// Where the token is fetched, for client_credentials.
    #[arg(long, value_name = "URL")]
    token_endpoint: Option<String>,
    /// Who we are to it.
    #[arg(long)]
    client_id: Option<String>,
    /// The scope of the token, for client_credentials.
    #[arg(long)]
    scope: Option<String>,
    /// Milliseconds for one look-up in all.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Tell it only numbers that start so, country code first: 34. Repeat for more; all if left out.
    #[arg(long = "prefix", value_name = "DIGITS")]
    prefixes: Vec<String>,
    /// File with the secret or token it gave us; - for standard input.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Runs it.
pub async fn run(globals: &Globals, desk: &Desk, command: FinderCommand) -> Result<u8, Failure> {
    match command {
        FinderCommand::Set(contract) => {
            let before = finder::show(desk).await?;
            let seen = before.as_ref().map_or(0, |known| known.revision);
            let settings = contract.over(before.map(|known| known.settings).unwrap_or_default());
            let given = contract.secret_file.as_deref().map(secret).transpose()?;
            let known = finder::put(desk, settings, given.as_ref(), (Some(seen), None)).await?;
            show(globals, Some(&known));
        }
        FinderCommand::Show => show(globals, finder::show(desk).await?.as_ref()),
        FinderCommand::Remove => {
            let removed = finder::remove(desk).await?;
            if globals.json {
                print_json(&json!({ "removed": removed }));
            } else {
                print("No telco finder is asked.");
            }
        }
    }
    Ok(OK)
}

impl Contract {
    fn over(&self, before: Settings) -> Settings {
        Settings {
            url: self.url.clone().unwrap_or(before.url),
            auth: self.auth.unwrap_or(before.auth),
            token_endpoint: self.token_endpoint.clone().or(before.token_endpoint),
            client_id: self.client_id.clone().or(before.client_id),
            scope: self.scope.clone().or(before.scope),
            timeout_ms: self.timeout_ms.unwrap_or(before.timeout_ms),
            prefixes: if self.prefixes.is_empty() {
                before.prefixes
            } else {
                self.prefixes.clone()
            },
        }
    }
}

fn show(globals: &Globals, finder: Option<&Finder>) {
    if globals.json {
        return print_json(&finder.map(|finder| {
            json!({
                "settings": finder.settings,
                "has_secret": finder.sealed_credentials.is_some(),
                "managed_by": finder.managed_by,
                "revision": finder.revision,
                "updated_at": finder.updated_at,
            })
        }));
    }
    let Some(finder) = finder else {
        return print("No telco finder is asked.");
    };
    let settings = &finder.settings;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let sealed = finder.sealed_credentials.is_some();
    print(&fields(&[
        ("URL", settings.url.clone()),
        ("authentication", spelt(&settings.auth)),
        ("token endpoint", text(&settings.token_endpoint)),
        ("client_id there", text(&settings.client_id)),
        ("scope", text(&settings.scope)),
        ("time limit", format!("{} ms", settings.timeout_ms)),
        ("prefixes", settings.prefixes.join(" ")),
        ("secret", if sealed { "sealed" } else { "" }.to_owned()),
    ]));
}
