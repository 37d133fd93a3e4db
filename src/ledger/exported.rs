//! The manifest of an export of records: what the file is, and how far the log's checkpoints cover it,
//! signed by the log's key (docs/decisions/0005-the-log.md). Made of the record of the export's end
//! and not of its row, which whoever administers the database could have changed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::clock::Time;
use crate::ledger::note::{Note, NoteError, Verifier};
use crate::ledger::{LedgerError, signer};
use crate::secret::Vault;
use crate::store::db::{Db, StoreError};
use crate::store::{checkpoints, log, log_exports};

/// The first line of what is signed. The second is JSON: no checkpoint reads like this.
const FIRST_LINE: &str = "numbercloak export/1";

/// What an export was, as its end was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The export.
    pub export: Uuid,
    /// `csv` or `jsonl`.
    pub format: String,
    /// What was asked for; a number only as the fact that there was one.
    pub filters: Value,
    /// How the records stand.
    pub order: String,
    /// How many.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Their SHA-256, hexadecimal.
    pub sha256: String,
    /// The first record in the file, the newest.
    pub first: Option<Uuid>,
    /// The last.
    pub last: Option<Uuid>,
    /// Who asked.
    pub requested_by: String,
    /// When.
    pub requested_at: Time,
    /// When it was whole.
    pub finished_at: Time,
}

/// A manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What the export was.
    #[serde(flatten)]
    pub told: Told,
    /// The log's record that says the same.
    pub record: Uuid,
    /// The last checkpoint of each log, the current one last.
    pub checkpoints: Vec<String>,
    /// Records of the file with this id and above may not be under a checkpoint yet; absent if all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncovered_from: Option<Uuid>,
}

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
pub enum NoManifest {
    /// The log, or the database.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No export of this id.
    #[error("there is no export {0}")]
    Unknown(Uuid),
    /// It did not end as it should.
    #[error("the export is {0}: only one that is done has a manifest")]
    NotDone(String),
    /// Its end is not recorded, or not by us.
    #[error("no record of ours says how the export ended")]
    NotRecorded,
    /// Nothing signs before the first checkpoint.
    #[error("no checkpoint was signed yet; a server signs one within seconds of its first start")]
    NoCheckpoint,
}

impl From<StoreError> for NoManifest {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

/// The signed manifest of an export that is done. Asked again later, it names later checkpoints.
///
/// # Errors
/// [`NoManifest`].
pub async fn manifest(
    db: &Db,
    vault: &Vault,
    export: Uuid,
    now: Time,
) -> Result<String, NoManifest> {
    let signer = signer(db, vault, now).await?;
    let mut tx = db.durable().begin().await.map_err(StoreError::from)?;
    let standing = log_exports::standing(&mut tx, export).await?;
    let standing = standing.ok_or(NoManifest::Unknown(export))?;
    if standing.state != "done" {
        return Err(NoManifest::NotDone(standing.state));
    }
    let acts = log_exports::acts_on(&mut tx, export, standing.changed_at).await?;
    let recorded = acts
        .into_iter()
        .filter(|end| vault.audit_mac_is_valid(&end.mac_key_id, &end.body, &end.mac))
        .find_map(|end| Some((end.id, ended(&end.body, export)?)));
    let (record, told) = recorded.ok_or(NoManifest::NotRecorded)?;
    let mut signed = Vec::new();
    let mut name = None;
    for head in log::all(&mut *tx).await? {
        if let Some(latest) = checkpoints::latest(&mut *tx, head.id).await? {
            signed.push(latest.note);
            name = Some(head.origin);
        }
    }
    let name = name.ok_or(NoManifest::NoCheckpoint)?;
    let uncovered = log_exports::first_uncovered(&mut tx).await?;
    let manifest = Manifest {
        uncovered_from: uncovered.filter(|id| told.first.is_some_and(|first| first >= *id)),
        told,
        record,
        checkpoints: signed,
    };
    let json = serde_json::to_string(&manifest).expect("a manifest serialises");
    Ok(signer.sign_text(&name, &format!("{FIRST_LINE}\n{json}\n")))
}

/// What the record of an export's end says, if it is that.
fn ended(body: &[u8], export: Uuid) -> Option<Told> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let details = &body["details"];
    let is_end = body["type"] == "ADMIN_EVENT"
        && body["resource"] == "export"
        && details["action"] == "end"
        && details["state"] == "done";
    let told: Told = is_end.then(|| Told::deserialize(details).ok())??;
    (told.export == export).then_some(told)
}

/// Reads a manifest and checks that the log's key signed it.
///
/// # Errors
/// If it is none, or signed by somebody else.
pub fn open(note: &str, key: &Verifier) -> Result<Manifest, NoteError> {
    let note = Note::parse(note)?;
    let wrong = NoteError("is not the manifest of an export");
    let json = note
        .text
        .strip_prefix(FIRST_LINE)
        .and_then(|rest| rest.strip_prefix('\n'));
    let manifest: Manifest = json
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or_else(|| wrong.clone())?;
    let name = manifest
        .checkpoints
        .last()
        .and_then(|one| one.lines().next());
    key.named(name.ok_or(wrong)?).check(&note)?;
    Ok(manifest)
}
