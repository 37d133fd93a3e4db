//! Extra checks after the verdict: what a client wants of them, and what an operator offers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::verdict::Outcome;
use crate::verdict::checks::{CheckResult, Checked, Extra};

/// The longest look back that CAMARA's SIM swap check takes, hours.
pub const LONGEST_SIM_SWAP_HOURS: u32 = 2_400;
/// The longest look back of the recycling check, hours: ten years.
pub const LONGEST_RECYCLING_HOURS: u32 = 87_600;

/// What a client does with a check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// It is not made.
    #[default]
    Off,
    /// It is made, and the token tells what came of it.
    Report,
    /// It must pass.
    Require,
}

/// One check, as a client wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckPolicy {
    /// What is done with it.
    pub policy: Policy,
    /// How many hours it looks back.
    pub max_age_hours: u32,
    /// With `require`: whether a check that could not be made counts as passed.
    pub fail_open: bool,
}

impl Default for CheckPolicy {
    fn default() -> Self {
        Self {
            policy: Policy::Off,
            max_age_hours: 240,
            fail_open: false,
        }
    }
}

impl CheckPolicy {
    /// Whether a result refuses the login.
    #[must_use]
    pub fn refuses(&self, result: CheckResult) -> bool {
        self.policy == Policy::Require
            && match result {
                CheckResult::Pass => false,
                CheckResult::Fail => true,
                CheckResult::Unavailable => !self.fail_open,
            }
    }
}

/// The extra checks a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Checks {
    /// Whether the number moved to another SIM lately.
    pub sim_swap: CheckPolicy,
    /// Whether the number was given to somebody else.
    pub number_recycling: CheckPolicy,
    /// Departures to operators per minute and server, over all of its people; 0 for no limit.
    pub departures_per_minute: u32,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            sim_swap: CheckPolicy::default(),
            // Numbers rest for months before they are given away again.
            number_recycling: CheckPolicy {
                max_age_hours: 8_760,
                ..CheckPolicy::default()
            },
            departures_per_minute: 0,
        }
    }
}

impl Checks {
    /// The policy of one check.
    #[must_use]
    pub fn policy(&self, extra: Extra) -> &CheckPolicy {
        match extra {
            Extra::SimSwap => &self.sim_swap,
            Extra::NumberRecycling => &self.number_recycling,
        }
    }

    /// The checks to make, with the hours they look back.
    #[must_use]
    pub fn wanted(&self) -> BTreeMap<Extra, u32> {
        [Extra::SimSwap, Extra::NumberRecycling]
            .into_iter()
            .map(|extra| (extra, self.policy(extra)))
            .filter(|(_, policy)| policy.policy != Policy::Off)
            .map(|(extra, policy)| (extra, policy.max_age_hours))
            .collect()
    }

    /// Why the checks refuse the login, if they do. That the number is somebody else's says more
    /// than that its SIM is new, and either more than that one could not be asked.
    #[must_use]
    pub fn refusal(&self, made: &BTreeMap<Extra, Checked>) -> Option<Outcome> {
        let refused = |extra, result| {
            made.get(&extra).is_some_and(|checked| {
                checked.check.result == result && self.policy(extra).refuses(result)
            })
        };
        let unavailable =
            |extra| refused(extra, CheckResult::Unavailable).then_some(Outcome::CheckUnavailable);
        if refused(Extra::NumberRecycling, CheckResult::Fail) {
            Some(Outcome::NumberRecycled)
        } else if refused(Extra::SimSwap, CheckResult::Fail) {
            Some(Outcome::SimSwapped)
        } else {
            unavailable(Extra::SimSwap).or_else(|| unavailable(Extra::NumberRecycling))
        }
    }
}

/// How an operator gives the token for a check. Never the token of the verification: that one is
/// good for one call. None of these proves possession of the SIM, and none has to: the number was
/// confirmed before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckFlow {
    /// `client_credentials`; the body of the check names the number.
    #[default]
    ClientCredentials,
    /// An assertion of ours whose `sub` is the number (RFC 7523 section 2.1); the body must not.
    JwtBearer,
    /// A back-channel request hinted with the number (CIBA, poll); the body must not.
    Ciba,
}

/// One check, as an operator offers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CheckContract {
    /// How its token is got.
    pub flow: CheckFlow,
    /// The whole URL of the check; absent: CAMARA's path below the API root.
    pub url: Option<String>,
    /// The scope text of its token; absent: CAMARA's.
    pub scope: Option<String>,
}

impl CheckContract {
    /// The URL that is called.
    #[must_use]
    pub fn url(&self, extra: Extra, api_root: &str) -> String {
        let path = match extra {
            Extra::SimSwap => "sim-swap/v2/check",
            Extra::NumberRecycling => "number-recycling/v0.2/check",
        };
        let root = api_root.trim_end_matches('/');
        self.url.clone().unwrap_or_else(|| format!("{root}/{path}"))
    }

    /// The scope that is asked for.
    #[must_use]
    pub fn scope(&self, extra: Extra) -> &str {
        self.scope.as_deref().unwrap_or(match extra {
            Extra::SimSwap => "dpv:FraudPreventionAndDetection sim-swap:check",
            Extra::NumberRecycling => "dpv:FraudPreventionAndDetection number-recycling:check",
        })
    }
}

/// The checks an operator offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Offered {
    /// SIM swap; absent: not offered.
    pub sim_swap: Option<CheckContract>,
    /// Number recycling; absent: not offered.
    pub number_recycling: Option<CheckContract>,
    /// Where back-channel requests go, for the flow `ciba`.
    pub backchannel_endpoint: Option<String>,
    /// Milliseconds for one check, its token included.
    pub timeout_ms: u64,
}

impl Default for Offered {
    fn default() -> Self {
        Self {
            sim_swap: None,
            number_recycling: None,
            backchannel_endpoint: None,
            timeout_ms: 5_000,
        }
    }
}

impl Offered {
    /// The contract of one check, if it is offered.
    #[must_use]
    pub fn contract(&self, extra: Extra) -> Option<&CheckContract> {
        match extra {
            Extra::SimSwap => self.sim_swap.as_ref(),
            Extra::NumberRecycling => self.number_recycling.as_ref(),
        }
    }

    /// Every contract there is.
    pub fn contracts(&self) -> impl Iterator<Item = (Extra, &CheckContract)> {
        [Extra::SimSwap, Extra::NumberRecycling]
            .into_iter()
            .filter_map(|extra| Some((extra, self.contract(extra)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::verdict::Evidence;
    use crate::verdict::checks::Check;

    fn made(results: &[(Extra, CheckResult)]) -> BTreeMap<Extra, Checked> {
        let checked = |result| Checked {
            check: Check {
                result,
                max_age_hours: Some(240),
                checked_at: Clock::system().now(),
            },
            evidence: Evidence::default(),
        };
        results
            .iter()
            .map(|(extra, result)| (*extra, checked(*result)))
            .collect()
    }

    #[test]
    fn every_policy_meets_every_result() {
        use CheckResult::{Fail, Pass, Unavailable};
        use Policy::{Off, Report, Require};
        for (extra, failed) in [
            (Extra::SimSwap, Outcome::SimSwapped),
            (Extra::NumberRecycling, Outcome::NumberRecycled),
        ] {
            for (policy, fail_open, result, refused) in [
                (Off, false, Fail, None),
                (Report, false, Pass, None),
                (Report, false, Fail, None),
                (Report, false, Unavailable, None),
                (Require, false, Pass, None),
                (Require, false, Fail, Some(failed)),
                (Require, false, Unavailable, Some(Outcome::CheckUnavailable)),
                (Require, true, Fail, Some(failed)),
                (Require, true, Unavailable, None),
            ] {
                let mut checks = Checks::default();
                let wanted = match extra {
                    Extra::SimSwap => &mut checks.sim_swap,
                    Extra::NumberRecycling => &mut checks.number_recycling,
                };
                wanted.policy = policy;
                wanted.fail_open = fail_open;
                assert_eq!(checks.refusal(&made(&[(extra, result)])), refused);
                assert_eq!(checks.wanted().len(), usize::from(policy != Off));
            }
        }
    }

    #[test]
    fn the_gravest_finding_is_told() {
        let require = CheckPolicy {
            policy: Policy::Require,
            ..CheckPolicy::default()
        };
        let checks = Checks {
            sim_swap: require,
            number_recycling: require,
            ..Checks::default()
        };
        let both = |swap, recycled| {
            checks.refusal(&made(&[
                (Extra::SimSwap, swap),
                (Extra::NumberRecycling, recycled),
            ]))
        };
        use CheckResult::{Fail, Pass, Unavailable};
        assert_eq!(both(Fail, Fail), Some(Outcome::NumberRecycled));
        assert_eq!(both(Fail, Unavailable), Some(Outcome::SimSwapped));
        assert_eq!(both(Pass, Unavailable), Some(Outcome::CheckUnavailable));
        assert_eq!(both(Pass, Pass), None);
    }
}
