//! What is counted of logins. Labels take their values from the operators on record and from the outcomes
//! there are, so their number is bounded, and nothing about a person is among them.

use std::time::Duration;

use crate::verdict::checks::{CheckResult, Extra};
use crate::verdict::{Outcome, Verdict};

/// An operator was asked, and this came of it.
pub fn verdict(operator: &str, verdict: &Verdict) {
    metrics::counter!(
        "numbercloak_verdicts_total",
        "operator" => operator.to_owned(), "outcome" => verdict.outcome().as_str()
    )
    .increment(1);
    let evidence = verdict.evidence();
    for (call, took) in [("token", evidence.token_ms), ("api", evidence.api_ms)] {
        if let Some(took) = took {
            metrics::histogram!(
                "numbercloak_operator_seconds",
                "operator" => operator.to_owned(), "call" => call
            )
            .record(Duration::from_millis(took).as_secs_f64());
        }
    }
    for call in &evidence.billable {
        metrics::counter!(
            "numbercloak_billable_calls_total",
            "operator" => operator.to_owned(), "call" => call.as_str()
        )
        .increment(1);
    }
}

/// An extra check was made, or could not be.
pub fn check(operator: &str, extra: Extra, result: CheckResult) {
    metrics::counter!(
        "numbercloak_checks_total",
        "operator" => operator.to_owned(), "check" => extra.as_str(), "result" => result.as_str()
    )
    .increment(1);
}

/// A login ended.
pub fn end(outcome: Outcome) {
    metrics::counter!("numbercloak_logins_total", "outcome" => outcome.as_str()).increment(1);
}
