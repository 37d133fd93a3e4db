//! The head of a log as its row holds it, and the MAC that keeps others from moving it.

use crate::ledger::note::{Checkpoint, NoteError};
use crate::secret::Vault;
use crate::store::log::Head;

/// What the MAC is over. No record's body begins so: one key serves both.
fn bytes(head: &Checkpoint) -> Vec<u8> {
    format!("numbercloak log head/1\n{}", head.text()).into_bytes()
}

/// The MAC over a head.
#[must_use]
pub(super) fn mac(vault: &Vault, head: &Checkpoint) -> Vec<u8> {
    vault.audit_mac(&bytes(head))
}

/// Whether a row is as a server wrote it.
#[must_use]
pub(super) fn is_ours(vault: &Vault, row: &Head) -> bool {
    read(row).is_ok_and(|head| vault.audit_mac_is_valid(&row.mac_key_id, &bytes(&head), &row.mac))
}

/// The head in a row.
pub(super) fn read(row: &Head) -> Result<Checkpoint, NoteError> {
    let wrong = |_| NoteError("in the database is malformed");
    Ok(Checkpoint {
        origin: row.origin.clone(),
        size: u64::try_from(row.size).map_err(|_| NoteError("in the database is malformed"))?,
        root: row.root.as_slice().try_into().map_err(wrong)?,
    })
}
