//! Extra checks: what an operator is asked about a number after it confirmed it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::verdict::{Call, Evidence};

/// An extra check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Extra {
    /// Whether the number moved to another SIM lately.
    SimSwap,
    /// Whether the number was given to somebody else.
    NumberRecycling,
}

impl Extra {
    /// The word in tokens, records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SimSwap => "sim_swap",
            Self::NumberRecycling => "number_recycling",
        }
    }

    /// The call that makes it.
    #[must_use]
    pub fn call(self) -> Call {
        match self {
            Self::SimSwap => Call::SimSwap,
            Self::NumberRecycling => Call::NumberRecycling,
        }
    }
}

/// What came of an extra check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As the client wants it.
    Pass,
    /// Not as the client wants it.
    Fail,
    /// The operator could not say.
    Unavailable,
}

impl CheckResult {
    /// The word in tokens, records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unavailable => "unavailable",
        }
    }
}

/// One extra check, as it stands in the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What came of it.
    pub result: CheckResult,
    /// The hours it looked back, where it looks back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_hours: Option<u32>,
    /// When the operator answered, in whole seconds.
    #[serde(with = "chrono::serde::ts_seconds")]
    pub checked_at: Time,
}

/// One extra check, as it stands in the audit record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// What came of it.
    #[serde(flatten)]
    pub check: Check,
    /// What was seen on the wire.
    #[serde(default, skip_serializing_if = "Evidence::is_empty")]
    pub evidence: Evidence,
}

/// All extra checks of one verdict.
pub type CheckedAll = BTreeMap<Extra, Checked>;

/// The same as the token tells them, by name.
#[must_use]
pub fn for_token(all: &CheckedAll) -> BTreeMap<String, Check> {
    all.iter()
        .map(|(extra, checked)| (extra.as_str().to_owned(), checked.check.clone()))
        .collect()
}
