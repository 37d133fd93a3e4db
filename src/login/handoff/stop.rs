//! The person at the phone says no, or that they never asked: the login ends, and its number is handed
//! off to nobody for a while. Whoever holds the ticket can do that, and nothing else with it.

use crate::audit::event::{Event, Subject};
use crate::login::opening::about;
use crate::login::{answer, counted};
use crate::oauth::error::OAuthError;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::handoffs::{self, Handoff};
use crate::store::logins::{Login, seal_answer};
use crate::verdict::Outcome;
use crate::web::app::App;
use crate::web::browser::Browser;
use crate::web::failure::Failure;

/// Stops a hand-off from the phone. One that is over already stays as it is.
pub async fn stop(
    app: &App,
    browser: &Browser,
    login: &Login,
    handoff: &Handoff,
) -> Result<(), Failure> {
    let now = app.clock.now();
    let outcome = Outcome::HandoffStopped;
    let told = answer::of_outcome(outcome);
    let subject = || Subject {
        outcome: Some(outcome),
        ..about(login)
    };
    let stopped = Event::HandoffStopped {
        handoff: handoff.id,
        by: "phone".to_owned(),
    };
    let error = OAuthError::for_outcome(outcome).map(|error| error.code.as_str().to_owned());
    let recorder = browser.recorder(app, now);
    let records = [
        recorder.record(subject(), &stopped),
        recorder.record(
            subject(),
            &Event::LoginError {
                error,
                reason: None,
            },
        ),
    ];
    let done = handoffs::stop(
        app.db.durable_steps(),
        handoff,
        &seal_answer(&app.vault, &login.id, &told),
        now + app.config.login.handoff_cool_down,
        now,
        Appended::new(records),
    )
    .await;
    match done {
        Ok(()) => {
            counted::end(outcome);
            Ok(())
        }
        Err(StoreError::Stale) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The same, and somebody should look at it: the record is there for staff to find.
pub async fn report(
    app: &App,
    browser: &Browser,
    login: &Login,
    handoff: &Handoff,
) -> Result<(), Failure> {
    stop(app, browser, login, handoff).await?;
    let now = app.clock.now();
    let event = Event::HandoffReported {
        handoff: handoff.id,
    };
    let record = browser.recorder(app, now).record(about(login), &event);
    let cooled_until = now + app.config.login.handoff_cool_down;
    let records = Appended::new([record]);
    let lane = app.db.durable_steps();
    match handoffs::report(lane, handoff.id, cooled_until, now, records).await {
        Ok(()) => {
            metrics::counter!("numbercloak_handoffs_reported_total").increment(1);
            Ok(())
        }
        Err(StoreError::Stale) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
