//! Ends logins nobody came back to, and those whose operator call was cut short because the server
//! died. Every end has its record.

use std::time::Duration;

use crate::audit::event::{Event, Subject};
use crate::audit::record::{Recorder, SYSTEM};
use crate::login::counted;
use crate::login::opening::about;
use crate::store::audit::Appended;
use crate::store::db::StoreError;
use crate::store::logins::{self, Login};
use crate::store::path;
use crate::verdict::Outcome;
use crate::web::app::App;

/// An operator call never takes this long; whoever was making it is gone.
const STUCK: Duration = Duration::from_secs(45);

/// The most logins ended in one go.
const BATCH: i64 = 500;

/// Ends what is overdue; returns how many logins were.
///
/// # Errors
/// If the database cannot be used.
pub async fn run(app: &App) -> Result<usize, StoreError> {
    let now = app.clock.now();
    let overdue =
        logins::overdue(app.db.relaxed_steps(), &app.vault, now, now - STUCK, BATCH).await?;
    logins::close_superseded(app.db.relaxed_steps(), now, BATCH).await?;
    path::forget_visits(app.db.relaxed_steps(), now - path::WINDOW * 2).await?;
    let mut ended = 0;
    for login in &overdue {
        match end(app, login).await {
            Ok(()) => ended += 1,
            // Another replica, or the person, was first.
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(ended)
}

/// Ends one login; one whose operator call was cut short may go on.
///
/// # Errors
/// [`StoreError::Stale`] if somebody else was first; or the database.
pub(super) async fn end(app: &App, login: &Login) -> Result<(), StoreError> {
    let now = app.clock.now();
    let in_time = now < login.expires_at;
    let outcome = if in_time {
        // Stuck: the answer is lost, and what it was is unknown. The person may start again.
        Outcome::OperatorTimeout
    } else {
        Outcome::Abandoned
    };
    let recorder = Recorder::system(&app.vault, now);
    let subject = Subject {
        operator: login.operator.clone(),
        outcome: Some(outcome),
        actor: Some(SYSTEM.to_owned()),
        ..about(login)
    };
    let event = Event::LoginError {
        error: None,
        reason: None,
    };
    let record = recorder.record(subject, &event);
    let records = Appended::new([record]);
    match (in_time, login.leg_id) {
        (true, Some(leg)) => {
            path::refuse(
                app.db.relaxed_steps(),
                login.id,
                leg,
                (outcome, None),
                now,
                records,
            )
            .await
        }
        _ => {
            path::end(
                app.db.relaxed_steps(),
                login.id,
                outcome,
                None,
                now,
                records,
            )
            .await?;
            counted::end(outcome);
            Ok(())
        }
    }
}
