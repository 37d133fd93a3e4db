//! Configuration: one struct, read once from a TOML file, the environment and flags, each stronger
//! than the one before; its parts are handed down. Nothing else reads the environment.
//!
//! The structs of `sections`, `lifetimes` and `limits` are the only declaration of a key: its name, type, default, range and
//! description. Unknown keys, type errors, `config show` and `config schema` are all worked out from
//! the JSON Schema made of them.

mod check;
mod checkpoints;
mod clients;
mod console;
mod faults;
mod issuer;
mod lifetimes;
mod limits;
mod records;
mod root_keys;
mod schema;
mod sections;
mod show;
mod sources;
mod span;

#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

pub use checkpoints::{Checkpoints, S3};
pub use clients::{Mtls, Registration};
pub use console::{ClientAuth, CompanyProvider};
pub use faults::{Fault, Faults};
pub use issuer::Issuer;
pub use lifetimes::Lifetimes;
pub use limits::{Limits, Operators};
pub use records::{Alerts, Retention, Streams, SyslogTo};
pub use sections::{Branding, Database, Dpop, Keys, Log, LogFormat, LogLevel};

pub use span::parse as parse_duration;

use sources::Given;

/// Everything the server is told from outside. Checked: whoever has one need not check again.
#[derive(Clone, Debug)]
pub struct Config {
    /// The issuer identifier and base of all our URLs. Never taken from a request's Host.
    pub issuer: Issuer,
    /// Where we listen and how long we take to stop.
    pub listen: Listen,
    /// Our own TLS; `None` behind a proxy or on loopback.
    pub tls: Option<Tls>,
    /// Certificates of apps' servers; `None` if none are asked for.
    pub mtls: Option<Mtls>,
    /// Whether apps may register themselves.
    pub registration: Registration,
    /// Whose word about the client's address is believed.
    pub proxies: Proxies,
    /// PostgreSQL.
    pub database: Database,
    /// Where the root keys are.
    pub keys: Keys,
    /// How long things of a login or session live.
    pub login: Lifetimes,
    /// Sizes, times and rates that bound what one caller can cost.
    pub limits: Limits,
    /// Calls to operators.
    pub operators: Operators,
    /// The company's own provider, for staff; `None` if there is none.
    pub company: Option<CompanyProvider>,
    /// Proofs of the keys that tokens are bound to.
    pub dpop: Dpop,
    /// How long audit records stay.
    pub retention: Retention,
    /// Where they are sent besides being kept.
    pub streams: Streams,
    /// When people should look.
    pub alerts: Alerts,
    /// Where the audit log's checkpoints go.
    pub checkpoints: Checkpoints,
    /// Logs.
    pub log: Log,
    /// What people see of the deployment's owner.
    pub branding: Branding,
    shown: Vec<show::Line>,
}

/// Listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// For browsers and relying parties.
    pub public: SocketAddr,
    /// For `/healthz`, `/readyz` and `/metrics`; never to be reachable from outside.
    pub management: SocketAddr,
    /// How long open requests may take after a stop signal.
    pub shutdown_grace: Duration,
}

/// PEM files for our own TLS. Reloaded when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, leaf first.
    pub certificate_file: PathBuf,
    /// The private key.
    pub key_file: PathBuf,
}

/// Reverse proxies in front of us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Peers whose forwarded headers or PROXY line are believed; from others they are ignored.
    pub trusted: Vec<IpNet>,
    /// Whether every connection starts with a PROXY protocol line.
    pub protocol: bool,
}

/// What a command that does not serve needs besides the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Whether it makes URLs of ours.
    pub issuer: bool,
    /// Whether it seals, opens or records.
    pub root_keys: bool,
}

/// What commands that do not serve work with: the same sources and keys as [`Config`], without
/// demanding what only a server needs.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The issuer, if it is set.
    pub issuer: Option<Issuer>,
    /// PostgreSQL.
    pub database: Database,
    /// Where the root keys are.
    pub keys: Keys,
    /// How long tokens live.
    pub login: Lifetimes,
    /// Calls to operators.
    pub operators: Operators,
    /// How long audit records stay.
    pub retention: Retention,
}

/// Reads the configuration of this process.
///
/// # Errors
/// Every fault there is, at once.
pub fn from_process(file: Option<&Path>, flags: Vec<(String, String)>) -> Result<Config, Faults> {
    load(file, environment(), flags)
}

/// The `DATABASE_URL` of the environment, for dev mode, which needs nothing else.
#[must_use]
pub fn database_url() -> Option<crate::secret::Redacted> {
    environment()
        .find(|(name, value)| name == "DATABASE_URL" && !value.is_empty())
        .map(|(_, value)| crate::secret::Redacted::new(value))
}

/// The same for a command that does not serve.
///
/// # Errors
/// Every fault that concerns such a command, at once.
pub fn tools_from_process(
    file: Option<&Path>,
    flags: Vec<(String, String)>,
    needs: Needs,
) -> Result<Tools, Faults> {
    load_tools(file, environment(), flags, needs)
}

fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        // `vars` would panic on any variable that is not Unicode, ours or not.
        sources::is_ours(&name).then(|| (name, value.to_string_lossy().into_owned()))
    })
}

/// Reads the configuration from a file, then `env` (`NUMBERCLOAK__SECTION__KEY`, and
/// `NUMBERCLOAK__SECTION__KEY_FILE` for secrets), then `flags` (dotted key and value), the later
/// ones being stronger. `DATABASE_URL` stands in for `database.url` only where nothing else sets it.
/// Paths in the file are relative to the file's folder.
///
/// # Errors
/// Every fault there is, at once.
pub fn load(
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    flags: Vec<(String, String)>,
) -> Result<Config, Faults> {
    let keys = schema::keys();
    let (mut settings, given, faults) = read(&keys, file, env, flags, None);
    match settings.issuer.take() {
        Some(issuer) if faults.is_empty() => Ok(resolve(issuer, settings, &keys, &given)),
        _ => Err(Faults(faults)),
    }
}

/// Reads what a command that does not serve needs, from the same sources.
///
/// # Errors
/// Every fault that concerns such a command, at once.
pub fn load_tools(
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    flags: Vec<(String, String)>,
    needs: Needs,
) -> Result<Tools, Faults> {
    let (settings, _, faults) = read(&schema::keys(), file, env, flags, Some(needs));
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    Ok(Tools {
        issuer: settings.issuer,
        database: settings.database,
        keys: settings.keys,
        login: settings.lifetimes,
        operators: settings.operators,
        retention: settings.retention,
    })
}

fn read(
    keys: &[schema::Key],
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
    flags: Vec<(String, String)>,
    needs: Option<Needs>,
) -> (sections::Settings, Given, Vec<Fault>) {
    let mut faults = Vec::new();
    let mut given = Given::default();
    let is_read = file.is_none_or(|path| sources::read_file(path, keys, &mut given, &mut faults));
    sources::read_env(env, keys, &mut given, &mut faults);
    sources::read_flags(flags, keys, &mut given, &mut faults);
    let settings = sources::assemble(keys, &mut given, &mut faults);
    // What an unreadable file would have set is not missing.
    if is_read {
        check::all(&settings, &given, needs, &mut faults);
    }
    (settings, given, faults)
}

fn resolve(
    issuer: Issuer,
    settings: sections::Settings,
    keys: &[schema::Key],
    given: &Given,
) -> Config {
    let server = settings.server;
    let tls =
        server
            .tls
            .certificate_file
            .zip(server.tls.key_file)
            .map(|(certificate_file, key_file)| Tls {
                certificate_file,
                key_file,
            });
    let public = server.listen.unwrap_or(if tls.is_some() {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8443))
    } else {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))
    });
    let resolved = [
        ("issuer", issuer.as_str().to_owned()),
        ("server.listen", public.to_string()),
    ];
    Config {
        shown: show::lines(keys, given, &resolved),
        mtls: clients::resolve(settings.mtls, &issuer, tls.as_ref()),
        registration: settings.registration,
        company: console::resolve(settings.console),
        issuer,
        listen: Listen {
            public,
            management: server.management_listen,
            shutdown_grace: server.shutdown_grace,
        },
        tls,
        proxies: Proxies {
            trusted: server.trusted_proxies,
            protocol: server.proxy_protocol,
        },
        database: settings.database,
        keys: settings.keys,
        login: settings.lifetimes,
        limits: settings.limits,
        operators: settings.operators,
        retention: settings.retention,
        streams: settings.streams,
        alerts: settings.alerts,
        checkpoints: settings.checkpoints,
        log: settings.log,
        dpop: settings.dpop,
        branding: settings.branding,
    }
}

impl Config {
    /// The configuration as loaded, as TOML, each value with its origin (`default`, the file's line,
    /// `env NAME`, `flag`) as a trailing comment. Secrets show as `[redacted]`.
    #[must_use]
    pub fn redacted_toml(&self) -> String {
        show::toml(&self.shown)
    }

    /// The JSON Schema (2020-12) of the configuration file. Secrets are `writeOnly`, durations tell
    /// their range as `x-min` and `x-max`.
    #[must_use]
    pub fn json_schema() -> serde_json::Value {
        schema::json()
    }
}
