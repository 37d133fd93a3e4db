//! Whether anybody may depart to an operator now: its breaker, what it said itself (429 and
//! `Retry-After`), our budget for it and the app's. In memory, per server; asked before the
//! departure, so that nobody is sent to a place that will not serve them and nothing is paid for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::TimeDelta;
use uuid::Uuid;

use crate::clock::Time;
use crate::operator::breaker::{Breaker, Turned};
use crate::operator::budget::Bucket;
use crate::store::operators::Operator;
use crate::verdict::{Evidence, Outcome, Refusal, Verdict};

/// How long a 429 without `Retry-After` holds departures back.
const UNSAID: u64 = 30;
/// The longest that an operator's `Retry-After` is honoured, seconds: then one finds out.
const LONGEST: u64 = 3_600;
/// Apps whose budget is remembered; more than that have a budget at no time.
const MOST_APPS: usize = 100_000;

/// The gates of all operators.
#[derive(Clone, Debug, Default)]
pub(super) struct Gates(Arc<Mutex<Inside>>);

#[derive(Debug, Default)]
struct Inside {
    operators: HashMap<Uuid, Gate>,
    apps: HashMap<String, Bucket>,
    changes: Vec<BreakerChange>,
}

#[derive(Debug, Default)]
struct Gate {
    breaker: Breaker,
    held_until: Option<Time>,
    minute: Bucket,
    day: Bucket,
}

/// A breaker turned; to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreakerChange {
    /// The operator, by alias.
    pub operator: String,
    /// Until when it is left alone; absent: it is asked again.
    pub until: Option<Time>,
    /// Calls that failed.
    pub failures: u32,
    /// When.
    pub at: Time,
}

/// Why nobody may depart. The words are a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Breaker,
    OperatorSaid,
    OperatorBudget,
    AppBudget,
}

impl Why {
    fn word(self) -> &'static str {
        match self {
            Self::Breaker => "breaker",
            Self::OperatorSaid => "operator_said",
            Self::OperatorBudget => "operator_budget",
            Self::AppBudget => "app_budget",
        }
    }

    fn told(self) -> (Outcome, &'static str) {
        match self {
            Self::Breaker => (
                Outcome::OperatorUnavailable,
                "not asked: its last calls failed",
            ),
            Self::OperatorSaid => (
                Outcome::OperatorRateLimited,
                "not asked: it said to come back later",
            ),
            Self::OperatorBudget => (
                Outcome::OperatorRateLimited,
                "not asked: the operator's budget is used up",
            ),
            Self::AppBudget => (
                Outcome::OperatorRateLimited,
                "not asked: the app's budget is used up",
            ),
        }
    }
}

impl Gates {
    /// Lets a login of an app depart, and counts it, or says why not and when.
    pub(super) fn admit(
        &self,
        operator: &Operator,
        client_id: &str,
        client_per_minute: u32,
        now: Time,
    ) -> Result<(), Refusal> {
        self.inside()
            .admit(operator, client_id, client_per_minute, now)
            .map_err(|(why, until)| {
                metrics::counter!(
                    "numbercloak_departures_refused_total",
                    "operator" => operator.alias.clone(), "why" => why.word()
                )
                .increment(1);
                let (outcome, detail) = why.told();
                Refusal {
                    outcome,
                    evidence: Evidence {
                        stage: "departure".to_owned(),
                        operator: Some(operator.alias.clone()),
                        detail: Some(detail.to_owned()),
                        retry_after: Some(seconds_until(until, now)),
                        ..Evidence::default()
                    },
                }
            })
    }

    /// Seconds until somebody may depart again, while nobody may.
    pub(super) fn wait(&self, operator: Uuid, now: Time) -> Option<u64> {
        let inside = self.inside();
        let gate = inside.operators.get(&operator)?;
        let until = gate.breaker.waits_until(now).max(gate.held_until)?;
        (now < until).then(|| seconds_until(until, now))
    }

    /// Learns from how a conclusion went.
    pub(super) fn learn(&self, operator: &Operator, verdict: &Verdict, now: Time) {
        let evidence = verdict.evidence();
        // What a browser brings says nothing: anybody can bring `error=server_error`.
        if evidence.stage == "callback" {
            return;
        }
        self.learn_from(operator, verdict.outcome(), evidence.retry_after, now);
    }

    /// Learns from a departure that could not be prepared.
    pub(super) fn learn_refused(&self, operator: &Operator, refusal: &Refusal, now: Time) {
        if matches!(
            refusal.outcome,
            Outcome::OperatorTimeout | Outcome::OperatorUnavailable | Outcome::OperatorRateLimited
        ) {
            let wait = refusal.evidence.retry_after;
            self.learn_from(operator, refusal.outcome, wait, now);
        }
    }

    fn learn_from(&self, operator: &Operator, outcome: Outcome, wait: Option<u64>, now: Time) {
        let mut inside = self.inside();
        let gate = inside.operators.entry(operator.id).or_default();
        if outcome == Outcome::OperatorRateLimited {
            let seconds = wait.unwrap_or(UNSAID).min(LONGEST);
            let until = now + TimeDelta::seconds(i64::try_from(seconds).unwrap_or(0));
            gate.held_until = gate.held_until.max(Some(until));
        }
        let works = !matches!(
            outcome,
            Outcome::OperatorTimeout | Outcome::OperatorUnavailable
        );
        let restraint = &operator.settings.restraint;
        let Some(turned) = gate.breaker.report(works, restraint, now) else {
            return;
        };
        let (until, failures) = match turned {
            Turned::Open { until, failures } => (Some(until), failures),
            Turned::Closed => (None, 0),
        };
        metrics::gauge!("numbercloak_operator_breaker_open", "operator" => operator.alias.clone())
            .set(if until.is_some() { 1.0 } else { 0.0 });
        inside.changes.push(BreakerChange {
            operator: operator.alias.clone(),
            until,
            failures,
            at: now,
        });
    }

    /// The changes nobody took yet.
    pub(super) fn take_changes(&self) -> Vec<BreakerChange> {
        std::mem::take(&mut self.inside().changes)
    }

    /// Gives changes back that could not be recorded.
    pub(super) fn give_back(&self, mut changes: Vec<BreakerChange>) {
        let mut inside = self.inside();
        changes.append(&mut inside.changes);
        inside.changes = changes;
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn admit(
        &mut self,
        operator: &Operator,
        client_id: &str,
        client_per_minute: u32,
        now: Time,
    ) -> Result<(), (Why, Time)> {
        let restraint = &operator.settings.restraint;
        let gate = self.operators.entry(operator.id).or_default();
        if let Some(until) = gate.held_until.filter(|until| now < *until) {
            return Err((Why::OperatorSaid, until));
        }
        gate.held_until = None;
        // Looked at first and taken only if nothing else is in the way.
        let (minute, day) = (TimeDelta::minutes(1), TimeDelta::days(1));
        for (bucket, most, span) in [
            (&mut gate.minute, restraint.departures_per_minute, minute),
            (&mut gate.day, restraint.departures_per_day, day),
        ] {
            bucket
                .look(most, span, now)
                .map_err(|until| (Why::OperatorBudget, until))?;
        }
        if client_per_minute > 0 {
            if self.apps.len() >= MOST_APPS && !self.apps.contains_key(client_id) {
                self.apps.clear();
            }
            let bucket = self.apps.entry(client_id.to_owned()).or_default();
            bucket
                .look(client_per_minute, minute, now)
                .map_err(|until| (Why::AppBudget, until))?;
            gate.breaker
                .admit(restraint, now)
                .map_err(|until| (Why::Breaker, until))?;
            bucket.take();
        } else {
            gate.breaker
                .admit(restraint, now)
                .map_err(|until| (Why::Breaker, until))?;
        }
        gate.minute.take();
        gate.day.take();
        Ok(())
    }
}

/// At least one.
fn seconds_until(until: Time, now: Time) -> u64 {
    let ms = u64::try_from((until - now).num_milliseconds()).unwrap_or(0);
    ms.div_ceil(1_000).max(1)
}
