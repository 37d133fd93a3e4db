//! Finding records. Pages are cut by the record's id and never counted off, so the hundredth costs what
//! the first does.

use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;
use crate::verdict::Outcome;

/// What to list; every field given narrows it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Records before this one, newest first; a page's cursor.
    pub before: Option<Uuid>,
    /// Those next after this one, the other way round: the cursor of the page before. Not with `before`.
    pub after: Option<Uuid>,
    /// Not older than this.
    pub since: Option<Time>,
    /// Older than this.
    pub until: Option<Time>,
    /// The event's word.
    pub kind: Option<String>,
    /// The login.
    pub login_id: Option<Uuid>,
    /// The client.
    pub client_id: Option<String>,
    /// The operator.
    pub operator: Option<String>,
    /// The outcome.
    pub outcome: Option<Outcome>,
    /// Who did it.
    pub actor: Option<String>,
    /// Keyed hashes of one number, under every live root key.
    pub number_hashes: Option<Vec<Vec<u8>>>,
    /// What people read to support: eight digits in small letters.
    pub reference: Option<String>,
    /// Keyed hashes of one network, under every live root key.
    pub network_hashes: Option<Vec<Vec<u8>>>,
}

/// A record as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// Their MAC.
    pub mac: Vec<u8>,
    /// The root key of the MAC.
    pub mac_key_id: String,
    /// The sealed personal part, unless it has been erased or there was none.
    pub sealed: Option<Vec<u8>>,
}

/// Begins a transaction whose statements are planned for their values: the pools plan once for all
/// values, and a plan for any filter is a plan for none. One round trip.
pub async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, StoreError> {
    let begin = "begin; set local plan_cache_mode = 'force_custom_plan'";
    Ok(pool.begin_with(begin).await?)
}

/// A page of records, newest first. Wants a transaction that [`begin`] began.
pub async fn list(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let found = filter.number_hashes.is_some()
        || filter.reference.is_some()
        || filter.network_hashes.is_some();
    let mut page = match (found, filter.after) {
        (true, _) => list_found(db, filter, limit).await?,
        (false, None) => list_all(db, filter, limit).await?,
        (false, Some(after)) => list_newer(db, filter, after, limit).await?,
    };
    if filter.after.is_some() {
        page.reverse();
    }
    Ok(page)
}

async fn list_all(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select r.id as "id!", r.body as "body!", r.mac as "mac!", r.mac_key_id as "mac_key_id!",
            -- one look-up a row: a join may read the whole table first
            (select p.sealed from audit_personal p where p.record_id = r.id) as "sealed?"
        from (
            select id, body, mac, mac_key_id
            from audit_records
            where ($1::uuid is null or id < $1)
                and ($2::timestamptz is null or id >= uuid_floor($2))
                and ($3::timestamptz is null or id < uuid_floor($3))
                -- a server's list of its own records, every second, is nobody's reading
                and ($4::text is null and type <> 'AUDIT_MANIFEST' or type = $4)
                and ($5::uuid is null or login_id = $5)
                and ($6::text is null or client_id = $6)
                and ($7::text is null or operator = $7)
                and ($8::text is null or outcome = $8)
                and ($9::text is null or actor = $9)
            order by id desc
            limit $10
        ) r
        order by r.id desc
        "#,
        filter.before,
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

/// The same the other way round, oldest first.
async fn list_newer(
    db: &mut PgConnection,
    filter: &Filter,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        select r.id as "id!", r.body as "body!", r.mac as "mac!", r.mac_key_id as "mac_key_id!",
            (select p.sealed from audit_personal p where p.record_id = r.id) as "sealed?"
        from (
            select id, body, mac, mac_key_id
            from audit_records
            where id > $1
                and ($2::timestamptz is null or id >= uuid_floor($2))
                and ($3::timestamptz is null or id < uuid_floor($3))
                and ($4::text is null and type <> 'AUDIT_MANIFEST' or type = $4)
                and ($5::uuid is null or login_id = $5)
                and ($6::text is null or client_id = $6)
                and ($7::text is null or operator = $7)
                and ($8::text is null or outcome = $8)
                and ($9::text is null or actor = $9)
            order by id
            limit $10
        ) r
        order by r.id
        "#,
        after,
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

/// By what is not in the record itself: the few ids are found first, and the rest is asked of them.
async fn list_found(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let rows = sqlx::query_as!(
        Listed,
        r#"
        with found as materialized (
            select record_id as id
            from audit_personal
            where number_hash = any($9)
            union
            select record_id
            from record_words
            where $9::bytea[] is null and word = any($10)
            union
            select r.id
            from (
                select login_id
                from login_references
                where reference = $11
                union
                -- logins of the last minutes, whose references nobody has written yet
                select id
                from logins
                where id >= uuid_floor(coalesce(
                        (select done_until from record_jobs where name = 'index'),
                        'epoch'))
                    and right(id::text, 8) = $11
            ) l
            -- one look-up a login: a join may read the whole table first
            cross join lateral (select id from audit_records where login_id = l.login_id offset 0) r
            where $9::bytea[] is null and $10::bytea[] is null
        )
        select r.id as "id!", r.body as "body!", r.mac as "mac!", r.mac_key_id as "mac_key_id!",
            p.sealed as "sealed?"
        from found
        join audit_records r using (id)
        left join audit_personal p on p.record_id = r.id
        where ($1::uuid is null or r.id < $1)
            and ($2::timestamptz is null or r.id >= uuid_floor($2))
            and ($3::timestamptz is null or r.id < uuid_floor($3))
            and ($4::text is null or r.type = $4)
            and ($5::uuid is null or r.login_id = $5)
            and ($6::text is null or r.client_id = $6)
            and ($7::text is null or r.operator = $7)
            and ($8::text is null or r.outcome = $8)
            and ($12::text is null or r.actor = $12)
            and ($9::bytea[] is null or $10::bytea[] is null or exists (
                select from record_words w where w.record_id = r.id and w.word = any($10)))
            and ($11::text is null or right(r.login_id::text, 8) = $11)
            and ($14::uuid is null or r.id > $14)
        order by case when $14::uuid is not null then r.id end, r.id desc
        limit $13
        "#,
        filter.before,
        filter.since,
        filter.until,
        filter.kind.as_deref(),
        filter.login_id,
        filter.client_id.as_deref(),
        filter.operator.as_deref(),
        filter.outcome.map(Outcome::as_str),
        filter.number_hashes.as_deref() as _,
        filter.network_hashes.as_deref() as _,
        filter.reference.as_deref(),
        filter.actor.as_deref(),
        limit,
        filter.after,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The sealed personal part of a record.
pub async fn personal(db: &mut PgConnection, id: Uuid) -> Result<Option<Vec<u8>>, StoreError> {
    let sealed = sqlx::query_scalar!("select sealed from audit_personal where record_id = $1", id)
        .fetch_optional(db)
        .await?;
    Ok(sealed)
}

/// When the oldest record was made, if there is one.
pub async fn oldest(db: &mut PgConnection) -> Result<Option<Time>, StoreError> {
    let at = sqlx::query_scalar!("select at from audit_records order by id limit 1")
        .fetch_optional(db)
        .await?;
    Ok(at)
}
