//! Everything that is kept about one number, and its erasure.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::record::Record;
use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;

/// A record with a personal part that is about a number, or about a login of it.
#[derive(Clone, Debug)]
pub struct Part {
    /// The record.
    pub id: Uuid,
    /// Its exact bytes; none if the record is gone already.
    pub body: Option<Vec<u8>>,
    /// The sealed part.
    pub sealed: Vec<u8>,
    /// Whether a legal hold lies on it.
    pub held: bool,
}

/// The personal parts of a number, oldest first: those that hold it, and those of its logins that hold
/// an address or a browser's name and no other number.
pub async fn parts(
    db: &mut PgConnection,
    number_hashes: &[Vec<u8>],
) -> Result<Vec<Part>, StoreError> {
    let rows = sqlx::query_as!(
        Part,
        r#"
        with own as materialized (
            select record_id
            from audit_personal
            where number_hash = any($1)
        ),
        login as materialized (
            select distinct r.login_id
            from own
            join audit_records r on r.id = own.record_id
            where r.login_id is not null
        ),
        part as (
            select record_id
            from own
            union
            select r.id
            from login
            join audit_records r on r.login_id = login.login_id
            join audit_personal p on p.record_id = r.id
            where p.number_hash is null
        )
        select p.record_id as "id!", r.body as "body?", p.sealed as "sealed!",
            exists (
                select
                from legal_holds h
                where h.released_at is null and p.record_id >= uuid_floor(h.from_at)
                    and p.record_id < uuid_floor(h.until_at)
            ) as "held!"
        from part
        join audit_personal p on p.record_id = part.record_id
        left join audit_records r on r.id = part.record_id
        order by 1
        "#,
        number_hashes,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Rows about a number beside its records, each as it may be shown: no hash, no sealed value.
pub async fn rows(
    db: &mut PgConnection,
    number_hashes: &[Vec<u8>],
) -> Result<BTreeMap<String, Vec<Value>>, StoreError> {
    let rows = sqlx::query!(
        r#"
        select kind as "kind!", told as "told!"
        from (
            select 'sessions' as kind, opened_at as at,
                jsonb_build_object('id', id, 'opened_at', opened_at, 'expires_at', expires_at,
                    'ended_at', ended_at, 'verdict', verdict) as told
            from sessions
            where number_hash = any($1)
            union all
            select 'grants', created_at,
                jsonb_build_object('id', id, 'client_id', client_id, 'subject', subject,
                    'created_at', created_at, 'expires_at', expires_at, 'ended_at', ended_at,
                    'scopes', facts -> 'scopes')
            from grants
            where number_hash = any($1)
            union all
            select 'go_aheads', given_at,
                jsonb_build_object('client_id', client_id, 'subject', subject, 'release', release,
                    'given_at', given_at, 'expires_at', expires_at)
            from go_aheads
            where number_hash = any($1)
            union all
            select 'legs', departed_at,
                jsonb_build_object('id', id, 'login_id', login_id, 'operator', operator, 'method',
                    method, 'outcome', outcome, 'departed_at', departed_at)
            from legs
            where number_hash = any($1)
            union all
            select 'epochs', changed_at, jsonb_build_object('epoch', epoch, 'since', changed_at)
            from subject_epochs
            where number_hash = any($1)
            union all
            select 'pushed_requests', expires_at,
                jsonb_build_object('client_id', client_id, 'expires_at', expires_at)
            from pushed_requests
            where number_hashes && $1
        ) kept
        order by kind, at
        "#,
        number_hashes,
    )
    .fetch_all(db)
    .await?;
    let mut kept: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for row in rows {
        kept.entry(row.kind).or_default().push(row.told);
    }
    Ok(kept)
}

/// A login that an erasure ended.
#[derive(Debug)]
pub struct Ended {
    /// Its id.
    pub id: Uuid,
    /// Its client.
    pub client_id: String,
}

/// Ends what lives of a number and deletes what is kept of it beside the records; `logins` are those
/// that its records name. An epoch stays: without it the next owner would be taken for the last one.
/// Returns the logins that ended, and rows by kind.
pub async fn forget(
    tx: &mut PgConnection,
    number_hashes: &[Vec<u8>],
    logins: &[Uuid],
    now: Time,
) -> Result<(Vec<Ended>, BTreeMap<String, i64>), StoreError> {
    // In its own statement, because a trigger queues the apps to be told and ends their grants.
    sqlx::query!(
        "update sessions set ended_at = $2 where number_hash = any($1) and ended_at is null",
        number_hashes,
        now,
    )
    .execute(&mut *tx)
    .await?;
    let ended = sqlx::query_as!(
        Ended,
        r#"
        update logins
        set stage = 'ended', outcome = 'expired', ended_at = $3, changed_at = $3
        where ended_at is null and (id = any($2)
            or id in (select login_id from legs where number_hash = any($1)))
        returning id, client_id
        "#,
        number_hashes,
        logins,
        now,
    )
    .fetch_all(&mut *tx)
    .await?;
    let rows = sqlx::query!(
        r#"
        with login as (
            update logins
            set sealed = null, answer = null
            where id = any($2) or id in (select login_id from legs where number_hash = any($1))
            returning id
        ),
        leg as (
            update legs
            set sealed = '', number_hash = null, stage = 'closed',
                closed_at = coalesce(closed_at, $3)
            where number_hash = any($1) or login_id = any($2)
            returning 1
        ),
        given as (
            delete from grants
            where number_hash = any($1)
            returning id
        ),
        code as (
            delete from codes where grant_id in (select id from given)
        ),
        access as (
            delete from access_tokens where grant_id in (select id from given)
        ),
        refresh as (
            delete from refresh_tokens where grant_id in (select id from given)
        ),
        session as (
            delete from sessions
            where number_hash = any($1)
            returning 1
        ),
        go_ahead as (
            delete from go_aheads
            where number_hash = any($1)
            returning 1
        ),
        pushed as (
            delete from pushed_requests
            where number_hashes && $1
            returning 1
        )
        select (select count(*) from login) as "logins!", (select count(*) from leg) as "legs!",
            (select count(*) from given) as "grants!", (select count(*) from session) as "sessions!",
            (select count(*) from go_ahead) as "go_aheads!",
            (select count(*) from pushed) as "pushed_requests!"
        "#,
        number_hashes,
        logins,
        now,
    )
    .fetch_one(tx)
    .await?;
    let rows = [
        ("logins", rows.logins),
        ("legs", rows.legs),
        ("grants", rows.grants),
        ("sessions", rows.sessions),
        ("go_aheads", rows.go_aheads),
        ("pushed_requests", rows.pushed_requests),
    ];
    let rows = rows.into_iter().filter(|(_, count)| *count > 0);
    Ok((
        ended,
        rows.map(|(kind, count)| (kind.to_owned(), count)).collect(),
    ))
}

/// Erases personal parts, and appends the records that list them.
pub async fn erase_parts(
    tx: &mut PgConnection,
    ids: &[Uuid],
    records: Vec<Record>,
) -> Result<i64, StoreError> {
    let gone = sqlx::query_scalar!(
        r#"select erase_personal($1, $2) as "gone!""#,
        ids,
        Appended::new(records) as _,
    )
    .fetch_one(tx)
    .await?;
    Ok(gone)
}
