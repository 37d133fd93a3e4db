//! The figures of a run, and how they are written down.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::load::Outcome;
use crate::meters::{Bill, Memory};
use crate::person::STEPS;

/// Where [`STEPS`] has the callback.
const CALLBACK: usize = 3;

/// One run, finished.
pub struct Run {
    /// `silent`, `page` or `session`.
    pub mode: &'static str,
    /// The algorithm of the ID tokens.
    pub alg: &'static str,
    /// How logins followed each other.
    pub arrivals: String,
    /// Milliseconds the operator took for each answer on purpose.
    pub operator_ms: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// What it cost.
    pub bill: Bill,
    /// The memory after it.
    pub memory: Memory,
    /// How long the operator took inside each callback.
    pub operator: HashMap<Uuid, Duration>,
}

/// Half, 95 and 99 of 100 were at least as fast; milliseconds.
#[derive(Clone, Copy)]
struct Percentiles([f64; 3]);

impl Percentiles {
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let last = times.len().checked_sub(1)?;
        let at = |share: f64| milliseconds(times[(last as f64 * share).round() as usize]);
        Some(Self([at(0.50), at(0.95), at(0.99)]))
    }

    fn json(self) -> Value {
        json!({ "p50": self.0[0], "p95": self.0[1], "p99": self.0[2] })
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p95, p99] = self.0;
        write!(f, "{p50:.1} / {p95:.1} / {p99:.1}")
    }
}

impl Run {
    /// Logins that went well, per second.
    pub fn rate(&self) -> f64 {
        self.outcome.logins.len() as f64 / self.outcome.took.as_secs_f64()
    }

    /// Logins that did not go well.
    pub fn failed(&self) -> u64 {
        self.outcome.failures.values().sum()
    }

    fn per_login(&self, amount: f64) -> f64 {
        amount / (self.outcome.logins.len().max(1)) as f64
    }

    fn statements(&self, wanted: impl Fn(&crate::meters::StatementBill) -> bool) -> f64 {
        let calls = self.bill.statements.iter().filter(|s| wanted(s));
        self.per_login(calls.map(|s| s.calls as f64).sum())
    }

    /// The whole login, every step that was needed, and the callback without the operator's calls.
    fn times(&self) -> Vec<(&'static str, Percentiles)> {
        let logins = &self.outcome.logins;
        let mut rows = Vec::new();
        for (i, step) in STEPS.into_iter().enumerate() {
            let times = logins.iter().map(|done| done.login.steps[i]);
            rows.push((step, Percentiles::of(times.filter(|t| !t.is_zero()))));
            if i == CALLBACK {
                let operator = |txn| self.operator.get(txn).copied();
                let inside = logins.iter().filter_map(|done| operator(&done.login.txn));
                let ours = logins.iter().filter_map(|done| {
                    let operator = operator(&done.login.txn)?;
                    Some(done.login.steps[i].saturating_sub(operator))
                });
                rows.push(("callback: operator", Percentiles::of(inside)));
                rows.push(("callback: ours", Percentiles::of(ours)));
            }
        }
        rows.push((
            "whole login",
            Percentiles::of(logins.iter().map(|d| d.whole)),
        ));
        rows.into_iter()
            .filter_map(|(name, percentiles)| Some((name, percentiles?)))
            .collect()
    }

    fn processor(&self) -> [(&'static str, Duration); 4] {
        [
            ("server", self.bill.server),
            ("postgres", self.bill.postgres),
            ("simulator", self.bill.simulator),
            ("load", self.bill.load),
        ]
    }

    /// Everything, for machines.
    pub fn json(&self) -> Value {
        let steps: BTreeMap<_, _> = self
            .times()
            .into_iter()
            .map(|(name, percentiles)| (name, percentiles.json()))
            .collect();
        let processor: BTreeMap<_, _> = self
            .processor()
            .into_iter()
            .map(|(name, time)| (name, self.per_login(milliseconds(time))))
            .collect();
        let statements: Vec<_> = self
            .bill
            .statements
            .iter()
            .map(|s| {
                json!({
                    "per_login": self.per_login(s.calls as f64),
                    "ms_each": s.milliseconds / s.calls as f64,
                    "planning_ms_each": s.planning / s.calls as f64,
                    "waits_for_disk": s.waits_for_disk(),
                    "text": s.text,
                })
            })
            .collect();
        json!({
            "mode": self.mode,
            "alg": self.alg,
            "arrivals": self.arrivals,
            "operator_ms": self.operator_ms,
            "seconds": self.outcome.took.as_secs_f64(),
            "logins": self.outcome.logins.len(),
            "logins_per_second": self.rate(),
            "failures": self.outcome.failures,
            "ms": steps,
            "cpu_ms_per_login": processor,
            "cpu_seconds_of_others": self.bill.others.as_secs_f64(),
            "statements_per_login": self.statements(|_| true),
            "commits_that_wait_per_login": self.statements(|s| s.waits_for_disk()),
            "log_syncs_per_login": self.per_login(self.bill.log_syncs as f64),
            "log_bytes_per_login": self.per_login(self.bill.log_bytes),
            "server_rss_bytes": self.memory.server,
            "server_rss_peak_bytes": self.memory.server_peak,
            "postgres_pss_bytes": self.memory.postgres,
            "statements": statements,
        })
    }
}

/// All runs, as the tables of docs/performance.md.
pub fn markdown(runs: &[Run]) -> String {
    let mut text = String::from(
        "| logins | ID token | arrivals | logins/s | failed | whole login p50 / p95 / p99 ms \
         | CPU ms per login: server | Postgres | simulator | load client | others on the machine \
         | statements | waits for disk | fsyncs | log kB | server RSS now / peak MB | Postgres MB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for run in runs {
        let whole = Percentiles::of(run.outcome.logins.iter().map(|d| d.whole));
        let cpu = run
            .processor()
            .map(|(_, time)| format!("{:.2}", run.per_login(milliseconds(time))));
        let share = run.bill.others.as_secs_f64() / run.bill.took.as_secs_f64();
        let counted = !run.bill.statements.is_empty();
        let count = |value: f64| match counted {
            true => format!("{value:.2}"),
            false => "–".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} | {} | {} | {} | {:.2} cores | {} | {} | {:.2} | {:.1} | {:.0} / {:.0} | {:.0} |",
            run.mode,
            run.alg,
            run.arrivals,
            run.rate(),
            run.failed(),
            whole.map(|w| w.to_string()).unwrap_or_default(),
            cpu.join(" | "),
            share,
            count(run.statements(|_| true)),
            count(run.statements(|s| s.waits_for_disk())),
            run.per_login(run.bill.log_syncs as f64),
            run.per_login(run.bill.log_bytes) / 1024.0,
            megabytes(run.memory.server),
            megabytes(run.memory.server_peak),
            megabytes(run.memory.postgres),
        );
    }
    text.push_str("\np50 / p95 / p99 of each step, ms:\n\n| step |");
    for run in runs {
        let _ = write!(text, " {} {} {} |", run.mode, run.alg, run.arrivals);
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(runs.len()));
    text.push('\n');
    let tables: Vec<HashMap<_, _>> = runs
        .iter()
        .map(|r| r.times().into_iter().collect())
        .collect();
    let ours = ["callback: operator", "callback: ours", "whole login"];
    let names = STEPS[..=CALLBACK]
        .iter()
        .chain(&ours[..2])
        .chain(&STEPS[CALLBACK + 1..])
        .chain(&ours[2..]);
    for name in names {
        let _ = write!(text, "| {name} |");
        for table in &tables {
            let cell = table.get(name).map(Percentiles::to_string);
            let _ = write!(text, " {} |", cell.as_deref().unwrap_or("–"));
        }
        text.push('\n');
    }
    text
}

/// What the server asked of Postgres in one run, per login.
pub fn statements(run: &Run) -> String {
    let mut text = String::from(
        "\n| statement | per login | ms inside Postgres | planning ms | waits for disk |\n\
         |---|---|---|---|---|\n",
    );
    for statement in &run.bill.statements {
        let per_login = run.per_login(statement.calls as f64);
        if per_login < 0.005 {
            continue;
        }
        let short: String = statement.text.chars().take(90).collect();
        let _ = writeln!(
            text,
            "| `{}` | {per_login:.2} | {:.3} | {:.3} | {} |",
            short.replace('|', "\\|"),
            statement.milliseconds / statement.calls as f64,
            statement.planning / statement.calls as f64,
            if statement.waits_for_disk() {
                "yes"
            } else {
                ""
            },
        );
    }
    text
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
