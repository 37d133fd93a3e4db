//! `staff views …`: searches of records that a member of staff finds saved in the console.

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use crate::admin::{audit_views, staff};
use crate::cli::failure::{Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json, shown, table};
use crate::cli::staff::say;

/// Saved searches of one account.
#[derive(Debug, Subcommand)]
pub enum ViewsCommand {
    /// List the searches of records that an account saved.
    #[command(after_help = "JSON fields: id, name, filters, created_at.")]
    Views {
        /// Its address.
        email: String,
    },
    /// Save a search of records for an account.
    #[command(after_help = "JSON fields: id, name, filters, created_at.")]
    SaveView {
        /// Its address.
        email: String,
        /// What it is called.
        #[arg(long)]
        name: String,
        /// As in the console's address: client=shop&since=7d. There are reference, login, client, operator,
        /// outcome, type, actor, since and until; numbers and networks are not saved.
        #[arg(long, value_name = "QUERY")]
        filters: String,
    },
    /// Remove a saved search.
    #[command(after_help = "JSON fields: id, removed.")]
    RemoveView {
        /// The account's address.
        email: String,
        /// The search's id.
        id: Uuid,
    },
}

/// Runs it.
pub async fn run(globals: &Globals, command: ViewsCommand) -> Result<u8, Failure> {
    let desk = &globals.office().await?.desk;
    match command {
        ViewsCommand::Views { email } => {
            let account = staff::show(desk, &email).await?;
            let all = audit_views::list(desk, account.id).await?;
            if globals.json {
                print_json(&all.iter().map(told).collect::<Vec<_>>());
            } else {
                let row = |view: &audit_views::View| {
                    [shown(&view.name), shown(&view.filters), view.id.to_string()]
                };
                let rows: Vec<_> = all.iter().map(row).collect();
                print(&table(["name", "filters", "id"], &rows));
            }
        }
        ViewsCommand::SaveView {
            email,
            name,
            filters,
        } => {
            let account = staff::show(desk, &email).await?;
            let who = (account.id, account.email.as_str());
            let view = audit_views::save_for(desk, who, &name, &filters).await?;
            say(globals, &told(&view), "It is saved.");
        }
        ViewsCommand::RemoveView { email, id } => {
            let account = staff::show(desk, &email).await?;
            audit_views::remove(desk, account.id, id).await?;
            let told = json!({ "id": id, "removed": true });
            say(globals, &told, "It is removed.");
        }
    }
    Ok(OK)
}

fn told(view: &audit_views::View) -> serde_json::Value {
    json!({
        "id": view.id,
        "name": view.name,
        "filters": view.filters,
        "created_at": view.created_at,
    })
}
