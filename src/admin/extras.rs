//! The rules for extra checks and restraint, on either side's record.

use crate::admin::Refused;
use crate::admin::endpoint::check_endpoint;
use crate::store::checks::{
    CheckFlow, Checks, LONGEST_RECYCLING_HOURS, LONGEST_SIM_SWAP_HOURS, Offered,
};
use crate::store::restraint::Restraint;

/// What an app may want.
pub(super) fn check_wanted(checks: &Checks) -> Result<(), Refused> {
    for (field, hours, most) in [
        (
            "checks.sim_swap",
            checks.sim_swap.max_age_hours,
            LONGEST_SIM_SWAP_HOURS,
        ),
        (
            "checks.number_recycling",
            checks.number_recycling.max_age_hours,
            LONGEST_RECYCLING_HOURS,
        ),
    ] {
        if !(1..=most).contains(&hours) {
            let message = format!("max_age_hours is 1 to {most}");
            return Err(Refused::invalid(field, message));
        }
    }
    Ok(())
}

/// What an operator may offer.
pub(super) fn check_offered(offered: &Offered) -> Result<(), Refused> {
    for (extra, contract) in offered.contracts() {
        let field = match extra.as_str() {
            "sim_swap" => "checks.sim_swap",
            _ => "checks.number_recycling",
        };
        if let Some(url) = &contract.url {
            check_endpoint(field, url)?;
        }
        if contract.scope(extra).trim().is_empty() {
            return Err(Refused::invalid(field, "write the scope text of its token"));
        }
        if contract.flow == CheckFlow::Ciba && offered.backchannel_endpoint.is_none() {
            let message = "the flow ciba needs checks.backchannel_endpoint";
            return Err(Refused::invalid(field, message));
        }
    }
    if let Some(url) = &offered.backchannel_endpoint {
        check_endpoint("checks.backchannel_endpoint", url)?;
    }
    // With the other calls of a callback it must end before the login counts as stuck.
    if !(500..=10_000).contains(&offered.timeout_ms) {
        return Err(Refused::invalid("checks.timeout_ms", "is 500 to 10000"));
    }
    Ok(())
}

/// Whether the checks need our key at the operator.
pub(super) fn need_a_key(offered: &Offered) -> bool {
    let mut contracts = offered.contracts();
    contracts.any(|(_, contract)| contract.flow == CheckFlow::JwtBearer)
}

/// When an operator may be left alone.
pub(super) fn check_restraint(restraint: &Restraint) -> Result<(), Refused> {
    for (field, value, least, most) in [
        (
            "restraint.breaker_failures",
            restraint.breaker_failures,
            0,
            256,
        ),
        (
            "restraint.breaker_window_s",
            restraint.breaker_window_s,
            1,
            600,
        ),
        (
            "restraint.breaker_pause_s",
            restraint.breaker_pause_s,
            1,
            3_600,
        ),
    ] {
        if !(least..=most).contains(&value) {
            return Err(Refused::invalid(field, format!("is {least} to {most}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::checks::CheckContract;

    #[test]
    fn a_check_looks_back_as_far_as_the_operators_do() {
        for (hours, fits) in [(0, false), (1, true), (2_400, true), (2_401, false)] {
            let mut checks = Checks::default();
            checks.sim_swap.max_age_hours = hours;
            assert_eq!(check_wanted(&checks).is_ok(), fits, "{hours}");
        }
    }

    #[test]
    fn what_is_offered_can_be_asked() {
        let offered = |contract: CheckContract| Offered {
            sim_swap: Some(contract),
            ..Offered::default()
        };
        assert!(check_offered(&offered(CheckContract::default())).is_ok());
        let http = CheckContract {
            url: Some("http://op.example/check".to_owned()),
            ..CheckContract::default()
        };
        assert!(check_offered(&offered(http)).is_err());
        let ciba = CheckContract {
            flow: CheckFlow::Ciba,
            ..CheckContract::default()
        };
        assert!(check_offered(&offered(ciba.clone())).is_err());
        let with_endpoint = Offered {
            backchannel_endpoint: Some("https://op.example/bc-authorize".to_owned()),
            ..offered(ciba)
        };
        assert!(check_offered(&with_endpoint).is_ok());
        let slow = Offered {
            timeout_ms: 60_000,
            ..Offered::default()
        };
        assert!(check_offered(&slow).is_err());
    }
}
