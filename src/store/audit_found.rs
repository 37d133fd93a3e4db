//! Records that are found by what is not in them: a number, a network, a login's reference. A number that
//! a monitor uses and a network that many share have as many records as they like: each page reads its own.
//! [`super::audit_search`] is the way in.

use sqlx::PgConnection;

use crate::store::audit_search::{Filter, Listed};
use crate::store::db::StoreError;
use crate::verdict::Outcome;

/// Of a number; a page before another comes oldest first.
pub(super) async fn of_number(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select r.id as "id!", r.body as "body!", r.mac as "mac!", r.mac_key_id as "mac_key_id!",
            r.sealed as "sealed?"
        from unnest($1::bytea[]) as given (hash)
        cross join lateral (
            (
                select r.*, p.sealed
                from audit_personal p
                -- one look-up a row: a join may read the whole table first
                cross join lateral (
                    select id, body, mac, mac_key_id
                    from audit_records
                    where id = p.record_id
                        and ($7::text is null or type = $7)
                        and ($8::uuid is null or login_id = $8)
                        and ($9::text is null or client_id = $9)
                        and ($10::text is null or operator = $10)
                        and ($11::text is null or outcome = $11)
                        and ($12::text is null or actor = $12)
                        and ($13::text is null or right(login_id::text, 8) = $13)
                    offset 0
                ) r
                where $4::uuid is null and p.number_hash = given.hash
                    and ($3::uuid is null or p.record_id < $3)
                    and ($5::timestamptz is null or p.record_id >= uuid_floor($5))
                    and ($6::timestamptz is null or p.record_id < uuid_floor($6))
                    and ($2::bytea[] is null or exists (
                        select from record_words w where w.record_id = p.record_id and w.word = any($2)))
                order by p.record_id desc
                limit $14
            )
            union all
            (
                select r.*, p.sealed
                from audit_personal p
                cross join lateral (
                    select id, body, mac, mac_key_id
                    from audit_records
                    where id = p.record_id
                        and ($7::text is null or type = $7)
                        and ($8::uuid is null or login_id = $8)
                        and ($9::text is null or client_id = $9)
                        and ($10::text is null or operator = $10)
                        and ($11::text is null or outcome = $11)
                        and ($12::text is null or actor = $12)
                        and ($13::text is null or right(login_id::text, 8) = $13)
                    offset 0
                ) r
                where p.record_id > $4 and p.number_hash = given.hash
                    and ($5::timestamptz is null or p.record_id >= uuid_floor($5))
                    and ($6::timestamptz is null or p.record_id < uuid_floor($6))
                    and ($2::bytea[] is null or exists (
                        select from record_words w where w.record_id = p.record_id and w.word = any($2)))
                order by p.record_id
                limit $14
            )
        ) r
        order by case when $4::uuid is not null then r.id end, r.id desc
        limit $14
        "#,
        filter.number_hashes.as_deref() as _,
        filter.network_hashes.as_deref() as _,
        filter.before,
        filter.after,
        filter.since,
        filter.until,
        filter.kind.as_deref(),
        filter.login_id,
        filter.client_id.as_deref(),
        filter.operator.as_deref(),
        filter.outcome.map(Outcome::as_str),
        filter.actor.as_deref(),
        filter.reference.as_deref(),
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// From a network: first records of logins; a page before another comes oldest first.
pub(super) async fn from_network(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select r.id as "id!", r.body as "body!", r.mac as "mac!", r.mac_key_id as "mac_key_id!",
            (select p.sealed from audit_personal p where p.record_id = r.id) as "sealed?"
        from unnest($1::bytea[]) as given (word)
        cross join lateral (
            (
                select r.*
                from record_words w
                cross join lateral (
                    select id, body, mac, mac_key_id
                    from audit_records
                    where id = w.record_id
                        and ($6::text is null or type = $6)
                        and ($7::uuid is null or login_id = $7)
                        and ($8::text is null or client_id = $8)
                        and ($9::text is null or operator = $9)
                        and ($10::text is null or outcome = $10)
                        and ($11::text is null or actor = $11)
                        and ($12::text is null or right(login_id::text, 8) = $12)
                    offset 0
                ) r
                where $3::uuid is null and w.word = given.word
                    and ($2::uuid is null or w.record_id < $2)
                    and ($4::timestamptz is null or w.record_id >= uuid_floor($4))
                    and ($5::timestamptz is null or w.record_id < uuid_floor($5))
                order by w.record_id desc
                limit $13
            )
            union all
            (
                select r.*
                from record_words w
                cross join lateral (
                    select id, body, mac, mac_key_id
                    from audit_records
                    where id = w.record_id
                        and ($6::text is null or type = $6)
                        and ($7::uuid is null or login_id = $7)
                        and ($8::text is null or client_id = $8)
                        and ($9::text is null or operator = $9)
                        and ($10::text is null or outcome = $10)
                        and ($11::text is null or actor = $11)
                        and ($12::text is null or right(login_id::text, 8) = $12)
                    offset 0
                ) r
                where w.record_id > $3 and w.word = given.word
                    and ($4::timestamptz is null or w.record_id >= uuid_floor($4))
                    and ($5::timestamptz is null or w.record_id < uuid_floor($5))
                order by w.record_id
                limit $13
            )
        ) r
        order by case when $3::uuid is not null then r.id end, r.id desc
        limit $13
        "#,
        filter.network_hashes.as_deref() as _,
        filter.before,
        filter.after,
        filter.since,
        filter.until,
        filter.kind.as_deref(),
        filter.login_id,
        filter.client_id.as_deref(),
        filter.operator.as_deref(),
        filter.outcome.map(Outcome::as_str),
        filter.actor.as_deref(),
        filter.reference.as_deref(),
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Of the logins with a reference, which are one or two; a page before another comes oldest first.
pub(super) async fn of_reference(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select r.id as "id!", r.body as "body!", r.mac as "mac!", r.mac_key_id as "mac_key_id!",
            (select p.sealed from audit_personal p where p.record_id = r.id) as "sealed?"
        from (
            select login_id
            from login_references
            where reference = $1
            union
            -- logins of the last minutes, whose references nobody has written yet
            select id
            from logins
            where id >= uuid_floor(coalesce(
                    (select done_until from record_jobs where name = 'index'),
                    'epoch'))
                and right(id::text, 8) = $1
        ) l
        -- one look-up a login: a join may read the whole table first
        cross join lateral (select * from audit_records where login_id = l.login_id offset 0) r
        where ($2::uuid is null or r.id < $2)
            and ($3::uuid is null or r.id > $3)
            and ($4::timestamptz is null or r.id >= uuid_floor($4))
            and ($5::timestamptz is null or r.id < uuid_floor($5))
            and ($6::text is null or r.type = $6)
            and ($7::uuid is null or r.login_id = $7)
            and ($8::text is null or r.client_id = $8)
            and ($9::text is null or r.operator = $9)
            and ($10::text is null or r.outcome = $10)
            and ($11::text is null or r.actor = $11)
        order by case when $3::uuid is not null then r.id end, r.id desc
        limit $12
        "#,
        filter.reference.as_deref(),
        filter.before,
        filter.after,
        filter.since,
        filter.until,
        filter.kind.as_deref(),
        filter.login_id,
        filter.client_id.as_deref(),
        filter.operator.as_deref(),
        filter.outcome.map(Outcome::as_str),
        filter.actor.as_deref(),
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
