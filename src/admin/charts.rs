//! What people look at: how logins fare, from the hours counted once ([`crate::store::rollups`]).

use std::collections::BTreeMap;

use chrono::{Datelike as _, TimeDelta, Timelike as _};
use schemars::JsonSchema;
use serde::Serialize;

use crate::admin::moment::Moment;
use crate::admin::{Desk, Refused};
use crate::clock::Time;
use crate::store::db::StoreError;
use crate::store::rollups::{self, Bucket, Counted, Fared};

/// The longest span, days.
const MOST_DAYS: i64 = 400;

/// Steps of the funnel, each with the events that mean it.
const STEPS: [(&str, &[&str]); 7] = [
    ("started", &["LOGIN_STARTED"]),
    ("number_entered", &["NUMBER_ENTERED"]),
    ("operator_asked", &["OPERATOR_SELECTED"]),
    (
        "operator_answered",
        &["NUMBER_VERIFIED", "NUMBER_NOT_VERIFIED"],
    ),
    ("verified", &["NUMBER_VERIFIED"]),
    ("code_issued", &["LOGIN"]),
    ("code_redeemed", &["CODE_TO_TOKEN"]),
];

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Span {
    /// From this hour on.
    pub from: Time,
    /// And before this one.
    pub until: Time,
    /// Of one client only, by `client_id`. Latencies are counted over all clients.
    pub client_id: Option<String>,
    /// Of one operator only, by alias.
    pub operator: Option<String>,
}

/// Everything the charts show. Whole hours only.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Charts {
    /// The end of the last hour that was counted; later ones are missing.
    #[schemars(with = "Option<Moment>")]
    pub counted_until: Option<Time>,
    /// How operators answered, per hour.
    pub answers: Vec<Answers>,
    /// How far logins came, in the order of their steps.
    pub funnel: Vec<Step>,
    /// How long the parts of legs took.
    pub latencies: Vec<Latency>,
    /// Why logins and checks failed, most frequent first.
    pub reasons: Vec<Reason>,
    /// How logins ended, by app, most logins first. Of all operators: a login may ask several.
    pub apps: Vec<App>,
    /// Logins started, by weekday (Monday first) and hour of the day (UTC).
    pub heat: [[i64; 24]; 7],
}

/// How one operator answered within one hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ChartAnswers")]
pub struct Answers {
    /// The hour's beginning.
    #[schemars(with = "Moment")]
    pub hour: Time,
    /// The operator, by alias.
    pub operator: String,
    /// Numbers it confirmed.
    pub verified: i64,
    /// Whatever else it said, or did not say.
    pub not_verified: i64,
}

/// One step of the funnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ChartStep")]
pub struct Step {
    /// Its name.
    pub step: &'static str,
    /// How many took it.
    pub count: i64,
}

/// How long one part of the legs of one operator took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ChartLatency")]
pub struct Latency {
    /// The operator, by alias.
    pub operator: String,
    /// `away`, `token` or `api`.
    pub part: String,
    /// How many were measured.
    pub samples: i64,
    /// Half took at most this, milliseconds. All are bounds of a histogram, so never too low.
    pub p50_ms: i32,
    /// 95 of 100.
    pub p95_ms: i32,
    /// 99 of 100.
    pub p99_ms: i32,
}

/// How often something failed for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ChartReason")]
pub struct Reason {
    /// The outcome.
    pub outcome: String,
    /// The operator's own error word; empty for none.
    pub operator_error: String,
    /// How often.
    pub count: i64,
}

/// How the logins of one app ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ChartApp")]
pub struct App {
    /// Its `client_id`; empty for none.
    pub client_id: String,
    /// Logins that ended.
    pub ended: i64,
    /// Of them, with a code for the app.
    pub signed_in: i64,
    /// Those whose phone was not on its operator's network at some time: on Wi-Fi, most often.
    pub off_network: i64,
    /// Of these, with a code for the app in the end.
    pub recovered: i64,
    /// Those that a phone took over from a desktop.
    pub handed_off: i64,
    /// Of these, with a code for the app.
    pub handed_off_signed_in: i64,
    /// Hand-offs whose person said that they had not begun them.
    pub reported: i64,
}

impl From<Fared> for App {
    fn from(fared: Fared) -> Self {
        Self {
            client_id: fared.client_id,
            ended: fared.ended,
            signed_in: fared.signed_in,
            off_network: fared.off_network,
            recovered: fared.recovered,
            handed_off: fared.handed_off,
            handed_off_signed_in: fared.handed_off_signed_in,
            reported: fared.reported,
        }
    }
}

/// The charts of a span.
///
/// # Errors
/// [`Refused::Invalid`] if the span is empty or too long.
pub async fn look(desk: &Desk, span: &Span) -> Result<Charts, Refused> {
    let length = span.until - span.from;
    if length <= TimeDelta::zero() || length > TimeDelta::days(MOST_DAYS) {
        let message = format!("the span is at most {MOST_DAYS} days");
        return Err(Refused::invalid("from", message));
    }
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let (from, until) = (span.from, span.until);
    let (client, operator) = (span.client_id.as_deref(), span.operator.as_deref());
    let counted = rollups::counted(&mut db, from, until, client, operator).await?;
    let buckets = rollups::latencies(&mut db, from, until, operator).await?;
    let fared = rollups::fared(&mut db, from, until, client).await?;
    Ok(Charts {
        counted_until: rollups::counted_until(&mut db).await?,
        answers: answers(&counted),
        funnel: funnel(&counted),
        latencies: latencies(&buckets),
        reasons: reasons(&counted),
        apps: fared.into_iter().map(App::from).collect(),
        heat: heat(&counted),
    })
}

fn answers(counted: &[Counted]) -> Vec<Answers> {
    let mut hours: BTreeMap<(Time, &str), (i64, i64)> = BTreeMap::new();
    for row in counted {
        let entry = || (row.hour, row.operator.as_str());
        match row.kind.as_str() {
            "NUMBER_VERIFIED" => hours.entry(entry()).or_default().0 += row.records,
            "NUMBER_NOT_VERIFIED" => hours.entry(entry()).or_default().1 += row.records,
            _ => {}
        }
    }
    let answers =
        |((hour, operator), (verified, not_verified)): ((Time, &str), (i64, i64))| Answers {
            hour,
            operator: operator.to_owned(),
            verified,
            not_verified,
        };
    hours.into_iter().map(answers).collect()
}

fn funnel(counted: &[Counted]) -> Vec<Step> {
    let count = |kinds: &[&str]| {
        let those = counted
            .iter()
            .filter(|row| kinds.contains(&row.kind.as_str()));
        those.map(|row| row.records).sum()
    };
    STEPS
        .iter()
        .map(|(step, kinds)| Step {
            step,
            count: count(kinds),
        })
        .collect()
}

fn latencies(buckets: &[Bucket]) -> Vec<Latency> {
    let mut parts: BTreeMap<(&str, &str), BTreeMap<i32, i64>> = BTreeMap::new();
    for row in buckets {
        let histogram = parts.entry((&row.operator, &row.part)).or_default();
        *histogram.entry(row.at_most_ms).or_default() += row.samples;
    }
    parts
        .into_iter()
        .map(|((operator, part), histogram)| Latency {
            operator: operator.to_owned(),
            part: part.to_owned(),
            samples: histogram.values().sum(),
            p50_ms: percentile(&histogram, 50),
            p95_ms: percentile(&histogram, 95),
            p99_ms: percentile(&histogram, 99),
        })
        .collect()
}

/// The bound under which at least so many of 100 samples lie.
fn percentile(histogram: &BTreeMap<i32, i64>, of_100: i64) -> i32 {
    let all: i64 = histogram.values().sum();
    let mut seen = 0;
    for (bound, samples) in histogram {
        seen += samples;
        if seen * 100 >= all * of_100 {
            return *bound;
        }
    }
    0
}

fn reasons(counted: &[Counted]) -> Vec<Reason> {
    let mut why: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for row in counted {
        let failed = matches!(
            row.kind.as_str(),
            "NUMBER_NOT_VERIFIED" | "OPERATOR_SELECTED_ERROR"
        );
        if failed {
            *why.entry((&row.outcome, &row.reason)).or_default() += row.records;
        }
    }
    let mut reasons: Vec<Reason> = why
        .into_iter()
        .map(|((outcome, reason), count)| Reason {
            outcome: outcome.to_owned(),
            operator_error: reason.to_owned(),
            count,
        })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    reasons
}

fn heat(counted: &[Counted]) -> [[i64; 24]; 7] {
    let mut heat = [[0; 24]; 7];
    for row in counted.iter().filter(|row| row.kind == "LOGIN_STARTED") {
        let day = row.hour.weekday().num_days_from_monday();
        let cell = usize::try_from(day)
            .ok()
            .zip(usize::try_from(row.hour.hour()).ok());
        if let Some((day, hour)) = cell {
            heat[day][hour] += row.records;
        }
    }
    heat
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_bounds_that_hold_so_many() {
        let histogram = BTreeMap::from([(100, 50), (200, 44), (1000, 5), (5000, 1)]);
        assert_eq!(percentile(&histogram, 50), 100);
        assert_eq!(percentile(&histogram, 95), 1000);
        assert_eq!(percentile(&histogram, 99), 1000);
        assert_eq!(percentile(&BTreeMap::new(), 50), 0);
    }

    #[test]
    fn a_monday_s_logins_stand_in_the_first_row() {
        let row = Counted {
            hour: "2026-11-23T13:00:00Z".parse().unwrap(),
            operator: String::new(),
            kind: "LOGIN_STARTED".to_owned(),
            outcome: String::new(),
            reason: String::new(),
            records: 7,
        };
        assert_eq!(heat(&[row])[0][13], 7);
    }
}
