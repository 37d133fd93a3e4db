//! Every key: name, type, default, range and description, in the shape of the file; the longer
//! sections are in files of their own. A key's doc comment is its description in `config schema`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::checkpoints::Checkpoints;
use super::clients::{MtlsSection, Registration};
use super::console::ConsoleSection;
use super::issuer::Issuer;
use super::lifetimes::Lifetimes;
use super::limits::{Limits, Operators};
use super::records::{Alerts, Retention, Streams};
use super::span;
use crate::secret::Redacted;

/// Numbercloak's configuration file.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(title = "Numbercloak configuration")]
pub(super) struct Settings {
    /// The issuer identifier and base of all URLs, as relying parties configure it. https, or http
    /// on loopback. Required.
    #[schemars(with = "String", example = "https://id.example.com")]
    pub(super) issuer: Option<Issuer>,
    pub(super) server: Server,
    pub(super) mtls: MtlsSection,
    pub(super) registration: Registration,
    pub(super) database: Database,
    pub(super) keys: Keys,
    pub(super) lifetimes: Lifetimes,
    pub(super) limits: Limits,
    pub(super) operators: Operators,
    pub(super) console: ConsoleSection,
    pub(super) dpop: Dpop,
    pub(super) retention: Retention,
    pub(super) streams: Streams,
    pub(super) alerts: Alerts,
    pub(super) checkpoints: Checkpoints,
    pub(super) log: Log,
    pub(super) branding: Branding,
}

/// Proofs of the keys that tokens are bound to (RFC 9449).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Dpop {
    /// Whether a proof must hold a nonce of ours, so that none can be made in advance. Costs apps a
    /// second request every few minutes.
    pub require_nonce: bool,
}

/// Listeners, TLS and proxies.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct Server {
    /// Address and port for browsers and relying parties. Default 0.0.0.0:8443 with server.tls,
    /// else 127.0.0.1:8080.
    #[schemars(with = "String", example = "0.0.0.0:8443")]
    pub(super) listen: Option<SocketAddr>,
    /// Address and port of /healthz, /readyz and /metrics. Keep it away from the internet.
    #[schemars(with = "String")]
    pub(super) management_listen: SocketAddr,
    /// Networks of the reverse proxies in front, whose forwarded headers (or PROXY line) are
    /// believed. Without it they are ignored.
    #[schemars(with = "Vec<String>", example = ["10.0.0.0/8"])]
    pub(super) trusted_proxies: Vec<IpNet>,
    /// Whether trusted proxies start every connection with a PROXY protocol line.
    pub(super) proxy_protocol: bool,
    /// How long open requests may take to end after a stop signal.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "0s", "x-max" = "10m"))]
    pub(super) shutdown_grace: Duration,
    pub(super) tls: TlsFiles,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: None,
            management_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9000)),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            shutdown_grace: Duration::from_secs(30),
            tls: TlsFiles::default(),
        }
    }
}

/// Our own TLS; leave it out behind a proxy that ends TLS.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct TlsFiles {
    /// PEM file with the certificate chain, leaf first. Reloaded when it changes.
    #[schemars(with = "String", example = "/etc/numbercloak/tls.crt", extend("format" = "path"))]
    pub(super) certificate_file: Option<PathBuf>,
    /// PEM file with the private key, not readable by others.
    #[schemars(with = "String", example = "/etc/numbercloak/tls.key", extend("format" = "path"))]
    pub(super) key_file: Option<PathBuf>,
}

/// PostgreSQL.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Database {
    /// PostgreSQL URL of the application's role. Required. DATABASE_URL is read if nothing else
    /// sets it.
    #[serde(skip_serializing)]
    #[schemars(with = "String", example = "postgres://numbercloak_app@db/numbercloak")]
    pub url: Redacted,
    /// PostgreSQL URL of the role that owns the tables, for `numbercloak migrate`.
    #[serde(skip_serializing)]
    #[schemars(
        with = "String",
        example = "postgres://numbercloak_owner@db/numbercloak"
    )]
    pub migrator_url: Option<Redacted>,
    /// Connections for the steps of a login, at most, of each of two kinds; 9 more are for the rest.
    #[schemars(range(min = 2, max = 1000))]
    pub max_connections: u32,
    /// How long a request waits for a free connection.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "100ms", "x-max" = "30s"))]
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "100ms", "x-max" = "60s"))]
    pub statement_timeout: Duration,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: Redacted::new(""),
            migrator_url: None,
            max_connections: 8,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(3),
        }
    }
}

/// Where the root keys are, exactly one of the first three is set; and how often signing keys change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Keys {
    /// File with the active root key, one line from `numbercloak key init`, not readable by group
    /// or others.
    #[schemars(with = "String", example = "/etc/numbercloak/root.key", extend("format" = "path"))]
    pub root_key_file: Option<PathBuf>,
    /// The active root key's line itself; only from the environment.
    #[serde(skip_serializing)]
    #[schemars(with = "String", example = "<line from numbercloak key init>")]
    pub root_key: Option<Redacted>,
    /// Program and arguments that print the active root key's line, for a KMS; run without a shell.
    #[schemars(example = ["/usr/local/bin/kms-decrypt", "numbercloak-root"])]
    pub root_key_command: Vec<String>,
    /// Files with earlier root keys, which still open what they sealed.
    #[schemars(example = ["/etc/numbercloak/root-2025.key"], extend("format" = "path"))]
    pub retired_root_key_files: Vec<PathBuf>,
    /// How long a key signs tokens until the next one does, by itself; that one was published at
    /// least a day before. 0s leaves it to people; else from 2d.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "0s", "x-max" = "800d"))]
    pub rotate_every: Duration,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            root_key_file: None,
            root_key: None,
            root_key_command: Vec::new(),
            retired_root_key_files: Vec::new(),
            rotate_every: Duration::from_secs(90 * 86_400),
        }
    }
}

/// Logs go to standard output.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Log {
    /// One JSON object per line, or text for people.
    pub format: LogFormat,
    /// The least severe level written.
    pub level: LogLevel,
}

/// The shape of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Json,
    Text,
}

/// The least severe level written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    /// The level's name, as filters read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// What people see of whoever runs this.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Branding {
    /// The name on our pages.
    pub service_name: String,
    /// Where people find help; linked from every page if set.
    #[schemars(with = "String", example = "https://example.com/help")]
    pub support_url: Option<String>,
}

impl Default for Branding {
    fn default() -> Self {
        Self {
            service_name: "Numbercloak".to_owned(),
            support_url: None,
        }
    }
}
