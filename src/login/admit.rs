//! Before a departure: may this app's login go to this operator now?

use crate::clock::Time;
use crate::store::clients::Client;
use crate::store::operators::Operator;
use crate::verdict::checks::CheckResult;
use crate::verdict::{Evidence, Outcome, Refusal};
use crate::web::app::App;

/// Lets it, and counts it against the budgets.
///
/// # Errors
/// Why it may not. A check that the app requires and the operator does not offer is found here,
/// before anybody pays for a verification that cannot be used.
pub fn admit(app: &App, client: &Client, operator: &Operator, now: Time) -> Result<(), Refusal> {
    let checks = &client.settings.checks;
    for extra in checks.wanted().into_keys() {
        let offered = operator.settings.checks.contract(extra).is_some();
        if !offered && checks.policy(extra).refuses(CheckResult::Unavailable) {
            return Err(Refusal {
                outcome: Outcome::CheckUnavailable,
                evidence: Evidence {
                    stage: "departure".to_owned(),
                    operator: Some(operator.alias.clone()),
                    detail: Some(format!(
                        "the app requires {}, which the operator does not offer",
                        extra.as_str()
                    )),
                    ..Evidence::default()
                },
            });
        }
    }
    let per_minute = checks.departures_per_minute;
    app.operators
        .admit(operator, &client.client_id, per_minute, now)
}
