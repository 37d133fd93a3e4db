//! Manifests: every second in which a server wrote, it names the records that it knows committed. A
//! record removed before it is sealed is missed by the manifest that names it, and a manifest by the next.

use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::audit::record::{Personal, Recorder};
use crate::ledger::{Ledger, LedgerError};
use crate::store::log;

/// Records named in one manifest at most.
const MOST: usize = 5000;

/// Where a server's manifests stand.
#[derive(Debug, Default)]
pub(super) struct Manifests(Mutex<Written>);

#[derive(Clone, Copy, Debug, Default)]
struct Written {
    serial: u64,
    previous: Option<Uuid>,
}

impl Ledger {
    /// Names what this server has committed since the last time, if anything.
    ///
    /// # Errors
    /// The database; what could not be named is named the next time.
    pub async fn manifest(&self) -> Result<(), LedgerError> {
        self.write_manifests(false).await
    }

    /// The last manifest of a server that stops, and the last batch.
    ///
    /// # Errors
    /// The database.
    pub async fn finish(&self) -> Result<(), LedgerError> {
        self.write_manifests(true).await?;
        self.seal().await?;
        Ok(())
    }

    async fn write_manifests(&self, last: bool) -> Result<(), LedgerError> {
        loop {
            let mut taken = self.db.committed().take();
            let more = taken.len() > MOST;
            if more {
                self.db.committed().put_back(taken.split_off(MOST));
            }
            if taken.is_empty() && !(last && self.written().serial > 0) {
                return Ok(());
            }
            self.write_manifest(taken, last && !more).await?;
            if !more {
                return Ok(());
            }
        }
    }

    async fn write_manifest(&self, taken: Vec<Uuid>, last: bool) -> Result<(), LedgerError> {
        let written = self.written();
        let recorder = Recorder {
            vault: &self.vault,
            now: self.clock.now(),
            browser: Personal::default(),
        };
        let event = Event::AuditManifest {
            server: self.server.clone(),
            serial: written.serial + 1,
            records: written.previous.into_iter().chain(taken.clone()).collect(),
            last,
        };
        let record = recorder.record(Subject::default(), &event);
        let id = record.id;
        if let Err(error) = log::append_manifest(self.db.durable(), record).await {
            // It may have been written all the same: then two carry one serial, and both are true.
            self.db.committed().put_back(taken);
            return Err(error.into());
        }
        *self.lock_written() = Written {
            serial: written.serial + 1,
            previous: Some(id),
        };
        Ok(())
    }

    fn written(&self) -> Written {
        *self.lock_written()
    }

    fn lock_written(&self) -> std::sync::MutexGuard<'_, Written> {
        let lock = self.manifests.0.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}
