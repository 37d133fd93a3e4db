//! `staff`: admins and auditors.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::admin::staff::{self, SetupLink};
use crate::admin::unmask_rights;
use crate::cli::failure::{CONFIG, Failure, OK};
use crate::cli::input::word;
use crate::cli::office::{Globals, Office};
use crate::cli::output::{fields, note, print, print_json, shown, spelt, table};
use crate::cli::staff_access::{self, AccessCommand};
use crate::cli::staff_views::{self, ViewsCommand};
use crate::store::staff::Role;

const LINK_FIELDS: &str = "JSON fields: email (null: the first owner), setup_url, expires_at.";

/// Admins and auditors.
#[derive(Debug, Subcommand)]
pub enum StaffCommand {
    /// Make an account and print the link by which its owner sets a password.
    #[command(after_help = LINK_FIELDS)]
    Create {
        /// The address it signs in with.
        email: String,
        /// owner (everything), admin (clients and operators), auditor (reads records) or support
        /// (finds one login).
        #[arg(long, value_parser = word::<Role>)]
        role: Role,
    },
    /// List the accounts.
    #[command(
        after_help = "JSON fields: email, role, ready (has a password), may_unmask (sees numbers in full), disabled_at, \
        created_at, revision."
    )]
    List,
    /// Lock an account out.
    #[command(after_help = "JSON fields: email, disabled.")]
    Disable {
        /// Its address.
        email: String,
    },
    /// Let an account that was locked out sign in again.
    #[command(after_help = "JSON fields: email, disabled.")]
    Enable {
        /// Its address.
        email: String,
    },
    /// Give an account another role. Its sessions end.
    #[command(after_help = "JSON fields: email, role.")]
    SetRole {
        /// Its address.
        email: String,
        /// owner, admin, auditor or support.
        #[arg(value_parser = word::<Role>)]
        role: Role,
    },
    /// Let an auditor see numbers and addresses of records in full, each time with a reason; or no more.
    #[command(after_help = "JSON fields: email, may_unmask.")]
    Unmask {
        /// Its address.
        email: String,
        /// yes or no.
        #[arg(action = clap::ArgAction::Set, value_parser = yes_or_no)]
        may: bool,
    },
    #[command(flatten)]
    Access(AccessCommand),
    #[command(flatten)]
    Views(ViewsCommand),
    /// Print a link that sets an account's password, once, within 60 minutes.
    #[command(after_help = LINK_FIELDS)]
    SetupLink {
        /// The account's address; left out, the link makes the first owner.
        email: Option<String>,
    },
}

/// Runs it.
pub async fn run(globals: &Globals, command: StaffCommand) -> Result<u8, Failure> {
    match command {
        StaffCommand::Create { email, role } => {
            let office = globals.office_with_issuer().await?;
            let link = staff::create(&office.desk, &email, role).await?;
            print_link(globals, &office, &link)?;
        }
        StaffCommand::SetupLink { email } => {
            let office = globals.office_with_issuer().await?;
            let link = staff::setup_link(&office.desk, email.as_deref()).await?;
            print_link(globals, &office, &link)?;
        }
        StaffCommand::List => {
            let accounts = staff::list(&globals.office().await?.desk).await?;
            if globals.json {
                let views: Vec<_> = accounts
                    .iter()
                    .map(|account| {
                        json!({
                            "email": account.email,
                            "role": account.role,
                            "ready": account.ready,
                            "may_unmask": account.role == Role::Owner || account.may_unmask,
                            "disabled_at": account.disabled_at,
                            "created_at": account.created_at,
                            "revision": account.revision,
                        })
                    })
                    .collect();
                print_json(&views);
            } else {
                let row = |account: &crate::store::staff::Staff| {
                    let state = match (account.disabled_at, account.ready) {
                        (Some(_), _) => "disabled",
                        (None, false) => "waits for its setup link",
                        (None, true) => "",
                    };
                    [
                        shown(&account.email),
                        spelt(&account.role),
                        state.to_owned(),
                    ]
                };
                let rows: Vec<_> = accounts.iter().map(row).collect();
                print(&table(["email", "role", "state"], &rows));
            }
        }
        StaffCommand::Disable { email } => {
            staff::disable(&globals.office().await?.desk, &email).await?;
            let told = json!({ "email": email, "disabled": true });
            say(globals, &told, &format!("{email} is disabled."));
        }
        StaffCommand::Enable { email } => {
            staff::enable(&globals.office().await?.desk, &email).await?;
            let told = json!({ "email": email, "disabled": false });
            say(globals, &told, &format!("{email} may sign in again."));
        }
        StaffCommand::SetRole { email, role } => {
            staff::set_role(&globals.office().await?.desk, &email, role, None).await?;
            let told = json!({ "email": email, "role": role });
            let says = format!("{email} is {} from now on.", spelt(&role));
            say(globals, &told, &says);
        }
        StaffCommand::Unmask { email, may } => {
            unmask_rights::set(&globals.office().await?.desk, &email, may, None).await?;
            let told = json!({ "email": email, "may_unmask": may });
            let says = if may { "may" } else { "may not" };
            say(
                globals,
                &told,
                &format!("{email} {says} see numbers in full."),
            );
        }
        StaffCommand::Access(command) => return staff_access::run(globals, command).await,
        StaffCommand::Views(command) => return staff_views::run(globals, command).await,
    }
    Ok(OK)
}

fn yes_or_no(word: &str) -> Result<bool, String> {
    match word {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("is neither yes nor no".to_owned()),
    }
}

/// Prints what was done.
pub fn say(globals: &Globals, told: &Value, says: &str) {
    if globals.json {
        print_json(told);
    } else {
        print(says);
    }
}

fn print_link(globals: &Globals, office: &Office, link: &SetupLink) -> Result<(), Failure> {
    let Some(issuer) = &office.tools.issuer else {
        let fix = "Set it to your public URL.";
        return Err(Failure::new(CONFIG, "issuer is not set", fix));
    };
    let url = link.url(issuer);
    if globals.json {
        print_json(&json!({
            "email": link.email,
            "setup_url": url,
            "expires_at": link.expires_at,
        }));
    } else {
        let whose = link
            .email
            .clone()
            .unwrap_or_else(|| "the first owner".to_owned());
        print(&fields(&[
            ("for", whose),
            ("link", url),
            ("until", link.expires_at.to_rfc3339()),
        ]));
        note("It works once. Whoever opens it first sets the password: send it by a safe way.");
    }
    Ok(())
}
