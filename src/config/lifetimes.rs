//! The section `lifetimes`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long things live and how long audit records are kept.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct LifetimesSection {
    #[serde(flatten)]
    pub(super) login: Lifetimes,
    #[serde(flatten)]
    pub(super) audit: Audit,
}

/// How long things of a login, session or grant live.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Lifetimes {
    /// One attempt to sign in, from the authorization request to its end.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1m", "x-max" = "1h"))]
    pub login: Duration,
    /// One trip to an operator; not longer than login.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "30s", "x-max" = "30m"))]
    pub leg: Duration,
    /// The QR code that moves a login to a phone; not longer than login.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "30s", "x-max" = "10m"))]
    pub handoff_ticket: Duration,
    /// An authorization code. FAPI clients get at most 60s whatever stands here.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "5s", "x-max" = "10m"))]
    pub code: Duration,
    /// A pushed authorization request.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "5s", "x-max" = "10m"))]
    pub pushed_request: Duration,
    /// An access token.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1m", "x-max" = "24h"))]
    pub access_token: Duration,
    /// An ID token.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1m", "x-max" = "24h"))]
    pub id_token: Duration,
    /// A refresh grant, counted from the verdict it rests on.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1h", "x-max" = "400d"))]
    pub refresh_grant: Duration,
    /// A browser session without use.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1m", "x-max" = "90d"))]
    pub session_idle: Duration,
    /// A browser session in any case.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "5m", "x-max" = "400d"))]
    pub session_absolute: Duration,
    /// A person's remembered consent to release their number to an app.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1h", "x-max" = "400d"))]
    pub go_ahead: Duration,
    /// A session of an admin or auditor without use.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1m", "x-max" = "12h"))]
    pub staff_idle: Duration,
    /// A session of an admin or auditor in any case.
    #[serde(with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "5m", "x-max" = "24h"))]
    pub staff_absolute: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            login: Duration::from_secs(15 * MINUTE),
            leg: Duration::from_secs(5 * MINUTE),
            handoff_ticket: Duration::from_secs(180),
            code: Duration::from_secs(60),
            pushed_request: Duration::from_secs(90),
            access_token: Duration::from_secs(10 * MINUTE),
            id_token: Duration::from_secs(10 * MINUTE),
            refresh_grant: Duration::from_secs(30 * DAY),
            session_idle: Duration::from_secs(8 * HOUR),
            session_absolute: Duration::from_secs(24 * HOUR),
            go_ahead: Duration::from_secs(90 * DAY),
            staff_idle: Duration::from_secs(15 * MINUTE),
            staff_absolute: Duration::from_secs(8 * HOUR),
        }
    }
}

/// How long audit records are kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Audit {
    /// The personal part of an audit record: number, address, browser; not longer than audit.
    #[serde(rename = "audit_personal", with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "1d", "x-max" = "3660d"))]
    pub personal: Duration,
    /// An audit record.
    #[serde(rename = "audit", with = "span")]
    #[schemars(with = "span::Text", extend("x-min" = "30d", "x-max" = "3660d"))]
    pub records: Duration,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            personal: Duration::from_secs(90 * DAY),
            records: Duration::from_secs(396 * DAY),
        }
    }
}
