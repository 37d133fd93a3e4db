//! Records still to be sent to streams. The transaction that appends a record queues it, so none is
//! lost; a row goes when the stream has taken it, so one may come twice, under the same id.

use sqlx::PgConnection;
use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// A record to be sent.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its id.
    pub id: Uuid,
    /// Its exact bytes.
    pub body: Vec<u8>,
    /// Which try this is, from 1.
    pub tries: i32,
}

/// Says which streams there are; from now on every appended record is queued for each.
pub async fn set_streams(db: &PgPool, names: &[String]) -> Result<(), StoreError> {
    sqlx::query!("select set_record_streams($1)", names)
        .execute(db)
        .await?;
    Ok(())
}

/// Takes what is due for a stream, oldest first; it is this server's until `lease`. What was dropped
/// with its month meanwhile leaves the queue.
pub async fn take(
    db: &PgPool,
    stream: &str,
    now: Time,
    lease: Time,
    limit: i64,
) -> Result<Vec<Due>, StoreError> {
    let mut rows = sqlx::query_as!(
        Due,
        r#"
        with due as (
            select stream, record_id
            from record_outbox
            where stream = $1 and (next_try_at is null or next_try_at <= $2)
            order by next_try_at nulls first, record_id
            limit $4
            for update skip locked
        ),
        taken as (
            update record_outbox o
            set tries = o.tries + 1, next_try_at = $3
            from due
            where o.stream = due.stream and o.record_id = due.record_id
            returning o.record_id, o.tries
        )
        select taken.record_id as "id!", coalesce(r.body, '') as "body!", taken.tries as "tries!"
        from taken
        left join audit_records r on r.id = taken.record_id
        "#,
        stream,
        now,
        lease,
        limit,
    )
    .fetch_all(db)
    .await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// The stream has taken them.
pub async fn sent(db: &PgPool, stream: &str, ids: &[Uuid]) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from record_outbox where stream = $1 and record_id = any($2)",
        stream,
        ids
    )
    .execute(db)
    .await?;
    Ok(())
}

/// The stream has not; they are tried again then.
pub async fn again(db: &PgPool, stream: &str, ids: &[Uuid], at: Time) -> Result<(), StoreError> {
    sqlx::query!(
        "update record_outbox set next_try_at = $3 where stream = $1 and record_id = any($2)",
        stream,
        ids,
        at
    )
    .execute(db)
    .await?;
    Ok(())
}

/// How many records wait, by stream.
pub async fn waiting(db: &PgPool) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select s.name, count(o.record_id) as "waiting!"
        from record_streams s
        left join record_outbox o on o.stream = s.name
        group by s.name
        order by s.name
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.name, row.waiting))
        .collect())
}

/// Mismatches of one operator.
#[derive(Clone, Debug)]
pub struct Spike {
    /// The operator, by alias.
    pub operator: String,
    /// Numbers it did not confirm because they are another SIM's.
    pub mismatches: i64,
    /// All its verdicts.
    pub verdicts: i64,
}

/// Operators with at least so many mismatches since a time.
pub async fn mismatches(
    db: &mut PgConnection,
    since: Time,
    at_least: i64,
) -> Result<Vec<Spike>, StoreError> {
    let rows = sqlx::query_as!(
        Spike,
        r#"
        select m.operator as "operator!", m.mismatches as "mismatches!",
            (
                select count(*)
                from audit_records r
                where r.operator = m.operator and r.id >= uuid_floor($1)
                    and r.type in ('NUMBER_VERIFIED', 'NUMBER_NOT_VERIFIED')
            ) as "verdicts!"
        from (
            select operator, count(*) as mismatches
            from audit_records
            where outcome = 'mismatch' and type = 'NUMBER_NOT_VERIFIED' and id >= uuid_floor($1)
                and operator is not null
            group by operator
            having count(*) >= $2
        ) m
        "#,
        since,
        at_least,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// How many records of an event there are since a time.
pub async fn count(db: &mut PgConnection, kind: &str, since: Time) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from audit_records where type = $1 and id >= uuid_floor($2)"#,
        kind,
        since,
    )
    .fetch_one(db)
    .await?;
    Ok(count)
}

/// Claims the right to raise an alert this hour; `false`: it was raised.
pub async fn claim_alert(
    db: &mut PgConnection,
    kind: &str,
    about: &str,
    now: Time,
) -> Result<bool, StoreError> {
    let claimed = sqlx::query!(
        r#"
        insert into record_alerts (kind, about, hour)
        values ($1, $2, date_trunc('hour', $3::timestamptz))
        on conflict (kind, about, hour) do nothing
        "#,
        kind,
        about,
        now,
    )
    .execute(db)
    .await?;
    Ok(claimed.rows_affected() == 1)
}
