//! How the log stands, in one statement: for a page that people look at often.

use serde_json::Value;
use sqlx::PgConnection;

use crate::clock::Time;
use crate::store::audit_search::Listed;
use crate::store::db::StoreError;

/// The current log.
#[derive(Clone, Debug)]
pub struct LogState {
    /// Its name in checkpoints.
    pub origin: String,
    /// Leaves.
    pub size: i64,
    /// Since when.
    pub started_at: Time,
    /// When it last grew.
    pub sealed_at: Time,
    /// Logs before it, which restores left behind.
    pub earlier: i64,
    /// Records that wait to be sealed; counted to 10,000.
    pub unsealed: i64,
    /// Leaves that the last checkpoint covers.
    pub covered: Option<i64>,
    /// The last checkpoint, a signed note.
    pub checkpoint: Option<String>,
    /// When it was signed.
    pub signed_at: Option<Time>,
    /// When the oldest record that is kept was made.
    pub oldest: Option<Time>,
    /// The places outside: `place`, `size`, `kept_at`, `tried_at`, `trouble`.
    pub places: Value,
}

/// Looks; none before the first log began.
pub async fn look(db: &mut PgConnection) -> Result<Option<LogState>, StoreError> {
    let state = sqlx::query_as!(
        LogState,
        r#"
        select l.origin, l.size, l.started_at, l.sealed_at,
            (select count(*) from logs where ended_at is not null) as "earlier!",
            (select count(*) from (select from audit_pending limit 10000) p) as "unsealed!",
            c.size as "covered?", c.note as "checkpoint?", c.signed_at as "signed_at?",
            (select at from audit_records order by id limit 1) as oldest,
            (
                select coalesce(
                    jsonb_agg(
                        jsonb_build_object('place', place, 'size', size, 'kept_at', kept_at,
                            'tried_at', tried_at, 'trouble', trouble)
                        order by place),
                    '[]')
                from log_places
            ) as "places!"
        from logs l
        left join lateral (
            select size, note, signed_at
            from log_checkpoints
            where log = l.id
            order by size desc
            limit 1
        ) c on true
        where l.ended_at is null
        "#
    )
    .fetch_optional(db)
    .await?;
    Ok(state)
}

/// The last alerts, newest first.
pub async fn alerts(db: &mut PgConnection, limit: i64) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select id, body, mac, mac_key_id, null::bytea as "sealed?"
        from audit_records
        where type = 'ALERT'
        order by id desc
        limit $1
        "#,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
