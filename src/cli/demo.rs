//! `demo`: the demo app of its own, for a server that runs elsewhere.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::input::secret;
use crate::cli::output::print;
use crate::clock::Clock;
use crate::demo;
use crate::secret::Redacted;
use crate::server;

/// `demo`.
#[derive(Args, Debug)]
pub struct Demo {
    /// Where to listen.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Its address, if browsers reach it under another name.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The issuer to sign in with.
    #[arg(long, value_name = "URL")]
    issuer: String,
    /// What `client create --json` printed; - for standard input.
    #[arg(long, value_name = "FILE")]
    client_file: PathBuf,
    /// The simulator, if there is one: the start page then shows its numbers.
    #[arg(long, value_name = "URL")]
    simulator_url: Option<String>,
}

#[derive(Deserialize)]
struct Client {
    client_id: String,
    client_secret: Option<Redacted>,
}

/// Runs it until it is told to stop.
pub async fn run(options: Demo) -> Result<u8, Failure> {
    let text = secret(&options.client_file)?;
    let client: Client = serde_json::from_str(text.reveal()).map_err(|error| {
        // serde_json quotes values of the wrong type, and one of these is a secret.
        let place = format!("line {}, column {}", error.line(), error.column());
        let fix = "Give the JSON that `numbercloak client create --json` printed.";
        Failure::usage(format!("the client cannot be read ({place})"), fix)
    })?;
    let broke = |error: std::io::Error| {
        let message = format!("{} cannot be listened on ({error})", options.listen);
        Failure::new(FINDING, message, "Choose another with --listen.")
    };
    let bound = demo::bind(options.listen, options.public_url)
        .await
        .map_err(broke)?;
    let demo = bound
        .serve(demo::Settings {
            issuer: options.issuer,
            client_id: client.client_id,
            client_secret: client.client_secret,
            clock: Clock::system(),
            simulator_url: options.simulator_url,
        })
        .map_err(broke)?;
    print(demo.url());
    server::stop_signal().await.map_err(broke)?;
    demo.stop().await;
    Ok(OK)
}
