//! Reading records. Numbers are shown masked; to see one in full is another right.

use serde_json::Value;
use uuid::Uuid;

use crate::admin::desk::{Act, commit};
use crate::admin::{Desk, Refused};
use crate::audit::record::{Personal, personal_place};
use crate::clock::Time;
use crate::phone::PhoneNumber;
use crate::store::audit::{self, Filter, Listed};
use crate::store::db::StoreError;
use crate::verdict::Outcome;

/// Records on one page at most.
pub const MOST: u16 = 1000;

/// What to look for; every field given narrows it.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Records before this one; a page's cursor.
    pub before: Option<Uuid>,
    /// Not older than this.
    pub since: Option<Time>,
    /// Older than this.
    pub until: Option<Time>,
    /// The event's word.
    pub kind: Option<String>,
    /// The login.
    pub login_id: Option<Uuid>,
    /// The client's `client_id`.
    pub client_id: Option<String>,
    /// The operator's alias.
    pub operator: Option<String>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// The number.
    pub number: Option<PhoneNumber>,
}

/// One record, decoded.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: Uuid,
    /// What was recorded; null if the bytes are no JSON, which only tampering explains.
    pub body: Value,
    /// Whether the bytes carry the MAC of a root key given here.
    pub authentic: bool,
    /// The number, masked; absent if the record is about none or its personal part was erased.
    pub number: Option<String>,
}

/// A page of records, newest first.
///
/// # Errors
/// [`Refused::Database`].
pub async fn list(desk: &Desk, query: Query, limit: u16) -> Result<Vec<Entry>, Refused> {
    let number_hashes = query.number.map(|number| {
        let hashes = desk.vault.search_hashes(number.e164());
        hashes.into_iter().map(|(_, hash)| hash).collect()
    });
    let filter = Filter {
        before: query.before,
        since: query.since,
        until: query.until,
        kind: query.kind,
        login_id: query.login_id,
        client_id: query.client_id,
        operator: query.operator,
        outcome: query.outcome,
        number_hashes,
    };
    let mut db = desk.db.acquire().await.map_err(StoreError::from)?;
    let rows = audit::list(&mut db, &filter, i64::from(limit.clamp(1, MOST))).await?;
    Ok(rows.into_iter().map(|row| decode(desk, row)).collect())
}

/// Records that the log was exported for verification with what is personal in it.
///
/// # Errors
/// [`Refused::Database`]; nothing may be exported then.
pub async fn exported(desk: &Desk, details: Value) -> Result<(), Refused> {
    let mut tx = desk.begin().await?;
    let act = Act {
        operation: "ACTION",
        resource: "audit_log",
        id: "log",
        details,
    };
    desk.record(&mut tx, act).await?;
    commit(tx).await
}

fn decode(desk: &Desk, row: Listed) -> Entry {
    let authentic = desk
        .vault
        .audit_mac_is_valid(&row.mac_key_id, &row.body, &row.mac);
    Entry {
        id: row.id,
        body: serde_json::from_slice(&row.body).unwrap_or_default(),
        authentic,
        number: row.sealed.and_then(|sealed| masked(desk, row.id, &sealed)),
    }
}

fn masked(desk: &Desk, id: Uuid, sealed: &[u8]) -> Option<String> {
    let plain = desk.vault.open(personal_place(&id), sealed).ok()?;
    let personal: Personal = serde_json::from_slice(&plain).ok()?;
    let number = PhoneNumber::from_e164(&personal.number?).ok()?;
    Some(number.masked())
}
