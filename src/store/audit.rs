//! Audit records: appended with the effect they record. [`super::audit_search`] reads them back.
//!
//! The path's composite statements call the database's `append_audit` with [`Appended`]; nothing
//! else writes here.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};
use sqlx::{PgExecutor, PgPool, Postgres};
use uuid::Uuid;

use crate::audit::record::Record;
use crate::clock::Time;
use crate::store::db::{Db, StoreError};
use crate::verdict::Outcome;

/// Records in the shape `append_audit` takes: one parameter of a statement.
#[derive(Debug)]
pub struct Appended {
    entries: Vec<Entry>,
    ids: Vec<Uuid>,
}

impl sqlx::Encode<'_, Postgres> for Appended {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.entries.encode_by_ref(buffer)
    }
}

/// The database's composite type of this name, field by field in its order.
#[derive(Debug, sqlx::Encode)]
struct Entry {
    id: Uuid,
    at: Time,
    r#type: &'static str,
    login_id: Option<Uuid>,
    client_id: Option<String>,
    operator: Option<String>,
    outcome: Option<&'static str>,
    actor: Option<String>,
    body: Vec<u8>,
    mac: Vec<u8>,
    mac_key_id: String,
    salt: Option<Vec<u8>>,
    number_hash: Option<Vec<u8>>,
    sealed: Option<Vec<u8>>,
}

impl sqlx::Type<Postgres> for Appended {
    fn type_info() -> PgTypeInfo {
        Entry::array_type_info()
    }
}

impl sqlx::Type<Postgres> for Entry {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("audit_entry")
    }
}

impl PgHasArrayType for Entry {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::array_of("audit_entry")
    }
}

impl Appended {
    /// The records as one parameter of a statement.
    #[must_use]
    pub fn new(records: impl IntoIterator<Item = Record>) -> Self {
        let entries: Vec<Entry> = records.into_iter().map(Entry::of).collect();
        Self {
            ids: entries.iter().map(|entry| entry.id).collect(),
            entries,
        }
    }
}

impl Appended {
    /// The records' ids.
    #[must_use]
    pub fn ids(&self) -> &[Uuid] {
        &self.ids
    }
}

impl Entry {
    fn of(record: Record) -> Self {
        let (salt, number_hash, sealed) = match record.personal {
            Some(personal) => (
                Some(personal.salt),
                personal.number_hash,
                Some(personal.sealed),
            ),
            None => (None, None, None),
        };
        Self {
            id: record.id,
            at: record.at,
            r#type: record.kind,
            login_id: record.subject.login_id,
            client_id: record.subject.client_id,
            operator: record.subject.operator,
            outcome: record.subject.outcome.map(Outcome::as_str),
            actor: record.subject.actor,
            body: record.body,
            mac: record.mac,
            mac_key_id: record.mac_key_id,
            salt,
            number_hash,
            sealed,
        }
    }
}

/// Appends records that stand alone, refusals that change no row, on one of the server's pools, and
/// notes that they are committed.
pub async fn append_alone(
    db: &Db,
    pool: &PgPool,
    records: impl IntoIterator<Item = Record>,
) -> Result<(), StoreError> {
    let records = Appended::new(records);
    sqlx::query_scalar!("select append_audit($1)", &records as _)
        .fetch_one(pool)
        .await?;
    db.committed().note(&records);
    Ok(())
}

/// Appends records in the caller's transaction: what staff do.
pub async fn append(
    db: impl PgExecutor<'_>,
    records: impl IntoIterator<Item = Record>,
) -> Result<(), StoreError> {
    sqlx::query_scalar!("select append_audit($1)", Appended::new(records) as _)
        .fetch_one(db)
        .await?;
    Ok(())
}
