//! `simulator`: a pretend operator of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::input::secret;
use crate::cli::output::{note, print};
use crate::simulator::radio::{self, Radio};
use crate::simulator::{self, Handle, Settings, SimulatedClient};

/// `simulator`.
#[derive(Args, Debug)]
pub struct Simulator {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.2:8090")]
    listen: SocketAddr,
    /// The issuer, if browsers reach it under another name.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// JSON file with its clients: [{"client_id", "client_secret", "redirect_uris", "jwks"}, …];
    /// - for standard input.
    #[arg(long, value_name = "FILE")]
    clients_file: Option<PathBuf>,
    /// Also a radio network: the proxy of the pretend phone's browser, on loopback.
    #[arg(long, value_name = "HOST:PORT")]
    radio: Option<SocketAddr>,
    /// Remember no requests: for load runs.
    #[arg(long)]
    no_journal: bool,
}

/// Runs it until Ctrl-C. Prints the issuer once it answers, and the phone's proxy if there is one.
pub async fn run(options: Simulator) -> Result<u8, Failure> {
    let mut settings = Settings::new(options.listen);
    settings.public_url = options.public_url;
    settings.journal = !options.no_journal;
    if let Some(file) = &options.clients_file {
        settings.clients = read_clients(secret(file)?.reveal())?;
    }
    let simulator = simulator::start(settings).await.map_err(|error| {
        let message = format!("{} cannot be listened on ({error})", options.listen);
        Failure::new(FINDING, message, "Choose another with --listen.")
    })?;
    let radio = match options.radio {
        Some(listen) => Some(on_air(listen, simulator.handle()).await?),
        None => None,
    };
    print(simulator.issuer());
    if let Some(radio) = &radio {
        print(&format!("http://{}", radio.handle().proxy()));
        note(&format!(
            "The phone: a browser with that proxy; {}/sim/phone moves it.",
            simulator.issuer()
        ));
    }
    note("A pretend operator: nothing it says is about a real number. Ctrl-C stops it.");
    stopped().await;
    if let Some(radio) = radio {
        radio.stop().await;
    }
    simulator.stop().await;
    Ok(OK)
}

async fn on_air(listen: SocketAddr, operator: Handle) -> Result<Radio, Failure> {
    let operators = vec![("own".to_owned(), operator)];
    let settings = radio::Settings::new(listen, operators);
    radio::start(settings).await.map_err(|error| {
        let message = format!("{listen} cannot be the radio's ({error})");
        Failure::new(FINDING, message, "Choose a loopback address with --radio.")
    })
}

fn read_clients(text: &str) -> Result<Vec<SimulatedClient>, Failure> {
    serde_json::from_str(text).map_err(|error| {
        // serde_json quotes values of the wrong type, and these are secrets.
        let place = format!("line {}, column {}", error.line(), error.column());
        let fix = r#"Write [{"client_id": "…", "client_secret": "…", "redirect_uris": ["…"]}]."#;
        Failure::usage(format!("the clients cannot be read ({place})"), fix)
    })
}

async fn stopped() {
    let ctrl_c = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = ctrl_c => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without signals it can only be killed.
    let _ = ctrl_c.await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clients_file_is_refused_without_quoting_it() {
        let good = r#"[{"client_id": "a", "client_secret": "s", "redirect_uris": []}]"#;
        assert_eq!(read_clients(good).unwrap().len(), 1);
        let failure = read_clients(r#"[{"client_id": {"hunter2": 1}}]"#).unwrap_err();
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
        assert!(read_clients(r#"["hunter2"]"#).is_err());
    }
}
