//! The flags of an app's extra checks.

use clap::Args;

use crate::cli::input::word;
use crate::store::checks::{CheckPolicy, Checks, Policy};

/// What else is asked about a number.
#[derive(Args, Debug)]
pub struct CheckFlags {
    /// Whether the number's SIM was changed lately: off, report (tokens tell) or require (such a
    /// login is refused).
    #[arg(long, value_name = "POLICY", value_parser = word::<Policy>)]
    sim_swap: Option<Policy>,
    /// How many hours count as lately, 1 to 2400; 240 if never set.
    #[arg(long, value_name = "HOURS")]
    sim_swap_hours: Option<u32>,
    /// Whether a login goes on if a required SIM swap check could not be made: true or false.
    #[arg(long, value_name = "BOOL")]
    sim_swap_fail_open: Option<bool>,
    /// Whether the number was given to somebody else: off, report or require.
    #[arg(long, value_name = "POLICY", value_parser = word::<Policy>)]
    recycling: Option<Policy>,
    /// How many hours that looks back, 1 to 87600; 8760 if never set.
    #[arg(long, value_name = "HOURS")]
    recycling_hours: Option<u32>,
    /// Whether a login goes on if a required recycling check could not be made: true or false.
    #[arg(long, value_name = "BOOL")]
    recycling_fail_open: Option<bool>,
    /// How many of its people may be sent to operators per minute and server; 0 for no limit.
    #[arg(long, value_name = "COUNT")]
    departures_per_minute: Option<u32>,
}

impl CheckFlags {
    /// Writes what was given over what is there.
    pub fn apply(self, checks: &mut Checks) {
        set(
            &mut checks.sim_swap,
            self.sim_swap,
            self.sim_swap_hours,
            self.sim_swap_fail_open,
        );
        set(
            &mut checks.number_recycling,
            self.recycling,
            self.recycling_hours,
            self.recycling_fail_open,
        );
        checks.departures_per_minute = self
            .departures_per_minute
            .unwrap_or(checks.departures_per_minute);
    }
}

fn set(
    check: &mut CheckPolicy,
    policy: Option<Policy>,
    hours: Option<u32>,
    fail_open: Option<bool>,
) {
    *check = CheckPolicy {
        policy: policy.unwrap_or(check.policy),
        max_age_hours: hours.unwrap_or(check.max_age_hours),
        fail_open: fail_open.unwrap_or(check.fail_open),
    };
}
