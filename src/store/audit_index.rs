//! What records are found by beside their own columns: the reference that people read to support, and
//! the networks that logins began from. Written by a job that follows the records at a distance, so
//! that logins pay nothing for it.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// A record that begins something: the start of a login, or what is of no login.
#[derive(Debug)]
pub struct First {
    /// Its id.
    pub id: Uuid,
    /// Its login.
    pub login_id: Option<Uuid>,
    /// Its sealed personal part.
    pub sealed: Option<Vec<u8>>,
}

/// How far a job has come, which starts at the oldest record. Holds the row until the transaction ends:
/// of two servers, one works. `None`: another one does, or there is nothing to start at.
pub async fn take_job(db: &mut PgConnection, name: &str) -> Result<Option<Time>, StoreError> {
    sqlx::query!(
        r#"
        insert into record_jobs (name, done_until)
        select $1, at
        from audit_records
        where not exists (select from record_jobs where name = $1)
        order by id
        limit 1
        on conflict (name) do nothing
        "#,
        name
    )
    .execute(&mut *db)
    .await?;
    let until = sqlx::query_scalar!(
        "select done_until from record_jobs where name = $1 for update skip locked",
        name
    )
    .fetch_optional(db)
    .await?;
    Ok(until)
}

/// When the first record from a time on was made.
pub async fn next(db: &mut PgConnection, from: Time) -> Result<Option<Time>, StoreError> {
    let at = sqlx::query_scalar!(
        "select at from audit_records where id >= uuid_floor($1) order by id limit 1",
        from
    )
    .fetch_optional(db)
    .await?;
    Ok(at)
}

/// The job has come this far.
pub async fn job_done(db: &mut PgConnection, name: &str, until: Time) -> Result<(), StoreError> {
    sqlx::query!(
        "update record_jobs set done_until = $2 where name = $1",
        name,
        until
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Records that begin something, oldest first, of a span of time and after a record.
pub async fn firsts(
    db: &mut PgConnection,
    from: Time,
    until: Time,
    after: Uuid,
    limit: i64,
) -> Result<Vec<First>, StoreError> {
    let rows = sqlx::query_as!(
        First,
        r#"
        select r.id, r.login_id, p.sealed as "sealed?"
        from audit_records r
        left join audit_personal p on p.record_id = r.id
        where r.id >= uuid_floor($1) and r.id < uuid_floor($2) and r.id > $3
            and (r.type = 'LOGIN_STARTED' or r.login_id is null
                -- a request that opened no login: its page has the reference of one
                or (r.type = 'LOGIN_ERROR' and r.outcome is null))
        order by r.id
        limit $4
        "#,
        from,
        until,
        after,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Writes what records are found by. Words of a part that was erased meanwhile are not written.
pub async fn write(
    db: &mut PgConnection,
    logins: &[Uuid],
    records: &[Uuid],
    words: &[Vec<u8>],
) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into login_references (login_id, reference)
        select id, right(id::text, 8)
        from unnest($1::uuid[]) as id
        on conflict (login_id) do nothing
        "#,
        logins,
    )
    .execute(&mut *db)
    .await?;
    sqlx::query!(
        r#"
        insert into record_words (record_id, word)
        select record_id, word
        from unnest($1::uuid[], $2::bytea[]) as given (record_id, word)
        join audit_personal using (record_id)
        on conflict (record_id, word) do nothing
        "#,
        records,
        words,
    )
    .execute(db)
    .await?;
    Ok(())
}
