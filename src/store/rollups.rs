//! Hours counted once from the records, for charts: never from raw rows again.

use sqlx::{PgConnection, PgPool};

use crate::clock::Time;
use crate::store::db::StoreError;

/// Records of one kind within one hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The hour's beginning (UTC).
    pub hour: Time,
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

/// How many samples took no longer than so long, and longer than the bound before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The operator, by alias.
    pub operator: String,
    /// `away`, `token` or `api`.
    pub part: String,
    /// The bound, milliseconds.
    pub at_most_ms: i32,
    /// How many.
    pub samples: i64,
}

/// How the logins of one client ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fared {
    /// The client's `client_id`; empty for none.
    pub client_id: String,
    /// Logins that ended.
    pub ended: i64,
    /// Of them, with a code for the app.
    pub signed_in: i64,
    /// Those whose phone was not on its operator's network at some time: on Wi-Fi, most often.
    pub off_network: i64,
    /// Of these, with a code for the app in the end.
    pub recovered: i64,
    /// Those that a phone took over from a desktop.
    pub handed_off: i64,
    /// Of these, with a code for the app.
    pub handed_off_signed_in: i64,
    /// Hand-offs whose person said that they had not begun them.
    pub reported: i64,
}

/// Bounds of the histograms, milliseconds; the last holds whatever took longer.
pub const BOUNDS: [i32; 20] = [
    50, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 4000, 5000, 7500, 10_000,
    15_000, 30_000, 60_000, 3_600_000,
];

/// What was counted from one hour on and before another, of one client or of all together.
pub async fn counted(
    db: &mut PgConnection,
    from: Time,
    until: Time,
    client_id: Option<&str>,
    operator: Option<&str>,
) -> Result<Vec<Counted>, StoreError> {
    let rows = sqlx::query_as!(
        Counted,
        r#"
        select hour, operator, type as kind, outcome, reason, sum(records)::bigint as "records!"
        from rollup_hours
        where hour >= $1 and hour < $2
            and ($3::text is null or client_id = $3) and ($4::text is null or operator = $4)
        group by hour, operator, type, outcome, reason
        order by hour, operator, type, outcome, reason
        "#,
        from,
        until,
        client_id,
        operator,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How long the parts of legs took, all hours together.
pub async fn latencies(
    db: &mut PgConnection,
    from: Time,
    until: Time,
    operator: Option<&str>,
) -> Result<Vec<Bucket>, StoreError> {
    let rows = sqlx::query_as!(
        Bucket,
        r#"
        select operator, part, at_most_ms, sum(samples)::bigint as "samples!"
        from rollup_latencies
        where hour >= $1 and hour < $2 and ($3::text is null or operator = $3)
        group by operator, part, at_most_ms
        order by operator, part, at_most_ms
        "#,
        from,
        until,
        operator,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How logins ended, by client, most logins first.
pub async fn fared(
    db: &mut PgConnection,
    from: Time,
    until: Time,
    client_id: Option<&str>,
) -> Result<Vec<Fared>, StoreError> {
    let rows = sqlx::query_as!(
        Fared,
        r#"
        with ended as (
            select client_id, sum(ended)::bigint as ended, sum(signed_in)::bigint as signed_in,
                sum(off_network)::bigint as off_network, sum(recovered)::bigint as recovered,
                sum(handed_off)::bigint as handed_off,
                sum(handed_off_signed_in)::bigint as handed_off_signed_in
            from rollup_logins
            where hour >= $1 and hour < $2 and ($3::text is null or client_id = $3)
            group by client_id
        ),
        reported as (
            select client_id, sum(records)::bigint as reported
            from rollup_hours
            where hour >= $1 and hour < $2 and ($3::text is null or client_id = $3)
                and type = 'HANDOFF_REPORTED'
            group by client_id
        )
        select client_id as "client_id!", coalesce(ended, 0) as "ended!",
            coalesce(signed_in, 0) as "signed_in!", coalesce(off_network, 0) as "off_network!",
            coalesce(recovered, 0) as "recovered!", coalesce(handed_off, 0) as "handed_off!",
            coalesce(handed_off_signed_in, 0) as "handed_off_signed_in!",
            coalesce(reported, 0) as "reported!"
        from ended
        full join reported using (client_id)
        order by coalesce(ended, 0) desc, client_id
        "#,
        from,
        until,
        client_id,
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
        ),
        kinds as (
            insert into record_kinds (type, operator, outcome)
            select distinct type, operator, outcome
            from record
            on conflict do nothing
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
    count_logins(&mut tx, hour).await?;
    tx.commit().await?;
    Ok(())
}

/// Counts the logins that ended within an hour, by what their records say; those of the hour before, too,
/// because a login takes some minutes.
async fn count_logins(db: &mut PgConnection, hour: Time) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with login as (
            select max(client_id) as client_id,
                bool_or(type in ('LOGIN', 'LOGIN_ERROR') and id >= uuid_floor($1)) as ended,
                bool_or(type = 'LOGIN') as signed_in,
                bool_or(type = 'HANDOFF_CLAIMED') as handed_off,
                bool_or(outcome = 'not_on_mobile_network') as off_network
            from audit_records
            where id >= uuid_floor($1 - interval '1 hour') and id < uuid_floor($1 + interval '1 hour')
                and login_id is not null
                and (type in ('LOGIN', 'LOGIN_ERROR', 'HANDOFF_CLAIMED')
                    or outcome = 'not_on_mobile_network')
            group by login_id
        )
        insert into rollup_logins (hour, client_id, ended, signed_in, off_network, recovered,
            handed_off, handed_off_signed_in)
        select $1, coalesce(client_id, ''), count(*), count(*) filter (where signed_in),
            count(*) filter (where off_network), count(*) filter (where off_network and signed_in),
            count(*) filter (where handed_off), count(*) filter (where handed_off and signed_in)
        from login
        where ended
        group by 2
        "#,
        hour,
    )
    .execute(db)
    .await?;
    Ok(())
}
