//! Source addresses of operators' subscribers, as staff load them: one row per operator, replaced
//! whole.

use std::collections::BTreeMap;

use ipnet::IpNet;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// The addresses of one operator's subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// The operator.
    pub operator_id: Uuid,
    /// The networks.
    pub networks: Vec<IpNet>,
    /// The autonomous systems that were taken from the file; none: all of it.
    pub asns: Vec<i64>,
    /// Counts the loads, so that a cache knows what it has.
    pub revision: i32,
    /// When they were loaded.
    pub loaded_at: Time,
}

/// Which operators have ranges, and in which revision.
pub async fn revisions(db: &mut PgConnection) -> Result<BTreeMap<Uuid, i32>, StoreError> {
    let rows = sqlx::query!("select operator_id, revision from operator_ranges")
        .fetch_all(db)
        .await?;
    let pairs = rows.into_iter().map(|row| (row.operator_id, row.revision));
    Ok(pairs.collect())
}

/// The ranges of all operators.
pub async fn list(db: &mut PgConnection) -> Result<Vec<Loaded>, StoreError> {
    let rows = sqlx::query_as!(
        Loaded,
        r#"
        select operator_id, networks as "networks: Vec<IpNet>", asns, revision, loaded_at
        from operator_ranges
        order by operator_id
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Replaces an operator's ranges, if they are still in the revision that was seen (0 for none ever). None
/// at all leaves an empty row, so that revisions never repeat.
///
/// # Errors
/// [`StoreError::Stale`] if somebody else loaded them meanwhile.
pub async fn replace(
    db: &mut PgConnection,
    operator: Uuid,
    networks: &[IpNet],
    asns: &[i64],
    seen: Option<i32>,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        r#"
        insert into operator_ranges as known (operator_id, networks, asns, revision, loaded_at)
        select $1::uuid, $2::inet[], $3::bigint[], 1, $4::timestamptz
        where coalesce($5, 0) = 0 or exists (select from operator_ranges where operator_id = $1)
        on conflict (operator_id) do update
        set networks = excluded.networks, asns = excluded.asns,
            revision = known.revision + 1, loaded_at = excluded.loaded_at
        where known.revision = coalesce($5, known.revision)
        "#,
        operator,
        networks as &[IpNet],
        asns,
        now,
        seen,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}
