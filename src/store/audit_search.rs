//! Finding records. Pages are cut by the record's id and never counted off, so the hundredth costs what
//! the first does.

use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres, Transaction};
use uuid::Uuid;

use crate::clock::Time;
use crate::secret::made_at;
use crate::store::db::StoreError;
use crate::store::{audit_found, audit_stretch};
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

impl Filter {
    /// Whether many records may meet it by halves, and next to none as a whole. A page before another
    /// ([`Filter::after`]) stands on one that was found.
    #[must_use]
    pub fn may_be_looked_for_in_stretches(&self) -> bool {
        let given = [
            self.number_hashes.is_some(),
            self.network_hashes.is_some(),
            self.client_id.is_some(),
            self.actor.is_some(),
            self.operator.is_some(),
            self.outcome.is_some(),
            self.kind.is_some(),
        ];
        // One alone leads to its records by its index, and so does a login.
        let is_of_one_login = self.login_id.is_some() || self.reference.is_some();
        given.into_iter().filter(|given| *given).count() > 1
            && !is_of_one_login
            && self.after.is_none()
    }
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

/// How long a search may read before it looks a stretch at a time.
const PATIENCE: &str = "150ms";

/// How far a search looks for one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Through everything; a statement that takes too long ends.
    All,
    /// Through everything, if that is quick.
    Quick,
    /// Through a stretch, and it is told how far back that went.
    Stretch,
}

/// Begins a transaction whose statements are planned for their values: the pools plan once for all
/// values, and a plan for any filter is a plan for none. One round trip.
pub async fn begin(
    pool: &PgPool,
    reach: Reach,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    let mut begin = "begin; set local plan_cache_mode = 'force_custom_plan'".to_owned();
    if reach == Reach::Quick {
        begin.push_str("; set local statement_timeout = '");
        begin.push_str(PATIENCE);
        begin.push('\'');
    }
    Ok(pool.begin_with(AssertSqlSafe(begin)).await?)
}

/// A page of what was found.
#[derive(Debug)]
pub struct Found {
    /// The records, newest first.
    pub rows: Vec<Listed>,
    /// If it has room for more: what is older than this was not looked at yet. The next page goes on there.
    pub looked_back_to: Option<Time>,
}

/// A page of records. Wants a transaction that [`begin`] began.
pub async fn list(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
    reach: Reach,
) -> Result<Found, StoreError> {
    let mut filter = filter.clone();
    if let Some(counted) = never_before(db, &filter).await? {
        filter.since = filter.since.max(Some(counted));
    }
    let end = match reach {
        Reach::Stretch => audit_stretch::end(db, &filter).await?.and_then(made_at),
        Reach::All | Reach::Quick => None,
    };
    filter.since = end.or(filter.since);
    let rows = search(db, &filter, limit).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|found| found >= limit);
    Ok(Found {
        rows,
        looked_back_to: end.filter(|_| !is_full),
    })
}

async fn search(
    db: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    // What is not in the record itself leads to it.
    let mut page = if filter.number_hashes.is_some() {
        audit_found::of_number(db, filter, limit).await?
    } else if filter.network_hashes.is_some() {
        audit_found::from_network(db, filter, limit).await?
    } else if filter.reference.is_some() {
        audit_found::of_reference(db, filter, limit).await?
    } else if let Some(after) = filter.after {
        list_newer(db, filter, after, limit).await?
    } else {
        list_all(db, filter, limit).await?
    };
    if filter.after.is_some() {
        page.reverse();
    }
    Ok(page)
}

/// Until when it is known that no record is of this event, operator and outcome together, if two of them are
/// given: each may be in half of all records, and every one would be read to find that none has both.
async fn never_before(db: &mut PgConnection, filter: &Filter) -> Result<Option<Time>, StoreError> {
    let given = [
        filter.kind.is_some(),
        filter.operator.is_some(),
        filter.outcome.is_some(),
    ];
    if given.into_iter().filter(|given| *given).count() < 2 {
        return Ok(None);
    }
    let until = sqlx::query_scalar!(
        r#"
        select max(hour) + interval '1 hour'
        from rollup_closed_hours
        where not exists (
            select
            from record_kinds
            where ($1::text is null or type = $1) and ($2::text is null or operator = $2)
                and ($3::text is null or outcome = $3)
        )
        "#,
        filter.kind.as_deref(),
        filter.operator.as_deref(),
        filter.outcome.map(Outcome::as_str),
    )
    .fetch_one(db)
    .await?;
    Ok(until)
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
