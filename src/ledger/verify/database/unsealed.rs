//! What no log holds yet.

use std::collections::HashSet;

use uuid::Uuid;

use super::Walk;
use crate::ledger::LedgerError;
use crate::ledger::verify::{What, about};
use crate::store::log;

/// Records read at a time.
const ROWS: i64 = 1000;
/// How long a record may wait to be sealed before that is a finding.
const PATIENCE: i64 = 60;

impl Walk<'_, '_> {
    pub(super) async fn unsealed(&mut self) -> Result<(), LedgerError> {
        let vault = self.given.vault;
        let mut found: HashSet<Uuid> = HashSet::new();
        let mut after = Uuid::nil();
        let mut oldest: Option<Uuid> = None;
        loop {
            let rows = log::unsealed(self.db, after, ROWS).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in rows {
                let is_ours = vault.audit_mac_is_valid(&row.mac_key_id, &row.body, &row.mac);
                if !is_ours {
                    let message =
                        format!("record {} is not sealed and does not carry our MAC", row.id);
                    self.report.find(about(What::NoMac, Some(row.id), message));
                    continue;
                }
                if row.pending {
                    found.insert(row.id);
                    self.report.tail.records += 1;
                    oldest = Some(oldest.map_or(row.id, |oldest| oldest.min(row.id)));
                    let value = serde_json::from_slice(&row.body).unwrap_or_default();
                    let losses = &self.given.known_losses;
                    self.facts.gather(row.id, &value, losses, &mut self.report);
                } else if self.facts.refusal(row.id).is_none() {
                    let message = format!(
                        "record {} is in no log and does not wait to be sealed",
                        row.id
                    );
                    self.report
                        .find(about(What::TakenOut, Some(row.id), message));
                }
            }
        }
        self.look_for_named().await?;
        self.missing_named.retain(|(id, _)| !found.contains(id));
        for id in log::pending_without_record(self.db).await? {
            let message = format!("record {id} waits to be sealed and is gone");
            self.report.find(about(What::Gone, Some(id), message));
        }
        if let Some(oldest) = oldest.and_then(|id| id.get_timestamp()) {
            let since = i64::try_from(oldest.to_unix().0).unwrap_or_default();
            let waited = self.given.now.timestamp() - since;
            self.report.tail.oldest_seconds = waited;
            if waited > PATIENCE {
                let message = format!(
                    "{} records wait to be sealed, the oldest for {waited} s: no server seals",
                    self.report.tail.records
                );
                self.report.find(about(What::Unsealed, None, message));
            }
        }
        Ok(())
    }
}
