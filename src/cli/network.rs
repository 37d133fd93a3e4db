//! `network`: source addresses that hide a phone's own, so that a page can say what to switch off.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use crate::admin::{network_ranges, ranges};
use crate::cli::failure::{Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json};
use crate::cli::ranges::read;
use crate::store::network_ranges::NetworkKind;

/// Networks that hide a phone's own address: iCloud Private Relay's, and those of VPNs.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Load them from a file, instead of all that were loaded before. They choose the words of the page
    /// for phones without mobile data, and nothing else.
    #[command(
        after_help = "A line holds a network (192.0.2.0/24), or first and last address, and behind it the number \
        of its autonomous system if it has one; further columns are ignored. Apple publishes those of its \
        relay as https://mask-api.icloud.com/egress-ip-ranges.csv.\n\nJSON fields: kind, networks (how many)."
    )]
    Load {
        /// relay or vpn.
        #[arg(value_parser = kind)]
        kind: NetworkKind,
        /// The table, with commas, semicolons or tabs.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Take only the networks of this autonomous system. Repeat for more.
        #[arg(long = "asn", value_name = "NUMBER")]
        asns: Vec<u32>,
    },
    /// How many are loaded, and when.
    #[command(
        after_help = "JSON fields, one object per kind: kind, networks (how many), managed_by (whose file they are kept as), revision, loaded_at."
    )]
    List,
    /// Show those of a kind.
    #[command(
        after_help = "JSON fields: kind, networks, managed_by (whose file they are kept as), revision, loaded_at (null: never)."
    )]
    Show {
        /// relay or vpn.
        #[arg(value_parser = kind)]
        kind: NetworkKind,
    },
    /// Forget them.
    #[command(after_help = "JSON fields: kind, networks (how many).")]
    Clear {
        /// relay or vpn.
        #[arg(value_parser = kind)]
        kind: NetworkKind,
    },
}

fn kind(word: &str) -> Result<NetworkKind, String> {
    let known = NetworkKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word);
    known.ok_or_else(|| "is neither relay nor vpn".to_owned())
}

/// Runs it.
pub async fn run(globals: &Globals, command: NetworkCommand) -> Result<u8, Failure> {
    let office = globals.office().await?;
    let desk = &office.desk;
    match command {
        NetworkCommand::Load { kind, file, asns } => {
            let networks = ranges::read(&read(&file)?, &asns)?;
            network_ranges::load(desk, kind, &networks).await?;
            loaded(globals, kind, networks.len());
        }
        NetworkCommand::List => {
            let all = network_ranges::list(desk).await?;
            if globals.json {
                let rows: Vec<_> = all
                    .iter()
                    .map(|one| {
                        json!({
                            "kind": one.kind.as_str(),
                            "networks": one.networks.len(),
                            "managed_by": one.managed_by,
                            "revision": one.revision,
                            "loaded_at": one.loaded_at,
                        })
                    })
                    .collect();
                print_json(&rows);
            } else {
                for one in all {
                    let at = one.loaded_at.to_rfc3339();
                    let (kind, count) = (one.kind.as_str(), one.networks.len());
                    print(&format!("{kind} has {count} networks, loaded {at}."));
                }
            }
        }
        NetworkCommand::Show { kind } => {
            let loaded = network_ranges::show(desk, kind).await?;
            if globals.json {
                print_json(&json!({
                    "kind": kind.as_str(),
                    "networks": loaded.as_ref().map_or(&[][..], |loaded| &loaded.networks),
                    "managed_by": loaded.as_ref().and_then(|loaded| loaded.managed_by.as_ref()),
                    "revision": loaded.as_ref().map_or(0, |loaded| loaded.revision),
                    "loaded_at": loaded.as_ref().map(|loaded| loaded.loaded_at),
                }));
            } else {
                for network in loaded.iter().flat_map(|loaded| &loaded.networks) {
                    print(&network.to_string());
                }
            }
        }
        NetworkCommand::Clear { kind } => {
            network_ranges::load(desk, kind, &[]).await?;
            loaded(globals, kind, 0);
        }
    }
    Ok(OK)
}

fn loaded(globals: &Globals, kind: NetworkKind, networks: usize) {
    let kind = kind.as_str();
    if globals.json {
        print_json(&json!({ "kind": kind, "networks": networks }));
    } else {
        print(&format!("{kind} has {networks} networks."));
    }
}
