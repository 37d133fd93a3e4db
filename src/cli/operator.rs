//! `operator`: the networks we ask.

mod contract;
mod shown;

use clap::Subcommand;

use contract::Contract;
use shown::{discovered, list, show, show_presets, switched};

use crate::admin::breakers;
use crate::admin::operator_discovery;
use crate::admin::operator_view::redirect_uri;
use crate::admin::operators::{self, NewOperator};
use crate::cli::failure::{CONFIG, FINDING, Failure, OK};
use crate::cli::finder::{self, FinderCommand};
use crate::cli::office::{Globals, Office};
use crate::cli::output::{note, print, print_json, shown as printable};
use crate::cli::ranges::{self, RangesCommand};
use crate::clock::Clock;
use crate::operator::test::walk;
use crate::outbound::{Outbound, Rules};
use crate::store::operators::{Mode, Settings};

const JSON_FIELDS: &str = "JSON fields: alias, name, mode, redirect_uri (to register with the operator; null without \
an issuer), settings (dialect, issuer, endpoints, prefixes, …), has_credentials, breakers (servers that leave it alone because \
its calls fail: replica, state, since, until), managed_by (whose file it is kept as), revision, disabled_at, created_at, updated_at.";

/// The networks we ask.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Add an operator, from a settings file, flags, or both (flags are stronger).
    #[command(after_help = JSON_FIELDS)]
    Add(Box<Contract>),
    /// Change an operator; what is not named stays. New credentials replace all earlier ones.
    #[command(after_help = JSON_FIELDS)]
    Update(Box<Contract>),
    /// List the known operators that `operator add --preset` starts from.
    #[command(
        after_help = "JSON fields: by name: title, says, credential (secret or key), base, prefixes, settings."
    )]
    Presets,
    /// Read an operator's discovery document. Nothing is stored: write it to a file, add what it cannot tell
    /// (client_id, prefixes), and give that to `operator add --settings`.
    #[command(
        after_help = "JSON fields: settings (as of `operator show`). Without --json it is TOML."
    )]
    Discover {
        /// Its issuer, or the address of its discovery document.
        issuer: String,
    },
    /// List the operators.
    #[command(after_help = JSON_FIELDS)]
    List,
    /// Show one operator, without its credentials.
    #[command(after_help = JSON_FIELDS)]
    Show {
        /// Its alias.
        alias: String,
    },
    /// Try its endpoints one after the other, as far as that goes without a phone. Exit code 1 if
    /// one is not as it must be.
    #[command(after_help = "JSON fields: a list of name, ok, detail, fix (null if all is well).")]
    Test {
        /// Its alias.
        alias: String,
    },
    /// Ask it no more.
    #[command(after_help = "JSON fields: alias, disabled.")]
    Disable {
        /// Its alias.
        alias: String,
    },
    /// Ask it again.
    #[command(after_help = "JSON fields: alias, disabled.")]
    Enable {
        /// Its alias.
        alias: String,
    },
    /// The source addresses of its subscribers, for choosing it.
    #[command(subcommand)]
    Ranges(RangesCommand),
    /// The service that is asked which operator a number is with.
    #[command(subcommand)]
    Finder(FinderCommand),
}

/// Runs it.
pub async fn run(globals: &Globals, command: OperatorCommand) -> Result<u8, Failure> {
    if let OperatorCommand::Presets = command {
        show_presets(globals);
        return Ok(OK);
    }
    let office = globals.office().await?;
    let desk = &office.desk;
    match command {
        OperatorCommand::Add(contract) => {
            let described = contract.describe(&Settings::default())?;
            let new = NewOperator {
                name: described.name.unwrap_or_else(|| contract.alias.clone()),
                alias: contract.alias,
                mode: described.mode.unwrap_or(Mode::Live),
                settings: described.settings,
                credentials: described.credentials.unwrap_or_default(),
            };
            let operator = operators::add(desk, new).await?;
            show(globals, &office, &operator, &[]);
            if operator.mode == Mode::Test && !office.tools.operators.allow_test {
                note("The server works with test operators only if operators.allow_test is true.");
            }
        }
        OperatorCommand::Update(contract) => {
            let before = operators::show(desk, &contract.alias).await?;
            let described = contract.describe(&before.settings)?;
            let edit = |fields: &mut operators::Editable| {
                if let Some(name) = described.name {
                    fields.name = name;
                }
                fields.mode = described.mode.unwrap_or(fields.mode);
                fields.settings = described.settings;
                fields.credentials = described.credentials;
            };
            let seen = Some(before.revision);
            let operator = operators::update(desk, &contract.alias, seen, edit).await?;
            show(globals, &office, &operator, &breakers::open(desk).await?);
        }
        OperatorCommand::List => {
            let breakers = breakers::open(desk).await?;
            list(globals, &office, &operators::list(desk).await?, &breakers);
        }
        OperatorCommand::Presets => show_presets(globals),
        OperatorCommand::Discover { issuer } => {
            let outbound = outbound(&office)?;
            let found = operator_discovery::look_up(&outbound, &issuer).await?;
            discovered(globals, &found);
        }
        OperatorCommand::Show { alias } => {
            let breakers = breakers::open(desk).await?;
            show(
                globals,
                &office,
                &operators::show(desk, &alias).await?,
                &breakers,
            );
        }
        OperatorCommand::Test { alias } => return test(globals, &office, &alias).await,
        OperatorCommand::Disable { alias } => {
            operators::set_disabled(desk, &alias, true).await?;
            switched(globals, &alias, true);
        }
        OperatorCommand::Enable { alias } => {
            operators::set_disabled(desk, &alias, false).await?;
            switched(globals, &alias, false);
        }
        OperatorCommand::Ranges(command) => return ranges::run(globals, desk, command).await,
        OperatorCommand::Finder(command) => return finder::run(globals, desk, command).await,
    }
    Ok(OK)
}

fn outbound(office: &Office) -> Result<Outbound, Failure> {
    let outbound = Rules::of(&office.tools.operators).and_then(|rules| Outbound::new(&rules));
    outbound.map_err(|error| {
        let fix = "Check that this system's certificates are installed.";
        Failure::new(FINDING, error.to_string(), fix)
    })
}

async fn test(globals: &Globals, office: &Office, alias: &str) -> Result<u8, Failure> {
    let Some(issuer) = &office.tools.issuer else {
        let fix = "Set it to your public URL: the operator checks the redirect URI below it.";
        return Err(Failure::new(CONFIG, "issuer is not set", fix));
    };
    let operator = operators::show(&office.desk, alias).await?;
    let credentials = operator.credentials(&office.desk.vault).map_err(|_| {
        let fix = format!("Give them anew: numbercloak operator update {alias}.");
        Failure::new(
            CONFIG,
            "its credentials do not open with the root keys given",
            fix,
        )
    })?;
    let outbound = outbound(office)?;
    let back = redirect_uri(issuer, alias);
    let steps = walk(&outbound, &operator, &credentials, &back, &Clock::system()).await;
    if globals.json {
        print_json(&steps);
    } else {
        for step in &steps {
            let sign = if step.ok { "ok  " } else { "FAIL" };
            print(&format!(
                "{sign}  {}: {}",
                step.name,
                printable(&step.detail)
            ));
            if let Some(fix) = step.fix {
                print(&format!("      Fix: {fix}"));
            }
        }
    }
    let all_well = steps.iter().all(|step| step.ok);
    Ok(if all_well { OK } else { FINDING })
}
