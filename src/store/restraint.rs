//! When an operator is left alone: it does not answer, or enough was asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one server asks of an operator at most. Several servers ask several times as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Restraint {
    /// Calls that fail within the window before the operator is left alone (time-outs, 5xx, no
    /// connection; never an answer we do not like); 0: never.
    pub breaker_failures: u32,
    /// The window, in seconds. At least half of its calls must have failed, too.
    pub breaker_window_s: u32,
    /// How long it is left alone, in seconds, before one person's login tries it again.
    pub breaker_pause_s: u32,
    /// Departures to it per minute; 0 for no limit.
    pub departures_per_minute: u32,
    /// Departures to it per day; 0 for no limit.
    pub departures_per_day: u32,
}

impl Default for Restraint {
    fn default() -> Self {
        Self {
            breaker_failures: 5,
            breaker_window_s: 10,
            breaker_pause_s: 30,
            departures_per_minute: 0,
            departures_per_day: 0,
        }
    }
}
