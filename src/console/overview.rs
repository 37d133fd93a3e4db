//! `/admin`: how sign-ins go, and what needs attention.

use askama::Template;
use axum::response::Response;
use chrono::{DurationRound as _, TimeDelta};
use http::StatusCode;

use crate::admin::breakers;
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::secret::first_id;
use crate::store::overview::{self, Attention, Health};
use crate::web::headers::PageClass;
use crate::web::page::render;

const HOURS: i32 = 24;
/// Secrets that end within so long are told.
const SOON: TimeDelta = TimeDelta::days(14);
/// The picture's height, in its own units.
const HIGH: i64 = 100;

/// One bar of the picture.
struct Bar {
    hour: Time,
    good: i64,
    failed: i64,
    x: i32,
    good_height: i64,
    failed_height: i64,
}

struct Row {
    health: Health,
    verified: String,
    faults: String,
    p95: String,
}

struct Note {
    text: String,
    path: &'static str,
    link: &'static str,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Page {
    frame: Frame,
    bars: Vec<Bar>,
    good: i64,
    failed: i64,
    rate: String,
    operators: Vec<Row>,
    notes: Vec<Note>,
    clients: i64,
}

/// Shows it.
pub async fn show(visit: Visit) -> Result<Response, Trouble> {
    let pool = visit.app.db.relaxed();
    let this_hour = visit
        .now
        .duration_trunc(TimeDelta::hours(1))
        .unwrap_or(visit.now);
    let begin = this_hour - TimeDelta::hours(i64::from(HOURS) - 1);
    let counted = overview::hours(pool, first_id(begin)).await?;
    let healths = overview::operators(pool, first_id(visit.now - TimeDelta::hours(24))).await?;
    let attention = overview::attention(pool, visit.now, visit.now + SOON).await?;
    let open = breakers::open(&visit.desk()).await?;

    let most = counted
        .iter()
        .map(|h| h.good + h.failed)
        .max()
        .unwrap_or(0)
        .max(1);
    let bars: Vec<Bar> = (0..HOURS)
        .map(|i| {
            let hour = begin + TimeDelta::hours(i64::from(i));
            let found = counted.iter().find(|counted| counted.hour == hour);
            let (good, failed) = found.map_or((0, 0), |found| (found.good, found.failed));
            Bar {
                hour,
                good,
                failed,
                x: i * 10,
                good_height: good * HIGH / most,
                failed_height: failed * HIGH / most,
            }
        })
        .collect();
    let good = bars.iter().map(|bar| bar.good).sum();
    let failed = bars.iter().map(|bar| bar.failed).sum();
    let page = Page {
        frame: visit.frame("Overview"),
        good,
        failed,
        rate: percent(good, good + failed),
        notes: notes(
            &attention,
            &healths,
            open.iter().map(|b| b.operator.as_str()),
        ),
        clients: attention.clients,
        operators: healths.into_iter().map(row).collect(),
        bars,
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// How one operator did, as a row reads it.
fn row(health: Health) -> Row {
    Row {
        verified: percent(health.verified, health.trips),
        faults: percent(health.faults, health.trips),
        p95: milliseconds(health.p95_ms),
        health,
    }
}

/// A share in percent; a dash for a share of nothing.
pub fn percent(part: i64, whole: i64) -> String {
    if whole == 0 {
        "–".to_owned()
    } else {
        format!("{} %", (part * 100 + whole / 2) / whole)
    }
}

/// A time as people read it.
pub fn milliseconds(ms: Option<f64>) -> String {
    match ms {
        None => "–".to_owned(),
        Some(ms) if ms < 1000.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{:.1} s", ms / 1000.0),
    }
}

fn notes<'a>(
    attention: &Attention,
    healths: &[Health],
    open: impl Iterator<Item = &'a str>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    let mut note = |text: String, path, link| notes.push(Note { text, path, link });
    if attention.live_operators + attention.test_operators == 0 {
        let text = "No operator is connected: nobody can sign in.".to_owned();
        note(text, "/admin/operators/new", "Connect one");
    } else if attention.live_operators == 0 {
        let text = "Only test operators are connected: only +990 numbers of test apps can sign in.";
        note(
            text.to_owned(),
            "/admin/operators/new",
            "Connect a live one",
        );
    }
    if attention.clients == 0 {
        let text = "No app is registered yet.".to_owned();
        note(text, "/admin/clients/new", "Register one");
    }
    for alias in open {
        let text = format!("{alias} does not answer and is left alone for now.");
        note(text, "/admin/operators", "Operators");
    }
    for health in healths {
        if health.trips >= 10 && health.faults * 5 >= health.trips {
            let share = percent(health.faults, health.trips);
            let text = format!(
                "{share} of the trips to {} failed for its fault.",
                health.operator
            );
            note(text, "/admin/operators", "Operators");
        }
    }
    for client in &attention.ending {
        let text = format!("The last secret of {client} ends within 14 days.");
        note(text, "/admin/clients", "Clients");
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_and_nothing_is_a_dash() {
        assert_eq!(percent(2, 3), "67 %");
        assert_eq!(percent(0, 3), "0 %");
        assert_eq!(percent(0, 0), "–");
        assert_eq!(milliseconds(Some(12.4)), "12 ms");
        assert_eq!(milliseconds(Some(1234.0)), "1.2 s");
        assert_eq!(milliseconds(None), "–");
    }
}
