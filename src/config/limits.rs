//! The sections `limits` and `operators`: what one caller, and one call of ours, may cost.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::span;

/// Sizes, times and rates that bound what one caller can cost.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Limits {
    /// Bytes of the request line and headers.
    #[schemars(range(min = 8192, max = 131_072))]
    pub header_bytes: usize,
    /// Bytes of a request's body; more get 413.
    #[schemars(range(min = 8192, max = 1_048_576))]
    pub form_bytes: usize,
    /// Parameters in a query or form; a request with more is refused.
    #[schemars(range(min = 20, max = 1000))]
    pub parameters: usize,
    /// How long a client may take to send the headers.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1s", "x-max" = "60s"))]
    pub header_timeout: Duration,
    /// How long a client may take to send the body.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1s", "x-max" = "60s"))]
    pub body_timeout: Duration,
    /// How long a request may take in all.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "5s", "x-max" = "5m"))]
    pub request_timeout: Duration,
    /// Requests in work at once per server; more get 503 with Retry-After.
    #[schemars(range(min = 16, max = 100_000))]
    pub requests_in_flight: usize,
    /// Calls to one operator in work at once per server; more end as operator_unavailable, so that an
    /// operator that hangs takes nothing from the others.
    #[schemars(range(min = 4, max = 10_000))]
    pub operator_calls_in_flight: usize,
    /// Logins one browser may have open; another one makes it forget the oldest.
    #[schemars(range(min = 1, max = 16))]
    pub open_logins_per_browser: u32,
    /// Checks of one number per hour, over all browsers and clients; 0 for no limit.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub tries_per_number_per_hour: u32,
    /// Different numbers that one browser may try per hour; 0 for no limit. Those it has tried it may try
    /// again.
    #[schemars(range(min = 0, max = 1000))]
    pub numbers_per_browser_per_hour: u32,
    /// Logins started from one address (IPv6: one /64) per minute. Mobile networks put thousands of
    /// people behind one address.
    #[schemars(range(min = 10, max = 1_000_000))]
    pub logins_per_address_per_minute: u32,
    /// Failed authentications of one client from one address (IPv6: one /64) per minute; more get 429.
    #[schemars(range(min = 1, max = 1000))]
    pub client_failures_per_minute: u32,
    /// Short codes of a hand-off typed from one address (IPv6: one /64) per minute.
    #[schemars(range(min = 1, max = 1000))]
    pub handoff_codes_per_address_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 16 * 1024,
            form_bytes: 64 * 1024,
            parameters: 100,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            requests_in_flight: 1024,
            operator_calls_in_flight: 256,
            open_logins_per_browser: 10,
            tries_per_number_per_hour: 10,
            numbers_per_browser_per_hour: 5,
            logins_per_address_per_minute: 600,
            client_failures_per_minute: 10,
            handoff_codes_per_address_per_minute: 5,
        }
    }
}

/// Calls to operators and to URLs that clients register.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Operators {
    /// Whether operators marked `test` work. They vouch for numbers that do not exist.
    pub allow_test: bool,
    /// Private and loopback networks that may be called: false for none, true for all, or a list of
    /// networks.
    #[serde(deserialize_with = "networks")]
    #[schemars(
        schema_with = "networks_schema",
        example = ["10.20.0.0/16"]
    )]
    pub allow_private_addresses: Vec<IpNet>,
    /// PEM file with authorities that are trusted beside the system's, for every call of ours: to
    /// operators, and to addresses that apps registered (jwks_uri, sector_identifier_uri,
    /// backchannel_logout_uri). For a test suite or an office network with an authority of its own. Read
    /// at start.
    #[schemars(with = "String", example = "/etc/numbercloak/office-ca.crt", extend("format" = "path"))]
    pub extra_ca_file: Option<PathBuf>,
    /// How long connecting may take, at most; an operator's own record may say less.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "100ms", "x-max" = "30s"))]
    pub connect_timeout: Duration,
    /// How long one call may take in all, at most; not shorter than connect_timeout. An operator's
    /// own record may say less.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "500ms", "x-max" = "60s"))]
    pub total_timeout: Duration,
    /// Bytes of an answer, at most.
    #[schemars(range(min = 4096, max = 1_048_576))]
    pub max_answer_bytes: usize,
}

impl Default for Operators {
    fn default() -> Self {
        Self {
            allow_test: false,
            allow_private_addresses: Vec::new(),
            extra_ca_file: None,
            connect_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(8),
            max_answer_bytes: 64 * 1024,
        }
    }
}

fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected true, false or networks such as 10.20.0.0/16"
    )]
    enum Networks {
        All(bool),
        Some(Vec<IpNet>),
    }
    Ok(match Networks::deserialize(from)? {
        Networks::All(false) => Vec::new(),
        Networks::All(true) => vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
        Networks::Some(list) => list,
    })
}

fn networks_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": ["boolean", "array"], "items": { "type": "string" } })
}
