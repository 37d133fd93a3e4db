//! `simulator`: a pretend operator of its own.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::cli::failure::{FINDING, Failure, OK};
use crate::cli::input::{secret, word};
use crate::cli::output::{note, print};
use crate::simulator::radio::{self, Radio};
use crate::simulator::{self, IdTokenAlg, Persona, Settings, SimulatedClient};

/// `simulator`.
#[derive(Args, Debug)]
pub struct Simulator {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.2:8090")]
    listen: SocketAddr,
    /// Which operator to be: camara-2.1, camara-2.0, camara-1.0, camara-0.3, camara-strict, vonage,
    /// telefonica, vodafone-mc, vodafone-camara, orange, tim-mc, glide; or all, at one port each.
    #[arg(long, value_name = "NAME", default_value = "camara-2.1", value_parser = who)]
    persona: Who,
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
    /// The algorithm of its ID tokens.
    #[arg(long, value_enum, ignore_case = true, default_value_t)]
    id_token_alg: IdTokenAlg,
    /// Remember no requests: for load runs.
    #[arg(long)]
    no_journal: bool,
}

/// One persona, or all.
#[derive(Clone, Copy, Debug)]
enum Who {
    One(Persona),
    All,
}

fn who(text: &str) -> Result<Who, String> {
    match text {
        "all" => Ok(Who::All),
        name => word(name).map(Who::One),
    }
}

/// Runs it until Ctrl-C. Prints the issuer once it answers; with all personas, each with its name; and
/// the phone's proxy if there is one.
pub async fn run(options: Simulator) -> Result<u8, Failure> {
    let mut settings = Settings::new(options.listen);
    settings.id_token_alg = options.id_token_alg;
    settings.journal = !options.no_journal;
    if let Some(file) = &options.clients_file {
        settings.clients = read_clients(secret(file)?.reveal())?;
    }
    let all = match options.persona {
        Who::One(persona) => vec![Settings {
            persona,
            public_url: options.public_url,
            ..settings
        }],
        Who::All if options.public_url.is_some() => {
            let fix = "Start the personas one by one, each with its own --public-url.";
            return Err(Failure::usage("all personas cannot have one issuer", fix));
        }
        Who::All => Persona::ALL
            .into_iter()
            .zip(0..)
            .map(|(persona, distance)| {
                let mut settings = settings.clone();
                settings.persona = persona;
                let port = settings.listen.port();
                if port != 0 {
                    settings.listen.set_port(port.saturating_add(distance));
                }
                settings
            })
            .collect(),
    };
    let simulators = simulator::start_all(all).await.map_err(|error| {
        let message = format!("{} cannot be listened on ({error})", options.listen);
        Failure::new(FINDING, message, "Choose another with --listen.")
    })?;
    let radio = match options.radio {
        Some(listen) => Some(on_air(listen, &simulators).await?),
        None => None,
    };
    for simulator in &simulators {
        match options.persona {
            Who::One(_) => print(simulator.issuer()),
            Who::All => print(&format!(
                "{} {}",
                simulator.persona().name(),
                simulator.issuer()
            )),
        }
    }
    if let Some(radio) = &radio {
        print(&format!("http://{}", radio.handle().proxy()));
        let issuer = simulators.first().map_or("", |first| first.issuer());
        note(&format!(
            "The phone: a browser with that proxy; {issuer}/sim/phone moves it."
        ));
    }
    note("A pretend operator: nothing it says is about a real number. Ctrl-C stops it.");
    stopped().await;
    if let Some(radio) = radio {
        radio.stop().await;
    }
    for simulator in simulators {
        simulator.stop().await;
    }
    Ok(OK)
}

async fn on_air(listen: SocketAddr, simulators: &[simulator::Simulator]) -> Result<Radio, Failure> {
    let operators = match simulators {
        [only] => vec![("own".to_owned(), only.handle())],
        all => all
            .iter()
            .map(|one| (one.persona().name().to_owned(), one.handle()))
            .collect(),
    };
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
