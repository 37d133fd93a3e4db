//! Manifests: every second in which a server wrote, it names the records that it knows committed. A
//! record removed before it is sealed is missed by the manifest that names it, and a manifest by the next.

use tokio::sync::Mutex;
use uuid::Uuid;

use crate::audit::event::{Event, Subject};
use crate::audit::record::{Personal, Record, Recorder};
use crate::clock::Time;
use crate::ledger::{Ledger, LedgerError};
use crate::store::committed::Noted;
use crate::store::log_append;

/// Records named in one manifest at most.
const MOST: usize = 5000;

/// Where a server's manifests stand.
#[derive(Debug, Default)]
pub(super) struct Manifests(Mutex<Written>);

#[derive(Clone, Copy, Debug, Default)]
struct Written {
    serial: u64,
    previous: Option<Uuid>,
    /// Since when the database ran that answered for what was noted.
    since: Option<Time>,
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
        taken: Vec<Noted>,
        last: bool,
    ) -> Result<Written, LedgerError> {
        match self.name(written, &taken, last).await {
            Ok(written) => Ok(written),
            Err(error) => {
                // It may have been written all the same: then two carry one serial, and both are true.
                self.db.committed().put_back(taken);
                Err(error)
            }
        }
    }

    /// Names records. A database that crashed since has lost some that were answered and not waited for:
    /// they are told as lost. One that was waited for is named in any case, so that its absence is found.
    async fn name(
        &self,
        mut written: Written,
        taken: &[Noted],
        last: bool,
    ) -> Result<Written, LedgerError> {
        let db = self.db.durable();
        let mut lost = Vec::new();
        loop {
            if let Some(since) = written.since {
                let named = taken.iter().map(|noted| noted.id);
                let named = named.filter(|id| !lost.contains(id));
                let record = self.manifest_record(written, named, &lost, last);
                let id = record.id;
                if log_append::append_manifest(db, record, since).await? {
                    return Ok(Written {
                        serial: written.serial + 1,
                        previous: Some(id),
                        ..written
                    });
                }
            }
            written.since = Some(log_append::database_since(db).await?);
            let risked = taken.iter().filter(|noted| !noted.on_disk);
            let mut risked: Vec<Uuid> = risked.map(|noted| noted.id).collect();
            let there = log_append::there(db, &risked).await?;
            risked.retain(|id| !there.contains(id));
            lost = risked;
            if !lost.is_empty() {
                tracing::warn!(
                    lost = lost.len(),
                    "the database lost records that it had answered: it crashed"
                );
            }
        }
    }

    fn manifest_record(
        &self,
        written: Written,
        named: impl Iterator<Item = Uuid>,
        lost: &[Uuid],
        last: bool,
    ) -> Record {
        let recorder = Recorder {
            vault: &self.vault,
            now: self.clock.now(),
            browser: Personal::default(),
        };
        let event = Event::AuditManifest {
            server: self.server.clone(),
            serial: written.serial + 1,
            records: written.previous.into_iter().chain(named).collect(),
            lost: lost.to_vec(),
            last,
        };
        recorder.record(Subject::default(), &event)
    }
}
