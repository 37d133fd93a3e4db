//! Hours counted once from the records, for charts: never from raw rows again.

use sqlx::{PgConnection, PgPool};

use crate::clock::Time;
use crate::store::db::StoreError;

/// Records of one kind within one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The hour's beginning (UTC).
    pub hour: Time,
    /// The client's `client_id`; empty for none.
    pub client_id: String,
    /// The operator, by alias; empty for none.
    pub operator: String,
    /// The event's word.
    pub kind: String,
    /// The outcome; empty for none.
    pub outcome: String,
    /// The operator's own error word; empty for none.
    pub reason: String,
    /// How many.
    pub records: i64,
}

/// How many samples of one hour took no longer than so long, and longer than the bound before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The hour's beginning (UTC).
    pub hour: Time,
    /// The operator, by alias.
    pub operator: String,
    /// `away`, `token` or `api`.
    pub part: String,
    /// The bound, milliseconds.
    pub at_most_ms: i32,
    /// How many.
    pub samples: i64,
}

/// Bounds of the histograms, milliseconds; the last holds whatever took longer.
pub const BOUNDS: [i32; 20] = [
    50, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 4000, 5000, 7500, 10_000,
    15_000, 30_000, 60_000, 3_600_000,
];

/// What was counted from one hour on and before another.
pub async fn counted(
    db: &mut PgConnection,
    from: Time,
    until: Time,
) -> Result<Vec<Counted>, StoreError> {
    let rows = sqlx::query_as!(
        Counted,
        r#"
        select hour, client_id, operator, type as kind, outcome, reason, records
        from rollup_hours
        where hour >= $1 and hour < $2
        order by hour, client_id, operator, type, outcome, reason
        "#,
        from,
        until,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How long the parts of legs took.
pub async fn latencies(
    db: &mut PgConnection,
    from: Time,
    until: Time,
) -> Result<Vec<Bucket>, StoreError> {
    let rows = sqlx::query_as!(
        Bucket,
        r#"
        select hour, operator, part, at_most_ms, samples
        from rollup_latencies
        where hour >= $1 and hour < $2
        order by hour, operator, part, at_most_ms
        "#,
        from,
        until,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The end of the last hour that was counted.
pub async fn counted_until(db: &mut PgConnection) -> Result<Option<Time>, StoreError> {
    let until =
        sqlx::query_scalar!("select max(hour) + interval '1 hour' from rollup_closed_hours")
            .fetch_one(db)
            .await?;
    Ok(until)
}

/// Counts the hours that ended before a time and were not counted, oldest first, at most `most`;
/// returns how many it did. Hours without a record are skipped. Two servers may try the same hour; one
/// does it.
pub async fn close_hours(
    db: &PgPool,
    settled: Time,
    now: Time,
    most: usize,
) -> Result<usize, StoreError> {
    let mut done = 0;
    while done < most {
        let next = sqlx::query_scalar!(
            r#"
            select date_trunc('hour', at, 'UTC')
            from audit_records
            where id >= uuid_floor(coalesce(
                (select max(hour) + interval '1 hour' from rollup_closed_hours),
                '2000-01-01 00:00:00+00'))
            order by id
            limit 1
            "#
        )
        .fetch_optional(db)
        .await?
        .flatten();
        match next {
            Some(hour) if hour + chrono::TimeDelta::hours(1) <= settled => {
                close_hour(db, hour, now).await?;
            }
            _ => break,
        }
        done += 1;
    }
    Ok(done)
}

async fn close_hour(db: &PgPool, hour: Time, now: Time) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    // A busy hour has a million records; nobody waits for this.
    sqlx::query("set local statement_timeout = '2min'")
        .execute(&mut *tx)
        .await?;
    let closed = sqlx::query_scalar!(
        r#"
        insert into rollup_closed_hours (hour, closed_at)
        values ($1, $2)
        on conflict (hour) do nothing
        returning hour
        "#,
        hour,
        now,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if closed.is_none() {
        return Ok(());
    }
    sqlx::query!(
        r#"
        with record as materialized (
            select coalesce(client_id, '') as client_id, coalesce(operator, '') as operator, type,
                coalesce(outcome, '') as outcome,
                case when type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED', 'OPERATOR_SELECTED_ERROR')
                    then convert_from(body, 'UTF8')::jsonb end as body
            from audit_records
            where id >= uuid_floor($1) and id < uuid_floor($1 + interval '1 hour')
        ),
        counted as (
            insert into rollup_hours (hour, client_id, operator, type, outcome, reason, records)
            select $1, client_id, operator, type, outcome,
                coalesce(body #>> '{evidence,operator_error}', ''), count(*)
            from record
            group by 2, 3, 4, 5, 6
        )
        insert into rollup_latencies (hour, operator, part, at_most_ms, samples)
        select $1, operator, part, ($2::integer[])[least(
                width_bucket(ms - 1, $2::integer[]) + 1, cardinality($2::integer[]))], count(*)
        from record
        cross join lateral (
            values ('away', (body ->> 'away_ms')::bigint),
                ('token', (body #>> '{evidence,token_ms}')::bigint),
                ('api', (body #>> '{evidence,api_ms}')::bigint)
        ) part (part, wide)
        cross join lateral (select least(wide, 3600000)::integer as ms) bound
        where body is not null and wide is not null
        group by 2, 3, 4
        "#,
        hour,
        &BOUNDS,
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}
