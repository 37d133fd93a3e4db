//! Calls that operators charge for, derived from the audit records: a login counts nothing and
//! locks nothing. A day that is over is counted once and kept, beyond the life of its records.

use chrono::{Days, NaiveDate, TimeDelta};
use sqlx::{PgConnection, PgPool};

use crate::clock::Time;
use crate::store::db::StoreError;

/// How long after its end a day is counted: until then a login of it may still be recorded.
const SETTLED: TimeDelta = TimeDelta::hours(1);

/// Calls of one kind by one client to one operator on one day (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// The day.
    pub day: NaiveDate,
    /// The client's `client_id`.
    pub client_id: String,
    /// The operator, by alias.
    pub operator: String,
    /// The call.
    pub call: String,
    /// Calls it answered and charges for.
    pub billable: i64,
    /// Calls that brought no answer.
    pub unsure: i64,
}

/// What was used from one day to another, both included.
pub async fn list(
    db: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Used>, StoreError> {
    let rows = sqlx::query_as!(
        Used,
        r#"
        with open as (
            select greatest($1::date, coalesce(max(day) + 1, $1::date)) as day
            from usage_closed_days
        ),
        called as (
            select (r.at at time zone 'UTC')::date as day, coalesce(r.client_id, '') as client_id,
                coalesce(r.operator, '') as operator, c.call, c.sure
            from audit_records r
            cross join lateral (
                select convert_from(r.body, 'UTF8')::jsonb -> 'evidence' as evidence
            ) e
            cross join lateral (
                select jsonb_array_elements_text(coalesce(e.evidence -> 'billable', '[]')) as call,
                    true as sure
                union all
                select jsonb_array_elements_text(coalesce(e.evidence -> 'unsure', '[]')), false
            ) c
            where r.type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED')
                and r.id >= uuid_floor((select day from open)::timestamp at time zone 'UTC')
                and r.id < uuid_floor(($2::date + 1)::timestamp at time zone 'UTC')
        )
        select day as "day!", client_id as "client_id!", operator as "operator!", call as "call!",
            billable as "billable!", unsure as "unsure!"
        from (
            select day, client_id, operator, call, billable, unsure
            from usage_days
            where day between $1 and $2
            union all
            select day, client_id, operator, call, count(*) filter (where sure),
                count(*) filter (where not sure)
            from called
            group by day, client_id, operator, call
        ) used
        order by 1, 2, 3, 4
        "#,
        from,
        to,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Verifications by one client at one operator on one day (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The day.
    pub day: NaiveDate,
    /// The client's `client_id`.
    pub client_id: String,
    /// The operator, by alias.
    pub operator: String,
    /// Trips to the operator that ended with a word of it, or without one.
    pub verifications: i64,
    /// Those that ended with the number confirmed.
    pub verified: i64,
}

/// What was verified from one day to another, both included.
pub async fn verifications(
    db: &mut PgConnection,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Verified>, StoreError> {
    let rows = sqlx::query_as!(
        Verified,
        r#"
        with open as (
            select greatest($1::date, coalesce(max(day) + 1, $1::date)) as day
            from usage_closed_days
        )
        select day as "day!", client_id as "client_id!", operator as "operator!",
            verifications as "verifications!", verified as "verified!"
        from (
            select day, client_id, operator, verifications, verified
            from usage_verifications
            where day between $1 and $2
            union all
            select (at at time zone 'UTC')::date, coalesce(client_id, ''), coalesce(operator, ''),
                count(*), count(*) filter (where type = 'NUMBER_VERIFIED')
            from audit_records
            where type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED')
                and id >= uuid_floor((select day from open)::timestamp at time zone 'UTC')
                and id < uuid_floor(($2::date + 1)::timestamp at time zone 'UTC')
            group by 1, 2, 3
        ) verified
        order by 1, 2, 3
        "#,
        from,
        to,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// A quota that staff set, and what was used of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// `client` or `operator`.
    pub subject: String,
    /// Its `client_id` or alias.
    pub name: String,
    /// Billable calls a month, as set.
    pub quota: i64,
    /// Billable calls this month (UTC).
    pub used: i64,
}

impl QuotaUse {
    /// The same with what these calls, those of a month, used of it.
    #[must_use]
    pub fn counted<'a>(self, month: impl Iterator<Item = &'a Used>) -> Self {
        let is_its_own = |row: &&Used| match self.subject.as_str() {
            "client" => row.client_id == self.name,
            _ => row.operator == self.name,
        };
        Self {
            used: month.filter(is_its_own).map(|row| row.billable).sum(),
            ..self
        }
    }
}

/// All quotas, nothing counted yet.
pub async fn quotas(db: &mut PgConnection) -> Result<Vec<QuotaUse>, StoreError> {
    let quotas = sqlx::query!(
        r#"
        select 'client' as "subject!", client_id as "name!",
            (settings ->> 'quota_per_month')::bigint as "quota!"
        from clients
        where settings ->> 'quota_per_month' is not null
        union all
        select 'operator', alias, (settings ->> 'quota_per_month')::bigint
        from operators
        where settings ->> 'quota_per_month' is not null
        order by 1, 2
        "#
    )
    .fetch_all(db)
    .await?;
    let uncounted = quotas.into_iter().map(|row| QuotaUse {
        used: 0,
        subject: row.subject,
        name: row.name,
        quota: row.quota,
    });
    Ok(uncounted.collect())
}

/// Notes that a share of a quota was reached this month; says whether nobody had noted it.
pub async fn note_alert(
    db: &mut PgConnection,
    month: NaiveDate,
    reached: &QuotaUse,
    percent: i32,
    now: Time,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        r#"
        insert into quota_alerts (month, subject, name, percent, used, quota, at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (month, subject, name, percent) do nothing
        "#,
        month,
        reached.subject,
        reached.name,
        percent,
        reached.used,
        reached.quota,
        now,
    )
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Counts the days that are over and were not counted, oldest first, at most `most`; returns how
/// many it did. Two servers may try the same day; one does it.
pub async fn close_days(db: &PgPool, now: Time, most: usize) -> Result<usize, StoreError> {
    let last = (now - SETTLED).date_naive() - Days::new(1);
    let mut done = 0;
    while done < most {
        let next = sqlx::query_scalar!(
            r#"
            select coalesce(
                (select max(day) + 1 from usage_closed_days),
                (select (min(at) at time zone 'UTC')::date
                from audit_records
                where type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED'))
            )
            "#
        )
        .fetch_one(db)
        .await?;
        match next {
            Some(day) if day <= last => close_day(db, day, now).await?,
            _ => break,
        }
        done += 1;
    }
    Ok(done)
}

async fn close_day(db: &PgPool, day: NaiveDate, now: Time) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        with closed as (
            insert into usage_closed_days (day, closed_at)
            values ($1, $2)
            on conflict (day) do nothing
            returning day
        ),
        verified as (
            insert into usage_verifications (day, client_id, operator, verifications, verified)
            select closed.day, coalesce(r.client_id, ''), coalesce(r.operator, ''), count(*),
                count(*) filter (where r.type = 'NUMBER_VERIFIED')
            from closed
            join audit_records r
                on r.type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED')
                and r.id >= uuid_floor(closed.day::timestamp at time zone 'UTC')
                and r.id < uuid_floor((closed.day + 1)::timestamp at time zone 'UTC')
            group by 1, 2, 3
        )
        insert into usage_days (day, client_id, operator, call, billable, unsure)
        select closed.day, coalesce(r.client_id, ''), coalesce(r.operator, ''), c.call,
            count(*) filter (where c.sure), count(*) filter (where not c.sure)
        from closed
        join audit_records r
            on r.type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED')
            and r.id >= uuid_floor(closed.day::timestamp at time zone 'UTC')
            and r.id < uuid_floor((closed.day + 1)::timestamp at time zone 'UTC')
        cross join lateral (
            select convert_from(r.body, 'UTF8')::jsonb -> 'evidence' as evidence
        ) e
        cross join lateral (
            select jsonb_array_elements_text(coalesce(e.evidence -> 'billable', '[]')) as call,
                true as sure
            union all
            select jsonb_array_elements_text(coalesce(e.evidence -> 'unsure', '[]')), false
        ) c
        group by 1, 2, 3, 4
        "#,
        day,
        now,
    )
    .execute(db)
    .await?;
    Ok(())
}
