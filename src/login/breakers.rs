//! Breakers that turned: a change the system makes by itself, so it has a record.

use crate::audit::event::{BreakerState, Event, Subject};
use crate::audit::record::{Personal, Recorder};
use crate::store::audit;
use crate::web::app::App;

/// Records what turned since the last time; does nothing, and asks no database, if nothing did. What
/// cannot be recorded now is tried again with the next login.
pub async fn settle(app: &App) {
    let changes = app.operators.take_breaker_changes();
    if changes.is_empty() {
        return;
    }
    let records = changes.iter().map(|change| {
        let state = match change.until {
            Some(_) => BreakerState::Open,
            None => BreakerState::Closed,
        };
        let event = Event::OperatorBreaker {
            replica: app.replica.clone(),
            state,
            until: change.until,
            failures: change.failures,
        };
        let subject = Subject {
            operator: Some(change.operator.clone()),
            ..Subject::default()
        };
        let recorder = Recorder {
            vault: &app.vault,
            now: change.at,
            browser: Personal::default(),
        };
        recorder.record(subject, &event)
    });
    let records: Vec<_> = records.collect();
    if let Err(error) = audit::append_alone(&app.db, app.db.durable(), records).await {
        tracing::warn!(%error, "a breaker that turned is not recorded yet");
        app.operators.give_back_breaker_changes(changes);
    }
}
