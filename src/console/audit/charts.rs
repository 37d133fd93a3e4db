//! `/admin/audit/charts`: how logins fare, drawn here as SVG from hours counted once, each with a table.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::response::Response;
use chrono::{DurationRound as _, TimeDelta};
use http::StatusCode;

use crate::admin::charts::{self, Answers, Charts, Span};
use crate::clock::Time;
use crate::console::audit::charts_apps::{self as apps, App};
use crate::console::audit::filter::encoded;
use crate::console::audit::words::{lasted, spelt};
use crate::console::frame::Frame;
use crate::console::overview::percent;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

/// The spans one can look at: the word in the address, its label, hours.
const SPANS: [(&str, &str, i64); 4] = [
    ("24h", "24 hours", 24),
    ("7d", "7 days", 168),
    ("30d", "30 days", 720),
    ("90d", "90 days", 2160),
];
/// Up to this many hours a point is an hour, beyond it a day.
const BY_HOUR: i64 = 48;
/// Operators with a line of their own, those asked most.
const LINES: usize = 6;
/// Reasons shown.
const REASONS: usize = 12;
/// The pictures' sizes, in their own units.
pub const WIDE: i64 = 600;
const HIGH: i64 = 160;
/// Longest text of a filter.
const LONGEST: usize = 100;

/// How one operator did.
struct Line {
    operator: String,
    asked: i64,
    verified: i64,
    rate: String,
    /// The class that gives it its stroke.
    class: usize,
    /// Points of its line, in pieces: where nobody was asked, it breaks.
    pieces: Vec<String>,
    /// Points that stand alone.
    dots: Vec<(i64, i64)>,
}

/// A row of the table under the lines.
struct Bucket {
    at: String,
    cells: Vec<String>,
}

/// A bar and its row in the table.
pub struct Bar {
    /// What it is.
    pub label: String,
    /// How many.
    pub count: i64,
    /// Of how many.
    pub share: String,
    /// How wide it is.
    pub width: i64,
    /// Where its records are.
    pub link: Option<String>,
}

struct Latency {
    operator: String,
    part: &'static str,
    samples: i64,
    p50: String,
    p95: String,
    p99: String,
    widths: [i64; 3],
}

struct Cell {
    x: i64,
    y: i64,
    level: i64,
}

struct Day {
    name: &'static str,
    hours: Vec<i64>,
    y: i64,
}

#[derive(Template)]
#[template(path = "console/audit_charts.html")]
struct Page {
    frame: Frame,
    tab: &'static str,
    span: &'static str,
    spans: [(&'static str, &'static str, i64); 4],
    client: String,
    operator: String,
    counted_until: String,
    begins: String,
    ends: String,
    lines: Vec<Line>,
    others: usize,
    buckets: Vec<Bucket>,
    funnel: Vec<Bar>,
    latencies: Vec<Latency>,
    reasons: Vec<Bar>,
    apps: Vec<App>,
    more_apps: usize,
    /// What became of those that were not on their network and those handed off, over all apps shown or not.
    elsewhere: Vec<Bar>,
    cells: Vec<Cell>,
    days: Vec<Day>,
    busiest: i64,
}

/// Shows them.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let wanted = visit.query.get("span").unwrap_or_default();
    let (span, _, hours) = SPANS
        .into_iter()
        .find(|(word, ..)| *word == wanted)
        .unwrap_or(SPANS[0]);
    let text = |name: &str| {
        let given = visit.query.get(name).unwrap_or_default().trim();
        given.chars().take(LONGEST).collect::<String>()
    };
    let (client, operator) = (text("client"), text("operator"));
    let hour = TimeDelta::hours(1);
    let this_hour = visit.now.duration_trunc(hour).unwrap_or(visit.now);
    let until = this_hour + hour;
    let from = until - TimeDelta::hours(hours);
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let charts = charts::look(
        &visit.desk(),
        &Span {
            from,
            until,
            client_id: some(&client),
            operator: some(&operator),
        },
    )
    .await?;
    let step = if hours <= BY_HOUR {
        hour
    } else {
        TimeDelta::days(1)
    };
    let times = times(from, until, step);
    let (lines, buckets, others) = lines(&charts.answers, &times, step);
    let narrowed = narrowed(&client, &operator, span);
    let page = Page {
        frame: visit.frame("Charts"),
        tab: "charts",
        span,
        spans: SPANS,
        counted_until: told(charts.counted_until),
        begins: label(from, step),
        ends: label(*times.last().unwrap_or(&from), step),
        others,
        lines,
        buckets,
        funnel: funnel(&charts),
        latencies: latencies(&charts),
        reasons: reasons(&charts, &narrowed),
        apps: apps::rows(&charts, span),
        more_apps: charts.apps.len().saturating_sub(apps::MOST),
        elsewhere: apps::elsewhere(&charts),
        cells: cells(&charts.heat),
        days: days(&charts.heat),
        busiest: busiest(&charts.heat),
        client,
        operator,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// The filters of the charts, as those of records.
fn narrowed(client: &str, operator: &str, span: &str) -> String {
    let mut text = format!("since={span}");
    for (name, value) in [("client", client), ("operator", operator)] {
        if !value.is_empty() {
            text = format!("{name}={}&{text}", encoded(value));
        }
    }
    text
}

fn told(until: Option<Time>) -> String {
    until.map_or_else(String::new, |until| {
        until.format("%Y-%m-%d %H:%M").to_string()
    })
}

fn label(at: Time, step: TimeDelta) -> String {
    let format = if step < TimeDelta::days(1) {
        "%m-%d %H:00"
    } else {
        "%m-%d"
    };
    at.format(format).to_string()
}

/// The beginnings of the points: hours, or days of UTC.
fn times(from: Time, until: Time, step: TimeDelta) -> Vec<Time> {
    let first = from.duration_trunc(step).unwrap_or(from);
    let mut times = Vec::new();
    let mut at = first;
    while at < until {
        times.push(at);
        at += step;
    }
    times
}

fn lines(answers: &[Answers], times: &[Time], step: TimeDelta) -> (Vec<Line>, Vec<Bucket>, usize) {
    let mut counts: BTreeMap<(&str, Time), (i64, i64)> = BTreeMap::new();
    let mut asked: BTreeMap<&str, i64> = BTreeMap::new();
    for row in answers {
        let at = row.hour.duration_trunc(step).unwrap_or(row.hour);
        let entry = counts.entry((&row.operator, at)).or_default();
        entry.0 += row.verified;
        entry.1 += row.verified + row.not_verified;
        *asked.entry(&row.operator).or_default() += row.verified + row.not_verified;
    }
    let mut operators: Vec<(&str, i64)> = asked.into_iter().collect();
    operators.sort_by_key(|(name, asked)| (std::cmp::Reverse(*asked), *name));
    let others = operators.len().saturating_sub(LINES);
    operators.truncate(LINES);
    let last = i64::try_from(times.len()).unwrap_or(1).max(2) - 1;
    let lines = operators
        .iter()
        .enumerate()
        .map(|(class, (operator, asked))| {
            let mut runs: Vec<Vec<(i64, i64)>> = vec![Vec::new()];
            let mut verified = 0;
            for (place, at) in (0_i64..).zip(times) {
                match counts.get(&(*operator, *at)) {
                    Some((good, all)) if *all > 0 => {
                        verified += good;
                        let point = (place * WIDE / last, HIGH - good * HIGH / all);
                        if let Some(run) = runs.last_mut() {
                            run.push(point);
                        }
                    }
                    _ => runs.push(Vec::new()),
                }
            }
            let text = |run: &Vec<(i64, i64)>| {
                let points: Vec<String> = run.iter().map(|(x, y)| format!("{x},{y}")).collect();
                points.join(" ")
            };
            Line {
                operator: (*operator).to_owned(),
                asked: *asked,
                verified,
                rate: percent(verified, *asked),
                class,
                pieces: runs.iter().filter(|run| run.len() > 1).map(text).collect(),
                dots: runs
                    .iter()
                    .filter(|run| run.len() == 1)
                    .flatten()
                    .copied()
                    .collect(),
            }
        });
    let lines: Vec<Line> = lines.collect();
    let with_answers: BTreeSet<Time> = counts.keys().map(|(_, at)| *at).collect();
    let bucket = |at: &Time| Bucket {
        at: label(*at, step),
        cells: operators
            .iter()
            .map(|(operator, _)| match counts.get(&(*operator, *at)) {
                Some((good, all)) => format!("{} of {all}", percent(*good, *all)),
                None => "–".to_owned(),
            })
            .collect(),
    };
    let buckets = times
        .iter()
        .filter(|at| with_answers.contains(at))
        .map(bucket)
        .collect();
    (lines, buckets, others)
}

fn funnel(charts: &Charts) -> Vec<Bar> {
    let label = |step: &str| match step {
        "started" => "Started",
        "number_entered" => "Number typed",
        "operator_asked" => "Operator asked",
        "operator_answered" => "Operator answered",
        "verified" => "Number confirmed",
        "code_issued" => "Code issued",
        "code_redeemed" => "Code redeemed",
        _ => "Other",
    };
    let started = charts.funnel.first().map_or(0, |step| step.count);
    let most = charts.funnel.iter().map(|step| step.count).max();
    let most = most.unwrap_or(0).max(1);
    let bar = |step: &charts::Step| Bar {
        label: label(step.step).to_owned(),
        count: step.count,
        share: percent(step.count, started),
        width: step.count * WIDE / most,
        link: None,
    };
    charts.funnel.iter().map(bar).collect()
}

fn latencies(charts: &Charts) -> Vec<Latency> {
    let most = charts.latencies.iter().map(|row| row.p99_ms).max();
    let most = i64::from(most.unwrap_or(0).max(1));
    let row = |row: &charts::Latency| {
        let width = |ms: i32| i64::from(ms) * WIDE / most;
        Latency {
            operator: row.operator.clone(),
            part: match row.part.as_str() {
                "away" => "browser away",
                "token" => "token call",
                _ => "verification call",
            },
            samples: row.samples,
            p50: lasted(i64::from(row.p50_ms)),
            p95: lasted(i64::from(row.p95_ms)),
            p99: lasted(i64::from(row.p99_ms)),
            widths: [width(row.p50_ms), width(row.p95_ms), width(row.p99_ms)],
        }
    };
    charts.latencies.iter().map(row).collect()
}

fn reasons(charts: &Charts, narrowed: &str) -> Vec<Bar> {
    let all: i64 = charts.reasons.iter().map(|reason| reason.count).sum();
    let most = charts.reasons.first().map_or(0, |reason| reason.count);
    let bar = |reason: &charts::Reason| Bar {
        label: if reason.operator_error.is_empty() {
            spelt(&reason.outcome)
        } else {
            format!("{} ({})", spelt(&reason.outcome), reason.operator_error)
        },
        count: reason.count,
        share: percent(reason.count, all),
        width: reason.count * WIDE / most.max(1),
        link: Some(format!("outcome={}&{narrowed}", encoded(&reason.outcome))),
    };
    charts.reasons.iter().take(REASONS).map(bar).collect()
}

fn busiest(heat: &[[i64; 24]; 7]) -> i64 {
    heat.iter().flatten().copied().max().unwrap_or(0)
}

/// A cell's darkness, from 0 to 5: none, and five fifths of the busiest.
fn level(count: i64, most: i64) -> i64 {
    if count == 0 {
        0
    } else {
        (count * 5 + most - 1) / most.max(1)
    }
}

fn cells(heat: &[[i64; 24]; 7]) -> Vec<Cell> {
    let most = busiest(heat);
    let mut cells = Vec::new();
    for (day, hours) in (0_i64..).zip(heat) {
        for (hour, count) in (0_i64..).zip(hours) {
            cells.push(Cell {
                x: 26 + hour * 10,
                y: 10 + day * 10,
                level: level(*count, most),
            });
        }
    }
    cells
}

fn days(heat: &[[i64; 24]; 7]) -> Vec<Day> {
    let names = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let days = names.into_iter().zip(heat).zip(0_i64..);
    days.map(|((name, hours), place)| Day {
        name,
        hours: hours.to_vec(),
        y: 17 + place * 10,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(hour: &str, operator: &str, verified: i64, not_verified: i64) -> Answers {
        Answers {
            hour: hour.parse().unwrap(),
            operator: operator.to_owned(),
            verified,
            not_verified,
        }
    }

    #[test]
    fn a_line_breaks_where_nobody_was_asked() {
        let hour = TimeDelta::hours(1);
        let from: Time = "2026-11-22T00:00:00Z".parse().unwrap();
        let times = times(from, from + TimeDelta::hours(5), hour);
        let answers = [
            answers("2026-11-22T00:00:00Z", "a", 1, 1),
            answers("2026-11-22T01:00:00Z", "a", 2, 0),
            answers("2026-11-22T03:00:00Z", "a", 0, 4),
            answers("2026-11-22T03:00:00Z", "b", 1, 0),
        ];
        let (lines, buckets, others) = lines(&answers, &times, hour);
        assert_eq!(others, 0);
        assert_eq!((lines[0].operator.as_str(), lines[0].asked), ("a", 8));
        assert_eq!(lines[0].pieces, ["0,80 150,0"]);
        assert_eq!(lines[0].dots, [(450, 160)]);
        assert_eq!(lines[1].rate, "100 %");
        assert_eq!(buckets.len(), 3);
        assert_eq!(buckets[2].cells, ["0 % of 4", "100 % of 1"]);
    }

    #[test]
    fn the_busiest_hour_is_darkest_and_an_empty_one_is_not_dark() {
        assert_eq!(level(0, 100), 0);
        assert_eq!(level(1, 100), 1);
        assert_eq!(level(100, 100), 5);
        assert_eq!(level(3, 3), 5);
    }
}
