//! Records with where the log has them: those of one login, or one alone. One statement each.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::store::audit_search::Listed;
use crate::store::db::StoreError;

/// A record and its leaf.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The record.
    pub record: Listed,
    /// Its leaf, once it is sealed.
    pub leaf: Option<Leaf>,
}

/// Where a sealed record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The log's name.
    pub origin: String,
    /// Its place, from 0.
    pub leaf: i64,
    /// How many leaves the last checkpoint of this log covers.
    pub covered: i64,
}

struct Row {
    id: Uuid,
    body: Vec<u8>,
    mac: Vec<u8>,
    mac_key_id: String,
    sealed: Option<Vec<u8>>,
    origin: Option<String>,
    leaf: Option<i64>,
    covered: Option<i64>,
}

impl From<Row> for Placed {
    fn from(row: Row) -> Self {
        let covered = row.covered.unwrap_or_default();
        Self {
            leaf: row.origin.zip(row.leaf).map(|(origin, leaf)| Leaf {
                origin,
                leaf,
                covered,
            }),
            record: Listed {
                id: row.id,
                body: row.body,
                mac: row.mac,
                mac_key_id: row.mac_key_id,
                sealed: row.sealed,
            },
        }
    }
}

/// The records of a login, oldest first.
pub async fn of_login(
    db: &mut PgConnection,
    login: Uuid,
    limit: i64,
) -> Result<Vec<Placed>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select r.id, r.body, r.mac, r.mac_key_id,
            (select p.sealed from audit_personal p where p.record_id = r.id) as "sealed?",
            o.origin as "origin?", l.leaf as "leaf?",
            (select max(c.size) from log_checkpoints c where c.log = l.log) as "covered?"
        from (
            select id, body, mac, mac_key_id
            from audit_records
            where login_id = $1
            order by id
            limit $2
        ) r
        left join lateral (
            select log, leaf from log_leaves where record_id = r.id offset 0
        ) l on true
        left join logs o on o.id = l.log
        order by r.id
        "#,
        login,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(Placed::from).collect())
}

/// One record.
pub async fn one(db: &mut PgConnection, id: Uuid) -> Result<Option<Placed>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select r.id, r.body, r.mac, r.mac_key_id,
            (select p.sealed from audit_personal p where p.record_id = r.id) as "sealed?",
            o.origin as "origin?", l.leaf as "leaf?",
            (select max(c.size) from log_checkpoints c where c.log = l.log) as "covered?"
        from audit_records r
        left join lateral (
            select log, leaf from log_leaves where record_id = r.id offset 0
        ) l on true
        left join logs o on o.id = l.log
        where r.id = $1
        "#,
        id,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(Placed::from))
}
