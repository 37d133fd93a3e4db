//! The sections `retention`, `streams` and `alerts`: what becomes of audit records.

use std::net::SocketAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::span;
use crate::secret::Redacted;

const DAY: u64 = 24 * 60 * 60;

/// How long records stay. They go in whole months, once the youngest record of a month is that old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Retention {
    /// Audit records, without what is personal in them.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "31d", "x-max" = "3700d"))]
    pub audit: Duration,
    /// The personal part of audit records: numbers, addresses, browsers' names.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1d", "x-max" = "3700d"))]
    pub personal: Duration,
    /// Logins and their trips to operators, as rows; their audit records stay.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1d", "x-max" = "400d"))]
    pub logins: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            audit: Duration::from_secs(396 * DAY),
            personal: Duration::from_secs(90 * DAY),
            logins: Duration::from_secs(35 * DAY),
        }
    }
}

/// Where audit records are sent besides being kept; nothing personal is in them. Each comes at least
/// once, and again under the same id if its taking was not confirmed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Streams {
    /// Standard output, one JSON object a line, beside the log.
    pub stdout: bool,
    /// A syslog server (RFC 5424), as tcp://address:port or udp://address:port. Neither confirms what it
    /// took; over udp records are lost.
    #[schemars(with = "String", example = "tcp://10.0.0.7:601")]
    pub syslog: Option<SyslogTo>,
    /// An HTTP endpoint that answers 2xx once it has what was sent: records as lines of JSON, up to 100
    /// at once. Private addresses must be allowed by operators.allow_private_addresses.
    #[schemars(with = "String", example = "https://siem.example.com/numbercloak")]
    pub webhook_url: Option<String>,
    /// The key of the HMAC that proves what it gets. Required with streams.webhook_url.
    #[serde(skip_serializing)]
    #[schemars(with = "String", example = "<at least 32 random characters>")]
    pub webhook_secret: Option<Redacted>,
    /// An OpenTelemetry collector's logs endpoint (OTLP over HTTP, JSON). Private addresses must be allowed by
    /// operators.allow_private_addresses.
    #[schemars(with = "String", example = "https://collector.example.com/v1/logs")]
    pub otlp_url: Option<String>,
    /// What stands in its Authorization header, such as Bearer and a token.
    #[serde(skip_serializing)]
    #[schemars(with = "String", example = &"Bearer <token>")]
    pub otlp_authorization: Option<Redacted>,
}

/// A syslog server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyslogTo {
    /// Octet counting over TCP (RFC 6587).
    Tcp(SocketAddr),
    /// One datagram a record (RFC 5426).
    Udp(SocketAddr),
}

impl Serialize for SyslogTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Tcp(address) => serializer.collect_str(&format_args!("tcp://{address}")),
            Self::Udp(address) => serializer.collect_str(&format_args!("udp://{address}")),
        }
    }
}

impl<'de> Deserialize<'de> for SyslogTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let address = |rest: &str| rest.parse::<SocketAddr>().ok();
        text.strip_prefix("tcp://")
            .and_then(address)
            .map(Self::Tcp)
            .or_else(|| text.strip_prefix("udp://").and_then(address).map(Self::Udp))
            .ok_or_else(|| {
                serde::de::Error::custom("write tcp://address:port or udp://address:port")
            })
    }
}

/// When people should look; an alert is an audit record of its own, so streams bring it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Alerts {
    /// Numbers of another SIM within 15 minutes at one operator; 0 for no alert.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub mismatches: u32,
    /// Hand-offs that people reported within 15 minutes; 0 for no alert.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub hand_off_reports: u32,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            mismatches: 50,
            hand_off_reports: 1,
        }
    }
}
