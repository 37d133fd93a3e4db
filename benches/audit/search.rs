//! The first and the hundredth page of every filter.

use std::time::Instant;

use chrono::TimeDelta;
use numbercloak::admin::Desk;
use numbercloak::admin::audit::{self, Query};
use numbercloak::phone::PhoneNumber;
use numbercloak::verdict::Outcome;

use crate::fill::World;

/// Records on a page, as the console shows them.
const PAGE: u16 = 50;
/// How far somebody pages.
const PAGES: usize = 100;

/// Every filter, alone and as people put them together.
fn questions(world: &World) -> Vec<(&'static str, Query)> {
    let all = Query::default;
    let number = PhoneNumber::from_e164(&world.number).ok();
    let monitor = PhoneNumber::from_e164(&world.monitor).ok();
    let middle = world.time_of(world.records / 2);
    let month = |query: Query| Query {
        since: Some(middle),
        until: Some(middle + TimeDelta::days(30)),
        ..query
    };
    let client = |name: &str| Query {
        client_id: Some(name.to_owned()),
        ..all()
    };
    let kind = |name: &str| Query {
        kind: Some(name.to_owned()),
        ..all()
    };
    let outcome = |outcome| Query {
        outcome: Some(outcome),
        ..all()
    };
    let operator = || Query {
        operator: Some("operator-3".to_owned()),
        ..all()
    };
    let actor = |name: &str| Query {
        actor: Some(name.to_owned()),
        ..all()
    };
    let network = || Query {
        network: Some(world.network),
        ..all()
    };
    vec![
        ("nothing", all()),
        ("a month", month(all())),
        ("type: most logins", kind("NUMBER_VERIFIED")),
        ("type: few", kind("ADMIN_EVENT")),
        ("type: none", kind("HANDOFF_REPORTED")),
        ("client: half of all", client("app-0")),
        ("client: one in 8000", client("app-19")),
        ("client: none", client("nobody")),
        ("operator", operator()),
        ("outcome: verified", outcome(Outcome::Verified)),
        ("outcome: mismatch", outcome(Outcome::Mismatch)),
        ("outcome: none", outcome(Outcome::SimSwapped)),
        ("actor", actor("auditor-3@example.com")),
        ("actor: none", actor("nobody@example.com")),
        (
            "number",
            Query {
                number: number.clone(),
                ..all()
            },
        ),
        ("number, in a month", month(Query { number, ..all() })),
        (
            "number of a monitor",
            Query {
                number: monitor,
                ..all()
            },
        ),
        (
            "network of a carrier",
            Query {
                network: Some(world.carrier),
                ..all()
            },
        ),
        (
            "network of a carrier, client",
            Query {
                network: Some(world.carrier),
                ..client("app-0")
            },
        ),
        (
            "number of a monitor, actor: few, never together",
            Query {
                number: PhoneNumber::from_e164(&world.monitor).ok(),
                ..actor("auditor-3@example.com")
            },
        ),
        (
            "number of a monitor, type: never together",
            Query {
                number: PhoneNumber::from_e164(&world.monitor).ok(),
                ..kind("CODE_TO_TOKEN")
            },
        ),
        (
            "network of a carrier, outcome: never together",
            Query {
                network: Some(world.carrier),
                ..outcome(Outcome::Verified)
            },
        ),
        (
            "type, outcome: never together",
            Query {
                outcome: Some(Outcome::Verified),
                ..kind("CODE_TO_TOKEN")
            },
        ),
        (
            "type, operator: never together",
            Query {
                kind: Some("LOGIN".to_owned()),
                ..operator()
            },
        ),
        (
            "login",
            Query {
                login_id: Some(world.login),
                ..all()
            },
        ),
        (
            "reference",
            Query {
                reference: Some(world.reference.clone()),
                ..all()
            },
        ),
        ("network", network()),
        (
            "network, client",
            Query {
                client_id: Some("app-0".to_owned()),
                ..network()
            },
        ),
        (
            "client, outcome",
            Query {
                outcome: Some(Outcome::Mismatch),
                ..client("app-7")
            },
        ),
        (
            "client: few, outcome: few",
            Query {
                outcome: Some(Outcome::Mismatch),
                ..client("app-19")
            },
        ),
        (
            "operator, outcome, a month",
            month(Query {
                outcome: Some(Outcome::Mismatch),
                ..operator()
            }),
        ),
        (
            "client, type, a month",
            month(Query {
                kind: Some("LOGIN_ERROR".to_owned()),
                ..client("app-0")
            }),
        ),
    ]
}

/// Prints a table.
pub async fn measure(desk: &Desk, world: &World, times: usize) -> anyhow::Result<()> {
    println!("| filter | first page, ms | page 100, ms | pages |\n|---|---|---|---|");
    let mut slowest: f64 = 0.0;
    for (name, query) in questions(world) {
        let first = timed(desk, &query, times).await?;
        let (cursor, pages) = page_through(desk, &query).await?;
        let last = timed(desk, &cursor, times).await?;
        slowest = slowest.max(first).max(last);
        let pages = if pages == PAGES {
            "100+".to_owned()
        } else {
            pages.to_string()
        };
        println!("| {name} | {first:.1} | {last:.1} | {pages} |");
    }
    println!(
        "\nThe slowest took {slowest:.0} ms. Where there are fewer pages, the last one stands for page 100.\n"
    );
    Ok(())
}

/// The middle of some readings, in milliseconds.
async fn timed(desk: &Desk, query: &Query, times: usize) -> anyhow::Result<f64> {
    let mut took = Vec::new();
    for _ in 0..times.max(1) {
        let began = Instant::now();
        audit::list(desk, query.clone(), PAGE).await?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}

/// The query of the hundredth page, or of the last there is, and which one that is.
async fn page_through(desk: &Desk, query: &Query) -> anyhow::Result<(Query, usize)> {
    let mut cursor = query.clone();
    for page in 1..PAGES {
        let found = audit::list(desk, cursor.clone(), PAGE).await?;
        let is_full = found.entries.len() == usize::from(PAGE);
        let last = found.entries.last().filter(|_| is_full);
        match found.looked_back_to.or(last.map(|entry| entry.id)) {
            Some(next) => cursor.before = Some(next),
            None => return Ok((cursor, page)),
        }
    }
    Ok((cursor, PAGES))
}
