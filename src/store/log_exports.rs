//! What the log knows of an export: the record of its end, and how far checkpoints go.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// How an export stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// `running`, `done`, `cancelled` or `failed`.
    pub state: String,
    /// When its row changed last: once it is done, when that was.
    pub changed_at: Time,
}

/// How an export stands, if there is one of this id.
pub async fn standing(db: &mut PgConnection, id: Uuid) -> Result<Option<Standing>, StoreError> {
    let row = sqlx::query_as!(
        Standing,
        "select state, changed_at from record_exports where id = $1",
        id
    )
    .fetch_optional(db)
    .await?;
    Ok(row)
}

/// A record with its MAC, not checked.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id.
    pub id: Uuid,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Their MAC.
    pub mac: Vec<u8>,
    /// The root key of the MAC.
    pub mac_key_id: String,
}

/// Records of staff's acts at a time that name an export.
pub async fn acts_on(
    db: &mut PgConnection,
    export: Uuid,
    at: Time,
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query_as!(
        Claimed,
        r#"
        select id, body, mac, mac_key_id
        from audit_records
        where type = 'ADMIN_EVENT'
            and id >= uuid_floor($2::timestamptz - interval '1 second')
            and id < uuid_floor($2::timestamptz + interval '1 second')
            and position($1 in convert_from(body, 'UTF8')) > 0
        order by id
        "#,
        export.to_string(),
        at,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The oldest record that no checkpoint covers: it is not sealed yet, or beyond the last checkpoint of its
/// log.
pub async fn first_uncovered(db: &mut PgConnection) -> Result<Option<Uuid>, StoreError> {
    let first = sqlx::query_scalar!(
        r#"
        select record_id as "record_id!"
        from (
            (select record_id from audit_pending order by record_id limit 1)
            union all
            (
                select v.record_id
                from logs l
                join lateral (
                    select coalesce(max(size), 0) as size from log_checkpoints where log = l.id
                ) signed on true
                join log_leaves v on v.log = l.id and v.leaf >= signed.size
                order by v.record_id
                limit 1
            )
        ) uncovered
        order by record_id
        limit 1
        "#
    )
    .fetch_optional(db)
    .await?;
    Ok(first)
}
