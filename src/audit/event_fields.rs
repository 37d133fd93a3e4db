//! What the fields of events are made of, and what every event is about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::verdict::Outcome;

/// Ids of records, `from <= id < until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedRange {
    /// The first that may be in it.
    pub from: Uuid,
    /// The first that is not.
    pub until: Uuid,
}

/// Records that are gone, and their leaves in the log (docs/decisions/0005-the-log.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The first id that may be among them.
    pub from: Uuid,
    /// The first that is not.
    pub until: Uuid,
    /// How many they were.
    pub records: i64,
    /// By the log's origin, their leaves as `[first, end]`, the end not included.
    pub leaves: BTreeMap<String, Vec<[i64; 2]>>,
}

/// Why a log began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogBeginning {
    /// There was none.
    First,
    /// Sealed records are gone that an outside checkpoint or a server's memory covers: a restore.
    RecordsLost,
    /// The tree in the database is not the one that was sealed.
    TreeAltered,
}

/// What is known of the log before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousLog {
    /// Its name.
    pub origin: String,
    /// The leaves that were left of it in the database.
    pub size: u64,
    /// The root over them as the database had it, hexadecimal.
    pub root: String,
    /// The checkpoint that says more than was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Where that checkpoint was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Why a pending record was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealRefusal {
    /// There is no such record.
    Missing,
    /// It does not carry our MAC.
    Mac,
    /// It names a root key that is not given.
    Key,
    /// Its bytes are those of another record.
    OtherId,
    /// It is a leaf already.
    SealedBefore,
}

/// Who said that a number belongs to somebody else now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangedHandsBy {
    /// An operator's recycling check.
    Operator,
    /// Staff.
    Staff,
}

/// Whether a server asks an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// No.
    Open,
    /// Yes.
    Closed,
}

/// Which login, client and operator an event belongs to, and how it came out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_id: Option<Uuid>,
    /// The client's `client_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The operator's alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// How it came out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Who did it: a staff member's email, `cli`, `system` for what we do by ourselves, or absent for
    /// the person or the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
}
