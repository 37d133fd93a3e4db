//! The daily verifications of the log, and how the log stands.

use chrono::NaiveDate;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// Claims a day's verification for one server: true if nobody has it, or whoever had it gave it up.
pub async fn claim(
    db: impl PgExecutor<'_>,
    day: NaiveDate,
    server: &str,
    now: Time,
    given_up_before: Time,
) -> Result<bool, StoreError> {
    let claimed = sqlx::query_scalar!(
        r#"
        insert into log_verifications (day, server, started_at)
        values ($1, $2, $3)
        on conflict (day) do update
        set server = excluded.server, started_at = excluded.started_at
        where log_verifications.finished_at is null and log_verifications.started_at < $4
        returning true as "claimed!"
        "#,
        day,
        server,
        now,
        given_up_before,
    )
    .fetch_optional(db)
    .await?;
    Ok(claimed.is_some())
}

/// What a day's verification found.
#[derive(Clone, Debug)]
pub struct Finished<'a> {
    /// The day.
    pub day: NaiveDate,
    /// When it ended.
    pub now: Time,
    /// How many things are wrong.
    pub found: i64,
    /// The first of them.
    pub first: Option<&'a str>,
}

/// Keeps what a verification found.
pub async fn finish(db: impl PgExecutor<'_>, finished: &Finished<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "update log_verifications set finished_at = $2, found = $3, first = $4 where day = $1",
        finished.day,
        finished.now,
        finished.found,
        finished.first,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How the log stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// When the first log began; absent before that.
    pub began_at: Option<Time>,
    /// When the current log last grew.
    pub sealed_at: Option<Time>,
    /// The oldest record that waits to be sealed.
    pub pending: Option<Uuid>,
    /// When a verification last found nothing wrong.
    pub verified_at: Option<Time>,
    /// What the last one found: how many things,
    pub found: Option<i64>,
    /// and the first of them.
    pub first: Option<String>,
}

/// How the log stands.
pub async fn standing(db: impl PgExecutor<'_>) -> Result<Standing, StoreError> {
    let standing = sqlx::query_as!(
        Standing,
        r#"
        select
            (select min(started_at) from logs) as began_at,
            (select sealed_at from logs where ended_at is null) as sealed_at,
            (select record_id from audit_pending order by record_id limit 1) as pending,
            (select max(finished_at) from log_verifications where found = 0) as verified_at,
            last.found as "found?", last.first as "first?"
        from (select) one
        left join lateral (
            select found, first
            from log_verifications
            where finished_at is not null
            order by day desc
            limit 1
        ) last on true
        "#
    )
    .fetch_one(db)
    .await?;
    Ok(standing)
}
