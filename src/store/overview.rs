//! How sign-ins go, counted for the console's first page.

use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// One hour's sign-ins.
#[derive(Clone, Debug)]
pub struct Hour {
    /// When it began.
    pub hour: Time,
    /// Those that ended with a code for the app.
    pub good: i64,
    /// Those that ended without.
    pub failed: i64,
}

/// Sign-ins per hour from the first id on; hours without any are left out.
pub async fn hours(db: &PgPool, from: Uuid) -> Result<Vec<Hour>, StoreError> {
    let rows = sqlx::query_as!(
        Hour,
        r#"
        select date_trunc('hour', at, 'UTC') as "hour!",
            count(*) filter (where type = 'LOGIN') as "good!",
            count(*) filter (where type = 'LOGIN_ERROR') as "failed!"
        from audit_records
        where type in ('LOGIN', 'LOGIN_ERROR') and id >= $1
        group by 1
        order by 1
        "#,
        from,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How one operator did.
#[derive(Clone, Debug)]
pub struct Health {
    /// Its alias.
    pub operator: String,
    /// Trips that ended.
    pub trips: i64,
    /// Those it confirmed.
    pub verified: i64,
    /// Those that failed for a fault of the operator or the contract with it.
    pub faults: i64,
    /// Of the answers from its servers, the time within which 95 of 100 came, in milliseconds.
    pub p95_ms: Option<f64>,
    /// How the last one ended.
    pub last: Option<String>,
}

/// How every operator that was asked did from the first id on.
pub async fn operators(db: &PgPool, from: Uuid) -> Result<Vec<Health>, StoreError> {
    let rows = sqlx::query_as!(
        Health,
        r#"
        select operator, count(*) as "trips!",
            count(*) filter (where outcome = 'verified') as "verified!",
            count(*) filter (where outcome like 'operator\_%' or outcome = 'protocol_violation')
                as "faults!",
            percentile_cont(0.95) within group (
                order by extract(epoch from closed_at - claimed_at)::double precision * 1000
            ) filter (where claimed_at is not null) as p95_ms,
            (array_agg(outcome order by closed_at desc) filter (where outcome is not null))[1]
                as last
        from legs
        where closed_at is not null and id >= $1
        group by operator
        order by operator
        "#,
        from,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// What needs somebody's attention among clients and operators.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Clients whose last secret ends before the time given, by `client_id`; ten at most.
    pub ending: Vec<String>,
    /// Enabled operators for real numbers.
    pub live_operators: i64,
    /// Enabled operators for tests.
    pub test_operators: i64,
    /// Enabled clients.
    pub clients: i64,
}

/// Counts and finds it.
pub async fn attention(db: &PgPool, now: Time, soon: Time) -> Result<Attention, StoreError> {
    let found = sqlx::query_as!(
        Attention,
        r#"
        select array(
                select c.client_id
                from client_secrets s
                join clients c on c.id = s.client
                where c.disabled_at is null
                group by c.client_id
                having max(coalesce(s.expires_at, 'infinity')) between $1 and $2
                order by c.client_id
                limit 10
            ) as "ending!",
            (select count(*) from operators where disabled_at is null and mode = 'live')
                as "live_operators!",
            (select count(*) from operators where disabled_at is null and mode = 'test')
                as "test_operators!",
            (select count(*) from clients c
                where c.disabled_at is null and not exists (
                    select from staff_trials t where t.trial_client = c.client_id)) as "clients!"
        "#,
        now,
        soon,
    )
    .fetch_one(db)
    .await?;
    Ok(found)
}
