//! The tables of docs/operators.md say what is so: every row of them is tried.

use std::time::Duration;

use numbercloak::oauth::error::OAuthError;
use numbercloak::simulator::Persona;
use numbercloak::simulator::scenario::{Scenario, TABLE};
use numbercloak::verdict::Outcome;

use super::expected::{Goes, askings, expected};
use super::{World, follow_what_the_operator_shows};
use crate::handoff::Scene;
use crate::support::app::{App, NUMBER};
use crate::support::browser::{Browser, End};
use crate::support::rp::{Answer, Departure, Rp, Wish};

const PAGE: &str = include_str!("../../../../docs/operators.md");

/// The rows of the first table under a heading, cell by cell.
fn table(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = PAGE.split_once(&format!("\n{heading}\n")).unwrap();
    let rows = section
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    rows.skip(2).map(cells).collect()
}

/// What stands between the first two backticks.
fn code(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

#[test]
fn every_number_that_the_page_names_does_what_it_says() {
    let rows = table("### Magic numbers");
    assert!(rows.len() > 20);
    for row in rows {
        let number = code(&row[0]).unwrap();
        let scenario = number
            .strip_prefix("+99070")
            .and_then(|digits| Scenario::with_code(digits.parse().ok()?))
            .unwrap_or_else(|| panic!("{number} is none"));
        let Some(outcome) = code(&row[2]) else {
            continue;
        };
        // The page says where it means another persona than the usual one, or an app that wants more.
        let mut ways = Persona::ALL.into_iter().flat_map(|persona| {
            let ways = askings(persona, scenario).into_iter();
            ways.map(move |asking| expected(persona, asking, scenario.effect))
        });
        let meant = |goes: Goes| match goes {
            Goes::To(reached) => reached.as_str() == outcome,
            // Nobody comes back from there.
            Goes::Stuck(_) | Goes::Nowhere => outcome == Outcome::Abandoned.as_str(),
            Goes::Lost => false,
        };
        assert!(ways.any(meant), "{number} does not lead to {outcome}");
    }
}

#[test]
fn the_page_says_how_many_numbers_there_are() {
    let count = format!("{} of them", TABLE.len());
    assert!(PAGE.contains(&count), "docs/operators.md: {count}");
}

/// The row of an outcome in the table that shows them all.
struct Row {
    outcome: Outcome,
    number: String,
    told: Option<String>,
}

fn rows() -> Vec<Row> {
    let read = |cells: Vec<String>| {
        let word = code(&cells[0]).unwrap().to_owned();
        let mut known = Outcome::ALL.into_iter();
        Row {
            outcome: known.find(|one| one.as_str() == word).expect(&word),
            number: code(&cells[1]).unwrap().to_owned(),
            told: code(&cells[3]).map(str::to_owned),
        }
    };
    let rows = table("### Every outcome, live");
    rows.into_iter().map(read).collect()
}

#[tokio::test]
async fn every_outcome_can_be_shown_with_a_number_that_anybody_can_type() {
    let rows = rows();
    let listed: Vec<Outcome> = rows.iter().map(|row| row.outcome).collect();
    assert_eq!(listed, Outcome::ALL, "each once, in their order");
    let world = World::of(Persona::Camara21).await;
    for row in &rows {
        match row.outcome {
            Outcome::HandoffStopped => stopped_on_the_phone(row).await,
            Outcome::RateLimited => asked_too_often(row).await,
            _ => shown(&world, row).await,
        }
        // After a 429 nobody departs for a while.
        world.app.clock.advance(Duration::from_secs(61));
    }
}

async fn shown(world: &World, row: &Row) {
    let word = row.outcome.as_str();
    let app = &world.app;
    let rp = match row.outcome {
        Outcome::SimSwapped | Outcome::NumberRecycled | Outcome::CheckUnavailable => &world.bank,
        _ => &app.shop,
    };
    let mut browser = app.browser();
    let departure = rp.depart(&Wish::of(&row.number)).await;
    browser.open(&departure.url).await;
    let login = browser.login();
    if row.outcome == Outcome::UserCancelled {
        browser.press("Cancel").await;
    } else {
        browser.press("Continue").await;
    }
    match row.outcome {
        Outcome::Expired => {
            app.clock.advance(Duration::from_secs(16 * 60));
            let scenario = Scenario::with_code(1047).unwrap();
            assert_eq!(row.number, scenario.number());
            follow_what_the_operator_shows(&mut browser, scenario).await;
            let back = browser.page().document.links[0].1.clone();
            browser.follow(&back).await;
        }
        Outcome::BrowserMismatch => {
            let text = browser.page().document.text.clone();
            let printed = text.split(' ').find(|word| word.starts_with("http"));
            app.browser().open(printed.unwrap()).await;
        }
        Outcome::Abandoned => {
            app.clock.advance(Duration::from_secs(16 * 60));
            app.sweep().await;
        }
        Outcome::Verified | Outcome::UserCancelled => {}
        _ => browser.press(&format!("Return to {}", rp.client_id)).await,
    }
    let story = app.story(login).await;
    let ends = |with: &str| story.iter().any(|line| line.ends_with(&format!(" {with}")));
    // The server may have swept what was over before the operator's answer came.
    let swept = row.outcome == Outcome::Expired && ends("abandoned");
    assert!(ends(word) || swept, "{word}: {story:?}");
    told(rp, row, &browser, &departure);
}

/// What the app was told is what the page says.
fn told(rp: &Rp, row: &Row, browser: &Browser, departure: &Departure) {
    let word = row.outcome.as_str();
    let End::Left(left) = &browser.end else {
        assert_eq!(row.told, None, "{word}: the app is told nothing");
        return;
    };
    match rp.answer(departure, left) {
        Answer::Code(_) => assert_eq!((row.outcome, &row.told), (Outcome::Verified, &None)),
        Answer::Error(error, first_word) => {
            assert_eq!(row.told.as_deref(), Some(error.as_str()), "{word}");
            let told = match row.outcome {
                // The app did not ask for silence: what the operator lacked was the person's yes.
                Outcome::ConsentRequired => Outcome::ConsentDenied,
                other => other,
            };
            assert_eq!(first_word, told.as_str());
            let promised = OAuthError::for_outcome(told).unwrap();
            assert_eq!(error, promised.code.as_str(), "{word}");
        }
    }
}

async fn stopped_on_the_phone(row: &Row) {
    assert_eq!(row.number, NUMBER);
    let mut scene = Scene::new().await;
    scene.say_no().await;
    let story = scene.story().await;
    assert!(story.iter().any(|line| line.ends_with(" handoff_stopped")));
    told(&scene.app.shop, row, &scene.desktop, &scene.departure);
}

async fn asked_too_often(row: &Row) {
    let app = App::builder()
        .config("limits.tries_per_number_per_hour", "2")
        .start()
        .await;
    for _ in 0..2 {
        let mut browser = app.browser();
        app.sign_in(&mut browser, &Wish::of(&row.number)).await;
    }
    let mut browser = app.browser();
    let departure = app.open(&mut browser, &Wish::of(&row.number)).await;
    let login = browser.login();
    browser.press("Continue").await;
    assert_eq!(browser.page().status, 429);
    browser.press("Return to shop").await;
    let story = app.story(login).await;
    assert!(story.iter().any(|line| line.ends_with(" rate_limited")));
    told(&app.shop, row, &browser, &departure);
}
