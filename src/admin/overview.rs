//! How sign-ins went in the last 24 hours, the current one and the 23 before it, and what needs attention: what staff look at first.

use chrono::{DurationRound as _, TimeDelta};
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::moment::Moment;
use crate::admin::{Desk, Refused, breakers};
use crate::clock::Time;
use crate::secret::first_id;
use crate::store::overview::{self, Attention, Health};

const HOURS: i32 = 24;
/// Secrets that end within so long are told.
const SOON: TimeDelta = TimeDelta::days(14);

/// Everything of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Overview {
    /// Sign-ins that ended with a code for the app.
    pub signed_in: i64,
    /// Those that ended without.
    pub failed: i64,
    /// The same hour by hour, the current one last.
    pub hours: Vec<Hour>,
    /// How every operator that was asked did.
    pub operators: Vec<Fared>,
    /// Enabled apps.
    pub apps: i64,
    /// What needs somebody's attention.
    pub attention: Vec<Note>,
}

/// One hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "OverviewHour")]
pub struct Hour {
    /// When it began.
    #[schemars(with = "Moment")]
    pub hour: Time,
    /// Sign-ins that ended with a code for the app.
    pub signed_in: i64,
    /// Those that ended without.
    pub failed: i64,
}

/// How one operator did.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "OverviewOperator")]
pub struct Fared {
    /// Its alias.
    pub operator: String,
    /// Trips that ended.
    pub trips: i64,
    /// Those it confirmed.
    pub verified: i64,
    /// Those that failed for a fault of the operator or the contract with it.
    pub faults: i64,
    /// Of the answers from its servers, the time within which 95 of 100 came, in milliseconds.
    pub p95_ms: Option<f64>,
    /// How the last trip ended.
    pub last: Option<String>,
}

impl From<Health> for Fared {
    fn from(health: Health) -> Self {
        Self {
            operator: health.operator,
            trips: health.trips,
            verified: health.verified,
            faults: health.faults,
            p95_ms: health.p95_ms,
            last: health.last,
        }
    }
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "OverviewNoteKind")]
pub enum About {
    /// No operator is connected.
    NoOperator,
    /// None but test operators are.
    OnlyTestOperators,
    /// No app is registered.
    NoApp,
    /// An operator is left alone because its calls fail.
    OperatorLeftAlone,
    /// Many trips to an operator failed for its fault.
    OperatorFaults,
    /// An app's last secret ends soon.
    SecretEnds,
}

/// One thing that needs attention.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "OverviewNote")]
pub struct Note {
    /// What it is about.
    pub about: About,
    /// The operator's alias or the app's `client_id`; null if it is about none.
    pub subject: Option<String>,
    /// What is wrong, for people.
    pub says: String,
}

/// Looks.
///
/// # Errors
/// [`Refused::Database`].
pub async fn look(desk: &Desk) -> Result<Overview, Refused> {
    let this_hour = desk
        .now
        .duration_trunc(TimeDelta::hours(1))
        .unwrap_or(desk.now);
    let begin = this_hour - TimeDelta::hours(i64::from(HOURS) - 1);
    let counted = overview::hours(&desk.db, first_id(begin)).await?;
    let healths = overview::operators(&desk.db, first_id(begin)).await?;
    let attention = overview::attention(&desk.db, desk.now, desk.now + SOON).await?;
    let open = breakers::open(desk).await?;
    let hours: Vec<Hour> = (0..HOURS)
        .map(|i| {
            let hour = begin + TimeDelta::hours(i64::from(i));
            let found = counted.iter().find(|counted| counted.hour == hour);
            let (signed_in, failed) = found.map_or((0, 0), |found| (found.good, found.failed));
            Hour {
                hour,
                signed_in,
                failed,
            }
        })
        .collect();
    let left_alone = open.iter().map(|breaker| breaker.operator.as_str());
    Ok(Overview {
        signed_in: hours.iter().map(|hour| hour.signed_in).sum(),
        failed: hours.iter().map(|hour| hour.failed).sum(),
        hours,
        apps: attention.clients,
        attention: notes(&attention, &healths, left_alone),
        operators: healths.into_iter().map(Fared::from).collect(),
    })
}

/// A share in percent; a dash for a share of nothing.
#[must_use]
pub fn percent(part: i64, whole: i64) -> String {
    if whole == 0 {
        "–".to_owned()
    } else {
        format!("{} %", (part * 100 + whole / 2) / whole)
    }
}

fn notes<'a>(
    attention: &Attention,
    healths: &[Health],
    left_alone: impl Iterator<Item = &'a str>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |about, subject: Option<&str>, says: String| {
        notes.push(Note {
            about,
            subject: subject.map(str::to_owned),
            says,
        });
    };
    if attention.live_operators + attention.test_operators == 0 {
        let says = "No operator is connected: nobody can sign in.";
        note(About::NoOperator, None, says.to_owned());
    } else if attention.live_operators == 0 {
        let says = "Only test operators are connected: only +990 numbers of test apps can sign in.";
        note(About::OnlyTestOperators, None, says.to_owned());
    }
    if attention.clients == 0 {
        note(About::NoApp, None, "No app is registered yet.".to_owned());
    }
    for alias in left_alone {
        let says = format!("{alias} does not answer and is left alone for now.");
        note(About::OperatorLeftAlone, Some(alias), says);
    }
    for health in healths {
        if health.trips >= 10 && health.faults * 5 >= health.trips {
            let share = percent(health.faults, health.trips);
            let alias = &health.operator;
            let says = format!("{share} of the trips to {alias} failed for its fault.");
            note(About::OperatorFaults, Some(alias), says);
        }
    }
    for client in &attention.ending {
        let says = format!("The last secret of {client} ends within 14 days.");
        note(About::SecretEnds, Some(client), says);
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_and_a_share_of_nothing_is_a_dash() {
        assert_eq!(percent(2, 3), "67 %");
        assert_eq!(percent(0, 3), "0 %");
        assert_eq!(percent(0, 0), "–");
    }

    #[test]
    fn what_is_missing_or_fails_is_told_with_its_name() {
        let attention = Attention {
            ending: vec!["shop".to_owned()],
            live_operators: 0,
            test_operators: 1,
            clients: 0,
        };
        let health = |operator: &str, faults| Health {
            operator: operator.to_owned(),
            trips: 10,
            verified: 10 - faults,
            faults,
            p95_ms: None,
            last: None,
        };
        let told = notes(
            &attention,
            &[health("a", 1), health("b", 2)],
            ["c"].into_iter(),
        );
        let told: Vec<_> = told
            .iter()
            .map(|note| (note.about, note.subject.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                (About::OnlyTestOperators, None),
                (About::NoApp, None),
                (About::OperatorLeftAlone, Some("c")),
                (About::OperatorFaults, Some("b")),
                (About::SecretEnds, Some("shop")),
            ]
        );
    }
}
