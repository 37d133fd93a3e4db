//! Beginning a log: the first one, and the next after sealed records were lost or the tree altered. Its
//! first record tells why and names what is known of the one before.

use crate::audit::event::{Event, LogBeginning, PreviousLog, Subject};
use crate::audit::record::{Personal, Recorder};
use crate::ledger::note::{Checkpoint, NoteError};
use crate::ledger::tree::leaf_hash;
use crate::ledger::{Ledger, LedgerError, head};
use crate::secret::{b64, random};
use crate::store::log::{self, Head};
use crate::store::log_append::{self, Beginning};

/// A checkpoint and where it was.
pub(super) type Known = (String, String);

/// What an outside place knows and the database does not.
#[derive(Debug)]
pub(super) struct Lost {
    /// Whether records are gone or others stand there.
    pub(super) reason: LogBeginning,
    /// The checkpoint.
    pub(super) checkpoint: Known,
}

impl Ledger {
    /// Begins the first log; or, if an outside place knows one that the database does not, the next.
    pub(super) async fn begin_first(&self) -> Result<(), LedgerError> {
        let previous = self.known_outside().await?.into_iter().next();
        let previous = match previous {
            None => None,
            Some((note, place)) => {
                let origin = Checkpoint::open(&note, &self.verifier(""))?.origin;
                Some(PreviousLog {
                    origin,
                    size: 0,
                    root: String::new(),
                    checkpoint: Some(note),
                    place: Some(place),
                })
            }
        };
        let reason = match previous {
            None => LogBeginning::First,
            Some(_) => LogBeginning::RecordsLost,
        };
        self.begin(0, reason, previous).await
    }

    /// Leaves a log as it stands in the database and begins another.
    pub(super) async fn begin_after(
        &self,
        old: &Head,
        reason: LogBeginning,
        known: Option<Known>,
    ) -> Result<(), LedgerError> {
        let (checkpoint, place) = known.unzip();
        let previous = PreviousLog {
            origin: old.origin.clone(),
            size: u64::try_from(old.size).unwrap_or_default(),
            root: old.root.iter().map(|byte| format!("{byte:02x}")).collect(),
            checkpoint,
            place,
        };
        tracing::error!(
            origin = old.origin,
            size = old.size,
            ?reason,
            "the audit log in the database is not the one that was sealed; another one begins"
        );
        self.begin(old.id, reason, Some(previous)).await
    }

    async fn begin(
        &self,
        old_log: i32,
        reason: LogBeginning,
        previous: Option<PreviousLog>,
    ) -> Result<(), LedgerError> {
        let now = self.clock.now();
        let random = b64(&random::<6>()).replace(['-', '_'], "x").to_lowercase();
        let origin = format!("{}/log/{}-{random}", self.base, now.format("%Y%m%d"));
        let recorder = Recorder {
            vault: &self.vault,
            now,
            browser: Personal::default(),
        };
        let event = Event::AuditLogStarted {
            key: self.verifier(&origin).text(),
            origin: origin.clone(),
            reason,
            previous,
        };
        let record = recorder.record(Subject::default(), &event);
        let after = Checkpoint {
            origin,
            size: 1,
            root: leaf_hash(&record.body),
        };
        let beginning = Beginning {
            old_log,
            origin: &after.origin,
            root: &after.root,
            mac: &head::mac(&self.vault, &after),
            mac_key_id: self.vault.key_id(),
            now,
        };
        if log_append::start(self.db.durable(), &beginning, record).await? {
            tracing::info!(origin = after.origin, "an audit log begins");
            self.see(after);
        } else {
            // Another server was first: its log is looked at anew.
            *self.lock_seen() = None;
        }
        Ok(())
    }

    /// Whether an outside place knows more of the current log than the database, or something else; or
    /// a log that the database does not know.
    pub(super) async fn lost_outside(&self, current: &Head) -> Result<Option<Lost>, LedgerError> {
        let outside = self.known_outside().await?;
        if outside.is_empty() {
            return Ok(None);
        }
        // Read after the places: what they have was in the database before.
        let logs = log::all(self.db.durable()).await?;
        for (note, place) in outside {
            let kept = Checkpoint::open(&note, &self.verifier(""))?;
            let reason = match logs.iter().find(|log| log.origin == kept.origin) {
                None => Some(LogBeginning::RecordsLost),
                // What became of earlier ones is told already.
                Some(log) if log.id != current.id => None,
                Some(log) => {
                    let size = head::read(log).map(|head| head.size);
                    let size = size.map_err(|_| NoteError("in the database is malformed"))?;
                    if size < kept.size {
                        Some(LogBeginning::RecordsLost)
                    } else if self.root_at(log.id, kept.size).await? == Some(kept.root) {
                        None
                    } else {
                        Some(LogBeginning::TreeAltered)
                    }
                }
            };
            if let Some(reason) = reason {
                return Ok(Some(Lost {
                    reason,
                    checkpoint: (note, place),
                }));
            }
        }
        Ok(None)
    }
}
