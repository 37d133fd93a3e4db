//! `serve`, `dev` and `migrate`: what runs, and what it runs on.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::failure::{DATABASE, FINDING, Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json};
use crate::config::{self, Database, Log, LogFormat, LogLevel, Needs};
use crate::store::db;
use crate::{dev, server};

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
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Written, as JSON, when everything answers.
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
    /// More of the configuration, in sections that dev mode does not write itself: mtls, registration, limits.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Throw away what is kept and start anew.
    #[arg(long)]
    pub reset: bool,
}

/// Runs the server until it is told to stop.
pub async fn serve(globals: &Globals, options: &Serve) -> Result<u8, Failure> {
    let config = globals.config()?;
    server::log_to_stdout(&config.log);
    server::serve(config, !options.no_migrate)
        .await
        .map_err(|error| {
            let fix = "`numbercloak doctor` looks at everything it needs.";
            Failure::new(FINDING, format!("the server did not start: {error:#}"), fix)
        })?;
    Ok(OK)
}

/// Runs the whole stack on this machine until it is told to stop.
pub async fn dev(options: Dev) -> Result<u8, Failure> {
    server::log_to_stdout(&Log {
        format: LogFormat::Text,
        level: LogLevel::Warn,
    });
    let stack = dev::Options {
        listen: options.listen,
        data: options.data,
        ready_file: options.ready_file,
        settings: options.settings,
        reset: options.reset,
        database_url: config::database_url(),
    };
    dev::run(stack).await.map_err(|error| {
        let fix =
            "`numbercloak dev --reset` starts over; `--listen 127.0.0.1:0` takes a free port.";
        Failure::new(FINDING, format!("dev mode did not start: {error:#}"), fix)
    })?;
    Ok(OK)
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
        Failure::new(DATABASE, format!("the schema is not current: {error}"), fix)
    })
}
