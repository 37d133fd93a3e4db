//! Months of growing tables, legal holds on them, and the one way to drop one.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::PgConnection;
use sqlx::postgres::types::PgInterval;
use uuid::Uuid;

use crate::audit::record::Record;
use crate::clock::Time;
use crate::store::audit::Appended;
use crate::store::db::StoreError;

/// The tables that grow without end. A month of records goes after its personal parts.
pub const GROWING: [&str; 7] = [
    "legs",
    "logins",
    "record_words",
    "audit_personal",
    "login_references",
    "audit_records",
    "log_leaves",
];

/// One month of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Month {
    /// The table.
    pub table: String,
    /// Its first day (UTC).
    pub first: NaiveDate,
    /// Its beginning.
    pub from: Time,
    /// Its end.
    pub until: Time,
    /// Whether a legal hold lies on it.
    pub held: bool,
    /// Whether it has records that no sealed tree holds yet.
    pub unsealed: bool,
}

/// Every month there is, oldest first.
pub async fn months(db: &mut PgConnection) -> Result<Vec<Month>, StoreError> {
    let tables: Vec<String> = GROWING.iter().map(|&table| table.to_owned()).collect();
    let rows = sqlx::query_as!(
        Month,
        r#"
        select m.parent as "table!", m.first as "first!", m.starts as "from!", m.ends as "until!",
            exists (
                select
                from legal_holds h
                where h.released_at is null and h.from_at < m.ends and h.until_at > m.starts
            ) as "held!",
            exists (
                select
                from audit_pending a
                where a.record_id >= uuid_floor(m.starts) and a.record_id < uuid_floor(m.ends)
            ) as "unsealed!"
        from (
            select parent, position, first, first::timestamp at time zone 'utc' as starts,
                (first + interval '1 month') at time zone 'utc' as ends
            from (
                select t.parent, t.position,
                    to_date(right(c.relname, 6) || '01', 'YYYYMMDD') as first
                from unnest($1::text[]) with ordinality as t (parent, position)
                join pg_inherits i on i.inhparent = to_regclass(t.parent)
                join pg_class c on c.oid = i.inhrelid
                where c.relname ~ '_[0-9]{6}$'
            ) named
        ) m
        order by m.first, m.position
        "#,
        &tables,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Lets the transaction's statements take minutes: nobody waits for them.
pub async fn take_time(tx: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("set local statement_timeout = '2min'")
        .execute(tx)
        .await?;
    Ok(())
}

/// How many rows a month has.
pub async fn rows(db: &mut PgConnection, month: &Month) -> Result<i64, StoreError> {
    let key = match month.table.as_str() {
        "audit_personal" | "record_words" | "log_leaves" => "record_id",
        "login_references" => "login_id",
        _ => "id",
    };
    // The table is one of ours, and a name cannot be a parameter.
    let sql = format!(
        "select count(*) from {} where {key} >= uuid_floor($1) and {key} < uuid_floor($2)",
        month.table
    );
    let rows = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(month.from)
        .bind(month.until)
        .fetch_one(db)
        .await?;
    Ok(rows)
}

/// The leaves of sealed records with ids in a range, by the log's origin, as `[first, end]`.
pub async fn leaves(
    db: &mut PgConnection,
    from: Uuid,
    until: Uuid,
) -> Result<BTreeMap<String, Vec<[i64; 2]>>, StoreError> {
    let mut leaves: BTreeMap<String, Vec<[i64; 2]>> = BTreeMap::new();
    let sealed: bool = sqlx::query_scalar("select to_regclass('log_leaves') is not null")
        .fetch_one(&mut *db)
        .await?;
    if !sealed {
        return Ok(leaves);
    }
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select origin, min(leaf), max(leaf) + 1
        from (
            select l.origin, v.leaf,
                v.leaf - row_number() over (partition by v.log order by v.leaf) as island
            from log_leaves v
            join logs l on l.id = v.log
            where v.record_id >= $1 and v.record_id < $2
        ) placed
        group by origin, island
        order by 1, 2",
    )
    .bind(from)
    .bind(until)
    .fetch_all(db)
    .await?;
    for (origin, first, end) in rows {
        leaves.entry(origin).or_default().push([first, end]);
    }
    Ok(leaves)
}

/// Drops a month, if the database too finds it old enough, sealed and under no hold; `tombstone` is the
/// record that stays.
pub async fn drop_month(
    db: &mut PgConnection,
    month: &Month,
    now: Time,
    keep_days: i32,
    tombstone: Record,
) -> Result<(), StoreError> {
    let keep = PgInterval {
        months: 0,
        days: keep_days,
        microseconds: 0,
    };
    sqlx::query!(
        "select drop_partition($1, $2, $3, $4, $5)",
        month.table,
        month.first,
        now,
        keep,
        Appended::new([tombstone]) as _,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// A legal hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its key.
    pub id: Uuid,
    /// Records not older than this stay,
    pub from: Time,
    /// and older than this.
    pub until: Time,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub placed_by: String,
    /// When.
    pub placed_at: Time,
    /// Who released it.
    pub released_by: Option<String>,
    /// When.
    pub released_at: Option<Time>,
}

/// All holds, newest first.
pub async fn holds(db: &mut PgConnection) -> Result<Vec<Hold>, StoreError> {
    let rows = sqlx::query_as!(
        Hold,
        r#"
        select id, from_at as "from", until_at as "until", reason, placed_by, placed_at, released_by,
            released_at
        from legal_holds
        order by id desc
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Places a hold.
pub async fn hold(db: &mut PgConnection, hold: &Hold) -> Result<(), StoreError> {
    sqlx::query!(
        r#"
        insert into legal_holds (id, from_at, until_at, reason, placed_by, placed_at)
        values ($1, $2, $3, $4, $5, $6)
        "#,
        hold.id,
        hold.from,
        hold.until,
        hold.reason,
        hold.placed_by,
        hold.placed_at,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Releases a hold.
///
/// # Errors
/// [`StoreError::Stale`] if there is none that lies.
pub async fn release(
    db: &mut PgConnection,
    id: Uuid,
    by: &str,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "update legal_holds set released_by = $2, released_at = $3 where id = $1 and released_at is null",
        id,
        by,
        now,
    )
    .execute(db)
    .await?;
    StoreError::one_row(done.rows_affected())
}
