//! `staff sessions …` and `staff passkeys …`: where staff are signed in to the console, and with what.

use clap::Subcommand;
use serde_json::json;
use uuid::Uuid;

use crate::admin::{staff, staff_passkeys, staff_sessions};
use crate::cli::failure::{Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json, shown, table};
use crate::cli::staff::say;

/// Sessions and passkeys of one account. Passkeys are added in a browser.
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// List where an account is signed in to the console.
    #[command(after_help = "JSON fields: id, browser, opened_at, seen_at.")]
    Sessions {
        /// Its address.
        email: String,
    },
    /// Sign an account out of the console, everywhere or in one session.
    #[command(after_help = "JSON fields: email, ended (how many).")]
    EndSessions {
        /// Its address.
        email: String,
        /// Only this session.
        #[arg(long)]
        id: Option<Uuid>,
    },
    /// List an account's passkeys.
    #[command(after_help = "JSON fields: id, name, created_at, used_at, revision.")]
    Passkeys {
        /// Its address.
        email: String,
    },
    /// Call a passkey something else.
    #[command(after_help = "JSON fields: id, name.")]
    RenamePasskey {
        /// The account's address.
        email: String,
        /// The passkey's id.
        id: Uuid,
        /// What it is called from now on.
        name: String,
    },
    /// Remove a passkey: it signs nobody in any more.
    #[command(after_help = "JSON fields: id, removed.")]
    RemovePasskey {
        /// The account's address.
        email: String,
        /// The passkey's id.
        id: Uuid,
    },
}

/// Runs it.
pub async fn run(globals: &Globals, command: AccessCommand) -> Result<u8, Failure> {
    let desk = &globals.office().await?.desk;
    match command {
        AccessCommand::Sessions { email } => {
            let account = staff::show(desk, &email).await?;
            let all = staff_sessions::list(desk, account.id).await?;
            if globals.json {
                let view = |one: &crate::store::staff_sessions::Seen| {
                    json!({
                        "id": one.id,
                        "browser": one.browser,
                        "opened_at": one.opened_at,
                        "seen_at": one.seen_at,
                    })
                };
                print_json(&all.iter().map(view).collect::<Vec<_>>());
            } else {
                let rows: Vec<_> = all
                    .iter()
                    .map(|one| {
                        [
                            shown(&one.browser),
                            one.opened_at.to_rfc3339(),
                            one.seen_at.to_rfc3339(),
                            one.id.to_string(),
                        ]
                    })
                    .collect();
                print(&table(["browser", "opened", "last used", "id"], &rows));
            }
        }
        AccessCommand::EndSessions { email, id } => {
            let account = staff::show(desk, &email).await?;
            let who = (account.id, account.email.as_str());
            let ended = match id {
                Some(id) => staff_sessions::end(desk, who, id).await.map(|()| 1)?,
                None => staff_sessions::end_all(desk, who, None).await?,
            };
            let told = json!({ "email": account.email, "ended": ended });
            say(globals, &told, &format!("{ended} ended."));
        }
        AccessCommand::Passkeys { email } => {
            let account = staff::show(desk, &email).await?;
            let all = staff_passkeys::list(desk, account.id).await?;
            if globals.json {
                let view = |one: &crate::store::staff_passkeys::Shown| {
                    json!({
                        "id": one.id,
                        "name": one.name,
                        "created_at": one.created_at,
                        "used_at": one.used_at,
                        "revision": one.revision,
                    })
                };
                print_json(&all.iter().map(view).collect::<Vec<_>>());
            } else {
                let rows: Vec<_> = all
                    .iter()
                    .map(|one| {
                        let used = one.used_at.map_or("never".to_owned(), |at| at.to_rfc3339());
                        [
                            shown(&one.name),
                            one.created_at.to_rfc3339(),
                            used,
                            one.id.to_string(),
                        ]
                    })
                    .collect();
                print(&table(["name", "added", "last used", "id"], &rows));
            }
        }
        AccessCommand::RenamePasskey { email, id, name } => {
            let account = staff::show(desk, &email).await?;
            staff_passkeys::rename(desk, (account.id, &account.email), id, &name, None).await?;
            let told = json!({ "id": id, "name": name.trim() });
            say(globals, &told, "It is called so.");
        }
        AccessCommand::RemovePasskey { email, id } => {
            let account = staff::show(desk, &email).await?;
            staff_passkeys::remove(desk, (account.id, &account.email), id).await?;
            let told = json!({ "id": id, "removed": true });
            say(globals, &told, "It signs nobody in any more.");
        }
    }
    Ok(OK)
}
