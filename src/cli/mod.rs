//! The command line: reads arguments, calls [`crate::admin`] or a part of the program that runs, and
//! prints. One file per noun.

mod api_token;
mod apply;
mod audit;
mod audit_export;
mod audit_keep;
mod audit_log;
mod audit_unmask;
mod audit_verify;
mod check_flags;
mod client;
mod client_flags;
mod client_shown;
mod client_snippet;
mod client_tokens;
mod config;
mod demo;
mod doctor;
mod failure;
mod finder;
mod input;
mod key;
mod network;
mod number;
mod office;
mod operator;
mod output;
mod overview;
#[cfg(test)]
mod parity;
mod privacy;
mod ranges;
mod serve;
mod session;
mod shell;
mod simulator;
mod staff;
mod staff_access;
mod staff_views;
mod usage;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use failure::{FINDING, Failure};
use office::Globals;

/// Sign in with phone network: an OpenID Provider that asks the mobile operator.
#[derive(Debug, Parser)]
#[command(
    name = "numbercloak",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 all went well, 1 something was found or went wrong, 2 the command is wrong, 3 the \
    configuration is, 4 the database is."
)]
struct Line {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Run everything on this machine with nothing configured: server, database, pretend operators
    /// and a demo app.
    Dev(serve::Dev),
    /// Bring the database's schema up to date.
    #[command(after_help = "JSON fields: version.")]
    Migrate,
    /// Apps that sign people in.
    #[command(subcommand)]
    Client(client::ClientCommand),
    /// The networks we ask.
    #[command(subcommand)]
    Operator(operator::OperatorCommand),
    /// Networks that hide a phone's own address.
    #[command(subcommand)]
    Network(network::NetworkCommand),
    /// Admins and auditors.
    #[command(subcommand)]
    Staff(staff::StaffCommand),
    /// Browsers that are signed in.
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Tokens of the admin API.
    #[command(subcommand)]
    ApiToken(api_token::ApiTokenCommand),
    /// The root key and the keys that sign tokens.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// What staff do to a phone number.
    #[command(subcommand)]
    Number(number::NumberCommand),
    /// What people may ask of us about their number: to see what is kept, and to have it erased.
    #[command(subcommand)]
    Privacy(privacy::PrivacyCommand),
    /// How sign-ins went in the last 24 hours, and what needs attention.
    #[command(
        after_help = "JSON fields: signed_in, failed, hours (hour, signed_in, failed), operators (operator, trips, verified, \
        faults, p95_ms, last), apps, attention (about, subject, says)."
    )]
    Overview,
    /// Verifications and calls that operators charge for, per day (UTC), app and operator, from the audit
    /// records.
    #[command(
        after_help = "JSON fields: a list of day, client_id, operator, verifications (trips that ended), verified, \
        billable (calls that were answered), unsure (calls sent, no answer came), calls (the billable ones by kind: verify, \
        device_phone_number, sim_swap, number_recycling); with --quotas: subject, name, quota, used."
    )]
    Usage(usage::Usage),
    /// Make apps, operators, the telco finder and networks as a file says.
    #[command(
        after_help = "JSON fields: a list of action (create, update, end), resource, id, changes (per field: before, \
        after), client_secret (of an app that was made)."
    )]
    Apply(apply::Apply),
    /// Write the file that `apply` reads, as everything is now. No secret is in it.
    #[command(
        after_help = "JSON fields: owner, clients, operators, telco_finder, networks, as in the file."
    )]
    Export(apply::Export),
    /// What was recorded.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// What the server is told.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Look for what is wrong and say how to mend it. Exit code 1 if something fails.
    #[command(
        after_help = "JSON fields: ok, findings (check, level: ok, warn or fail, message, fix)."
    )]
    Doctor,
    /// Print what a shell needs to complete our commands.
    Completions {
        /// bash, elvish, fish, powershell or zsh.
        shell: clap_complete::Shell,
    },
    /// Write our manual pages into a folder.
    #[command(after_help = "JSON fields: folder, pages.")]
    Man {
        /// The folder; made if it is not there.
        folder: std::path::PathBuf,
    },
    /// Run a pretend operator.
    Simulator(simulator::Simulator),
    /// Run the demo app against a server that runs elsewhere.
    Demo(demo::Demo),
}

/// Runs what the arguments say.
#[must_use]
pub fn run() -> ExitCode {
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(dispatch(line)),
        Err(error) => Err(Failure::new(
            FINDING,
            format!("the runtime cannot start ({error})"),
            "Raise this user's limits of threads and open files.",
        )),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::note(&failure.to_string());
            ExitCode::from(failure.code)
        }
    }
}

async fn dispatch(line: Line) -> Result<u8, Failure> {
    let globals = &line.globals;
    match line.command {
        Command::Serve(options) => serve::serve(globals, &options).await,
        Command::Dev(options) => serve::dev(options).await,
        Command::Migrate => serve::migrate(globals).await,
        Command::Client(command) => client::run(globals, command).await,
        Command::Operator(command) => operator::run(globals, command).await,
        Command::Network(command) => network::run(globals, command).await,
        Command::Staff(command) => staff::run(globals, command).await,
        Command::Session(command) => session::run(globals, command).await,
        Command::ApiToken(command) => api_token::run(globals, command).await,
        Command::Key(command) => key::run(globals, command).await,
        Command::Number(command) => number::run(globals, command).await,
        Command::Privacy(command) => privacy::run(globals, command).await,
        Command::Overview => overview::run(globals).await,
        Command::Usage(options) => usage::run(globals, options).await,
        Command::Apply(options) => apply::apply(globals, options).await,
        Command::Export(options) => apply::export(globals, options).await,
        Command::Completions { shell } => Ok(shell::completions(shell, Line::command())),
        Command::Man { folder } => shell::man(globals, &folder, Line::command()),
        Command::Audit(command) => audit::run(globals, command).await,
        Command::Config(command) => config::run(globals, &command),
        Command::Doctor => doctor::run(globals).await,
        Command::Simulator(options) => simulator::run(options).await,
        Command::Demo(options) => demo::run(options).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_contradict_each_other_nowhere() {
        Line::command().debug_assert();
    }

    #[test]
    fn no_argument_takes_a_secret() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                let secret = ["secret", "private_key", "password", "number"]
                    .iter()
                    .any(|word| id.contains(word));
                assert!(
                    !secret || id.ends_with("_file"),
                    "{} {id}",
                    command.get_name()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Line::command());
    }

    #[test]
    fn every_argument_is_explained() {
        fn walk(command: &clap::Command) {
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                assert!(argument.get_help().is_some(), "{} {id}", command.get_name());
            }
            for inner in command.get_subcommands() {
                assert!(inner.get_about().is_some(), "{}", inner.get_name());
                walk(inner);
            }
        }
        walk(&Line::command());
    }

    #[test]
    fn every_command_has_a_manual_page_and_is_completed() {
        let tail = crate::secret::b64(&crate::secret::random::<12>());
        let folder = std::env::temp_dir().join(format!("numbercloak-man-{tail}"));
        std::fs::create_dir_all(&folder).unwrap();
        clap_mangen::generate_to(Line::command(), &folder).unwrap();
        let mut text = Vec::new();
        let shell = clap_complete::Shell::Bash;
        clap_complete::generate(shell, &mut Line::command(), "numbercloak", &mut text);
        let text = String::from_utf8(text).unwrap();
        for command in Line::command().get_subcommands() {
            let name = command.get_name();
            let page = folder.join(format!("numbercloak-{name}.1"));
            assert!(page.exists(), "{name}");
            assert!(text.contains(name), "{name}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_documented_client_create_parses() {
        let line = "numbercloak client create --name Shop --redirect-uri https://a.example/cb \
            --redirect-uri https://a.example/cb2 --type spa --test --client-id shop --confirm always \
            --id-token-alg ES256 --sim-swap require --sim-swap-hours 48 --recycling report --json";
        let line = Line::try_parse_from(line.split_whitespace()).unwrap();
        assert!(line.globals.json);
        assert!(matches!(
            line.command,
            Command::Client(client::ClientCommand::Create(_))
        ));
    }

    #[test]
    fn a_key_id_that_begins_like_a_flag_is_a_key_id() {
        for id in ["-abc", "--abc", "-hVx", "_abc"] {
            let line = ["numbercloak", "key", "revoke", id, "--yes", "--json"];
            let line = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{id}: {error}"));
            let Command::Key(key::KeyCommand::Revoke { kid, yes }) = line.command else {
                panic!("{id}");
            };
            assert_eq!((kid.as_str(), yes, line.globals.json), (id, true, true));
        }
    }
}
