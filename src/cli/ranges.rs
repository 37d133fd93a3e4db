//! `operator ranges`: the source addresses of an operator's subscribers.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use crate::admin::Desk;
use crate::admin::ranges;
use crate::cli::failure::{Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{fields, print, print_json};

/// A table of the whole internet is smaller.
const MOST_BYTES: u64 = 128 * 1024 * 1024;

/// The source addresses of an operator's subscribers.
#[derive(Debug, Subcommand)]
pub enum RangesCommand {
    /// Load them from a file, instead of all that were loaded before.
    #[command(
        after_help = "A line holds a network (192.0.2.0/24), or first and last address, and behind it the number \
        of its autonomous system if it has one; further columns are ignored. So an operator's own list will do, \
        and a table of all networks with --asn.\n\nJSON fields: alias, networks (how many), asns."
    )]
    Load {
        /// The operator's alias.
        alias: String,
        /// The table, with commas, semicolons or tabs.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// Take only the networks of this autonomous system: 3352. Repeat for more.
        #[arg(long = "asn", value_name = "NUMBER")]
        asns: Vec<u32>,
    },
    /// Show them.
    #[command(after_help = "JSON fields: alias, networks, asns, loaded_at.")]
    Show {
        /// The operator's alias.
        alias: String,
    },
    /// Forget them.
    #[command(after_help = "JSON fields: alias, networks (how many), asns.")]
    Clear {
        /// The operator's alias.
        alias: String,
    },
}

/// Runs it.
pub async fn run(globals: &Globals, desk: &Desk, command: RangesCommand) -> Result<u8, Failure> {
    match command {
        RangesCommand::Load { alias, file, asns } => {
            let networks = ranges::read(&read(&file)?, &asns)?;
            ranges::load(desk, &alias, &networks, &asns).await?;
            loaded(globals, &alias, networks.len(), &asns);
        }
        RangesCommand::Show { alias } => {
            let ranges = ranges::show(desk, &alias).await?;
            if globals.json {
                print_json(&json!({
                    "alias": alias,
                    "networks": ranges.networks,
                    "asns": ranges.asns,
                    "loaded_at": ranges.loaded_at,
                }));
            } else {
                let asns: Vec<String> = ranges.asns.iter().map(ToString::to_string).collect();
                let at = ranges.loaded_at.map(|at| at.to_rfc3339());
                print(&fields(&[
                    ("networks", ranges.networks.len().to_string()),
                    ("autonomous systems", asns.join(" ")),
                    ("loaded", at.unwrap_or_default()),
                ]));
                for network in ranges.networks {
                    print(&network.to_string());
                }
            }
        }
        RangesCommand::Clear { alias } => {
            ranges::load(desk, &alias, &[], &[]).await?;
            loaded(globals, &alias, 0, &[]);
        }
    }
    Ok(OK)
}

fn loaded(globals: &Globals, alias: &str, networks: usize, asns: &[u32]) {
    if globals.json {
        print_json(&json!({ "alias": alias, "networks": networks, "asns": asns }));
    } else {
        print(&format!("{alias} has {networks} networks."));
    }
}

/// Reads a table from a file.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let failed = |why: &str| {
        let fix = "Name a text file that this user may read.";
        Failure::usage(format!("{} cannot be read ({why})", file.display()), fix)
    };
    let size = std::fs::metadata(file).map_err(|error| failed(&error.to_string()))?;
    if size.len() > MOST_BYTES {
        return Err(failed("it is too large"));
    }
    std::fs::read_to_string(file).map_err(|error| failed(&error.to_string()))
}
