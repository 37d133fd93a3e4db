//! Audit records: appended with the effect they record, and read back.
//!
//! The path's composite statements call the database's `append_audit` with [`Appended`]; nothing
//! else writes here.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo};
use sqlx::{PgConnection, PgExecutor, PgPool, Postgres};
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

/// What to list; every field given narrows it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Records before this one, newest first; a page's cursor.
    pub before: Option<Uuid>,
    /// Not older than this.
    pub since: Option<Time>,
    /// Older than this.
    pub until: Option<Time>,
    /// The event's word.
    pub kind: Option<String>,
    /// The login.
    pub login_id: Option<Uuid>,
    /// The client.
    pub client_id: Option<String>,
    /// The operator.
    pub operator: Option<String>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// Keyed hashes of one number, under every live root key.
    pub number_hashes: Option<Vec<Vec<u8>>>,
}

/// A record as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// Their MAC.
    pub mac: Vec<u8>,
    /// The root key of the MAC.
    pub mac_key_id: String,
    /// The sealed personal part, unless it has been erased or there was none.
    pub sealed: Option<Vec<u8>>,
}

/// A page of records, newest first. Manifests, one a second, only if asked for by their type.
pub async fn list(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select r.id, r.body, r.mac, r.mac_key_id, p.sealed as "sealed?"
        from audit_records r
        left join audit_personal p on p.record_id = r.id
        where ($1::uuid is null or r.id < $1)
            and ($2::timestamptz is null or r.id >= uuid_floor($2))
            and ($3::timestamptz is null or r.id < uuid_floor($3))
            and (r.type = $4 or $4::text is null and r.type <> 'AUDIT_MANIFEST')
            and ($5::uuid is null or r.login_id = $5)
            and ($6::text is null or r.client_id = $6)
            and ($7::text is null or r.operator = $7)
            and ($8::text is null or r.outcome = $8)
            and ($9::bytea[] is null or p.number_hash = any($9))
        order by r.id desc
        limit $10
        "#,
        filter.before,
        filter.since,
        filter.until,
        filter.kind.as_deref(),
        filter.login_id,
        filter.client_id.as_deref(),
        filter.operator.as_deref(),
        filter.outcome.map(Outcome::as_str),
        filter.number_hashes.as_deref() as _,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
