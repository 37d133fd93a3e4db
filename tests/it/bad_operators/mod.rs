//! Operators that do not answer, answer badly, or say that it is enough.

mod answers;
mod beside;
mod breaker;
mod budgets;
mod usage;

use crate::support::app::App;
use crate::support::browser::{Browser, End};
use crate::support::rp::{Departure, Wish};

/// A login about this number as far as it goes, with a press of `Continue` if that is asked.
async fn log_in(app: &App, browser: &mut Browser, number: &str) -> Departure {
    let departure = app.open(browser, &Wish::of(number)).await;
    if matches!(browser.end, End::Page) && browser.title() == "Check your number" {
        browser.press("Continue").await;
    }
    departure
}

/// How the newest login ended: the word of its last record.
async fn last_word(app: &App) -> String {
    let login = *app.logins().await.last().unwrap();
    app.story(login).await.pop().unwrap()
}

/// Requests that one path of the operator's got.
fn asked(app: &App, path: &str) -> usize {
    let received = app.operator.received();
    received.iter().filter(|one| one.path == path).count()
}
