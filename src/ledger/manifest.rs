//! Manifests: every second in which a server wrote, it names the records that it knows committed. A
//! record removed before it is sealed is missed by the manifest that names it, and a manifest by the next.

use tokio::sync::Mutex;
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
        let _one_at_a_time = self.work.lock().await;
        self.seal().await?;
        Ok(())
    }

    async fn write_manifests(&self, last: bool) -> Result<(), LedgerError> {
        let mut written = self.manifests.0.lock().await;
        loop {
            let mut taken = self.db.committed().take();
            let more = taken.len() > MOST;
            if more {
                self.db.committed().put_back(taken.split_off(MOST));
            }
            if taken.is_empty() && !(last && written.serial > 0) {
                return Ok(());
            }
            *written = self.write_manifest(*written, taken, last && !more).await?;
            if !more {
                return Ok(());
            }
        }
    }

    async fn write_manifest(
        &self,
        written: Written,
        taken: Vec<Uuid>,
        last: bool,
    ) -> Result<Written, LedgerError> {
        let recorder = Recorder {
            vault: &self.vault,
            now: self.clock.now(),
            browser: Personal::default(),
        };
        let serial = written.serial + 1;
        let event = Event::AuditManifest {
            server: self.server.clone(),
            serial,
            records: written.previous.into_iter().chain(taken.clone()).collect(),
            last,
        };
        let record = recorder.record(Subject::default(), &event);
        let previous = Some(record.id);
        if let Err(error) = log::append_manifest(self.db.durable(), record).await {
            // It may have been written all the same: then two carry one serial, and both are true.
            self.db.committed().put_back(taken);
            return Err(error.into());
        }
        Ok(Written { serial, previous })
    }
}
