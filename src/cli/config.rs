//! `config`: what the server is told.

use clap::Subcommand;
use serde_json::json;

use crate::cli::failure::{CONFIG, FINDING, Failure, OK};
use crate::cli::office::Globals;
use crate::cli::output::{print, print_json};
use crate::config::{self, Config, Fault, Faults};

/// What the server is told.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Tell all that is wrong, as `serve` would find it. Exit code 3 if anything is.
    #[command(after_help = "JSON fields: ok, faults (place, what, fix).")]
    Check,
    /// Print every key with its value and where it was set, without secrets. The output is a
    /// configuration file.
    #[command(after_help = "JSON fields: those of the configuration file.")]
    Show,
    /// Print the JSON Schema of the configuration file, for editors.
    Schema,
}

/// Runs it.
pub fn run(globals: &Globals, command: &ConfigCommand) -> Result<u8, Failure> {
    match command {
        ConfigCommand::Check => check(globals),
        ConfigCommand::Show => {
            let text = globals.config()?.redacted_toml();
            if globals.json {
                let table: toml::Table = text.parse().map_err(|_| {
                    Failure::new(
                        FINDING,
                        "the configuration cannot be shown as JSON",
                        "Leave --json out.",
                    )
                })?;
                print_json(&table);
            } else {
                print(&text);
            }
            Ok(OK)
        }
        ConfigCommand::Schema => {
            print_json(&Config::json_schema());
            Ok(OK)
        }
    }
}

fn check(globals: &Globals) -> Result<u8, Failure> {
    let loaded = config::from_process(globals.config.as_deref(), globals.options.clone());
    if !globals.json {
        loaded?;
        print("The configuration is good.");
        return Ok(OK);
    }
    let Err(Faults(faults)) = loaded else {
        print_json(&json!({ "ok": true, "faults": [] }));
        return Ok(OK);
    };
    let view =
        |fault: &Fault| json!({ "place": fault.place, "what": fault.what, "fix": fault.fix });
    let views: Vec<_> = faults.iter().map(view).collect();
    print_json(&json!({ "ok": false, "faults": views }));
    Ok(CONFIG)
}
