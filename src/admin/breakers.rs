//! Which servers leave which operators alone.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::moment::Moment;
use crate::admin::{Desk, Refused};
use crate::audit::event::BreakerState;
use crate::clock::Time;
use crate::store::breakers;

/// How long a breaker that nobody closed is still told: its server may be gone.
const TOLD_FOR: TimeDelta = TimeDelta::minutes(10);

/// A server that leaves an operator alone because its calls fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OpenBreaker {
    /// The operator, by alias.
    #[serde(skip)]
    pub operator: String,
    /// The server.
    pub replica: String,
    /// `open`, or `half_open`: the next login tries.
    pub state: &'static str,
    /// When it opened, or a try failed last.
    #[schemars(with = "Moment")]
    pub since: Time,
    /// When the next login may try.
    #[schemars(with = "Moment")]
    pub until: Time,
}

/// The breakers that are not closed, as the servers' last records say.
///
/// # Errors
/// [`Refused::Database`].
pub async fn open(desk: &Desk) -> Result<Vec<OpenBreaker>, Refused> {
    // A pause lasts an hour at most.
    let since = desk.now - TOLD_FOR - TimeDelta::hours(2);
    let mut tx = desk.begin().await?;
    let last = breakers::last_changes(&mut tx, since).await?;
    let open = last.into_iter().filter_map(|change| {
        let until = change
            .until
            .filter(|_| change.state == BreakerState::Open)?;
        (desk.now < until + TOLD_FOR).then_some(OpenBreaker {
            operator: change.operator,
            replica: change.replica,
            state: if desk.now < until {
                "open"
            } else {
                "half_open"
            },
            since: change.since,
            until,
        })
    });
    Ok(open.collect())
}
