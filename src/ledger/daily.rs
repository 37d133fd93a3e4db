//! The daily verification: one of the servers looks at the whole log, against what the outside places have,
//! records what it found, and raises an alert if anything is wrong.

use std::time::Duration;

use chrono::{TimeDelta, Timelike as _};
use sqlx::{Connection as _, PgConnection};

use crate::audit::event::{Event, Subject};
use crate::audit::record::{Recorder, SYSTEM};
use crate::config::Checkpoints;
use crate::ledger::alerts::{self, Alert};
use crate::ledger::note::Checkpoint;
use crate::ledger::verify::Report;
use crate::ledger::verify::database::{self, Given};
use crate::ledger::{Ledger, LedgerError};
use crate::store::db::StoreError;
use crate::store::log_verifications::{self, Finished};
use crate::store::{audit, log};

/// A server that has not finished after this long died at it.
const GIVEN_UP: TimeDelta = TimeDelta::hours(6);
/// Left to others after each page of records: nobody waits for this.
const PAUSE: Duration = Duration::from_millis(20);

impl Ledger {
    /// Verifies the log if it is time and no server did so today. Returns what was found.
    ///
    /// # Errors
    /// The database, or a key; six hours later it is tried again.
    pub async fn verify_daily(
        &self,
        settings: &Checkpoints,
    ) -> Result<Option<Report>, LedgerError> {
        let now = self.clock.now();
        if !settings.verify_daily || now.hour() < settings.verify_hour {
            return Ok(None);
        }
        // Before the first log there is nothing to look at.
        if log::current(self.db.relaxed()).await?.is_none() {
            return Ok(None);
        }
        let day = now.date_naive();
        let given_up = now - GIVEN_UP;
        let db = self.db.durable();
        if !log_verifications::claim(db, day, &self.server, now, given_up).await? {
            return Ok(None);
        }
        let report = self.verify(settings).await?;
        let done = self.clock.now();
        let first = report.findings.first().map(ToString::to_string);
        let event = Event::AuditLogVerified {
            leaves: report.logs.iter().map(|log| log.until - log.from).sum(),
            records: report.logs.iter().map(|log| log.records).sum(),
            outside: report.anchors.iter().filter(|one| one.given).count(),
            found: report.found,
            first: first.clone(),
            took_ms: (done - now).num_milliseconds(),
        };
        let by = Subject {
            actor: Some(SYSTEM.to_owned()),
            ..Subject::default()
        };
        let record = Recorder::system(&self.vault, done).record(by, &event);
        audit::append_alone(&self.db, db, [record]).await?;
        let finished = Finished {
            day,
            now: done,
            found: i64::try_from(report.found).unwrap_or(i64::MAX),
            first: first.as_deref(),
        };
        log_verifications::finish(db, &finished).await?;
        if let Some(first) = first {
            let alert = Alert {
                kind: "log_verification",
                about: "audit log".to_owned(),
                message: format!("{} findings; the first: {first}", report.found),
            };
            alerts::raise(db, &self.vault, done, &alert).await?;
        }
        Ok(Some(report))
    }

    /// On a connection of its own: it takes minutes, and the pools are small.
    async fn verify(&self, settings: &Checkpoints) -> Result<Report, LedgerError> {
        let key = self.verifier("log");
        let known = self.known_outside().await?.into_iter();
        let outside =
            known.filter_map(|(note, place)| Some((place, Checkpoint::open(&note, &key).ok()?)));
        let given = Given {
            vault: &self.vault,
            key: &key,
            outside: outside.collect(),
            known_losses: settings.known_losses.clone(),
            pause: PAUSE,
            now: self.clock.now(),
        };
        let options = self.db.relaxed().connect_options();
        let opened = PgConnection::connect_with(&options).await;
        let mut connection = opened.map_err(StoreError::from)?;
        let report = database::verify(&mut connection, &given).await?;
        // What was read is read.
        connection.close().await.ok();
        Ok(report)
    }
}
