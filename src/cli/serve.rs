//! `serve`, `dev` and `migrate`: what runs, and what it runs on.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::failure::{DATABASE, FINDING, Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json};
use crate::config::{Database, Needs};
use crate::store::db;

/// `serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// Leave the schema as it is; run `numbercloak migrate` before.
    #[arg(long)]
    pub no_migrate: bool,
}

/// `dev`.
#[derive(Args, Debug)]
pub struct Dev {
    /// Where to listen; the issuer becomes http://localhost:PORT.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where its database and keys are kept.
    #[arg(long, value_name = "DIR", default_value = ".data")]
    pub data: PathBuf,
    /// Written, as JSON, when everything answers.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// Throw away what is kept and start anew.
    #[arg(long)]
    pub reset: bool,
}

/// Runs the server until it is told to stop.
pub async fn serve(globals: &Globals, options: &Serve) -> Result<u8, Failure> {
    let config = globals.config()?;
    if !options.no_migrate {
        bring_up_to_date(&config.database).await?;
    }
    // LEAD: the one call of the server belongs here: crate::server::serve(config).await
    drop(config);
    Err(not_in_this_build("the server"))
}

/// Runs the whole stack on this machine until it is told to stop.
pub async fn dev(options: Dev) -> Result<u8, Failure> {
    // LEAD: the one call of dev mode belongs here: crate::dev::run(options).await
    drop(options);
    Err(not_in_this_build("dev mode"))
}

fn not_in_this_build(what: &str) -> Failure {
    let message = format!("{what} is not part of this build");
    Failure::new(FINDING, message, "Build the main branch.")
}

/// Brings the schema up to date.
pub async fn migrate(globals: &Globals) -> Result<u8, Failure> {
    let tools = globals.tools(Needs::default())?;
    bring_up_to_date(&tools.database).await?;
    let version = db::MIGRATIONS.iter().map(|one| one.version).max();
    if globals.json {
        print_json(&json!({ "version": version }));
    } else {
        print("The schema is current.");
    }
    Ok(OK)
}

async fn bring_up_to_date(database: &Database) -> Result<(), Failure> {
    let url = database.migrator_url.as_ref().unwrap_or(&database.url);
    db::migrate(url.reveal()).await.map_err(|error| {
        let fix = "Run it as the role that owns the tables (database.migrator_url); `numbercloak doctor` tells more.";
        Failure::new(DATABASE, format!("the schema is not current: {error:#}"), fix)
    })
}
