//! `/admin`: how sign-ins go, and what needs attention.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

pub use crate::admin::overview::percent;
use crate::admin::overview::{self, About, Fared};
use crate::clock::Time;
use crate::console::frame::Frame;
use crate::console::trouble::Trouble;
use crate::console::visit::Visit;
use crate::web::headers::PageClass;
use crate::web::page::render;

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
    health: Fared,
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
    let seen = overview::look(&visit.desk()).await?;
    let counts = seen.hours.iter().map(|h| h.signed_in + h.failed);
    let most = counts.max().unwrap_or(0).max(1);
    let bars = seen
        .hours
        .iter()
        .zip((0..).step_by(10))
        .map(|(hour, x)| Bar {
            hour: hour.hour,
            good: hour.signed_in,
            failed: hour.failed,
            x,
            good_height: hour.signed_in * HIGH / most,
            failed_height: hour.failed * HIGH / most,
        });
    let page = Page {
        frame: visit.frame("Overview"),
        bars: bars.collect(),
        good: seen.signed_in,
        failed: seen.failed,
        rate: percent(seen.signed_in, seen.signed_in + seen.failed),
        notes: seen.attention.into_iter().map(note).collect(),
        clients: seen.apps,
        operators: seen.operators.into_iter().map(row).collect(),
    };
    Ok(render(StatusCode::OK, PageClass::Console, &page))
}

/// How one operator did, as a row reads it.
fn row(health: Fared) -> Row {
    Row {
        verified: percent(health.verified, health.trips),
        faults: percent(health.faults, health.trips),
        p95: milliseconds(health.p95_ms),
        health,
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

/// A note with where to mend it.
fn note(note: overview::Note) -> Note {
    let (path, link) = match note.about {
        About::NoOperator => ("/admin/operators/new", "Connect one"),
        About::OnlyTestOperators => ("/admin/operators/new", "Connect a live one"),
        About::NoApp => ("/admin/clients/new", "Register one"),
        About::OperatorLeftAlone | About::OperatorFaults => ("/admin/operators", "Operators"),
        About::SecretEnds => ("/admin/clients", "Clients"),
    };
    Note {
        text: note.says,
        path,
        link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_people_read_them() {
        assert_eq!(milliseconds(Some(12.4)), "12 ms");
        assert_eq!(milliseconds(Some(1234.0)), "1.2 s");
        assert_eq!(milliseconds(None), "–");
    }
}
