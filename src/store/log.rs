//! The log's rows as they are read: heads, leaves, tiles. [`super::log_append`] writes them.

use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use crate::clock::Time;
use crate::store::db::StoreError;

/// One log.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its row.
    pub id: i32,
    /// Its name in checkpoints.
    pub origin: String,
    /// Since when.
    pub started_at: Time,
    /// Until when; absent for the current one.
    pub ended_at: Option<Time>,
    /// Leaves.
    pub size: i64,
    /// The root at that size.
    pub root: Vec<u8>,
    /// The MAC over origin, size and root.
    pub mac: Vec<u8>,
    /// The root key of the MAC.
    pub mac_key_id: String,
    /// When it last grew.
    pub sealed_at: Time,
}

/// The log that grows, if there is one.
pub async fn current(db: impl PgExecutor<'_>) -> Result<Option<Head>, StoreError> {
    let head = sqlx::query_as!(
        Head,
        r#"
        select id, origin, started_at, ended_at, size, root, mac, mac_key_id, sealed_at
        from logs
        where ended_at is null
        "#
    )
    .fetch_optional(db)
    .await?;
    Ok(head)
}

/// All logs, oldest first.
pub async fn all(db: impl PgExecutor<'_>) -> Result<Vec<Head>, StoreError> {
    let heads = sqlx::query_as!(
        Head,
        r#"
        select id, origin, started_at, ended_at, size, root, mac, mac_key_id, sealed_at
        from logs
        order by id
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(heads)
}

/// A pending id and the record it names, if that is there.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The id.
    pub record_id: Uuid,
    /// The record's bytes.
    pub body: Option<Vec<u8>>,
    /// Their MAC.
    pub mac: Option<Vec<u8>>,
    /// Its root key.
    pub mac_key_id: Option<String>,
    /// The leaf it is already.
    pub leaf: Option<i64>,
}

/// What is pending, oldest ids first.
pub async fn pending(db: impl PgExecutor<'_>, limit: i64) -> Result<Vec<Pending>, StoreError> {
    // Laterals with an offset keep the planner from joining whole tables with the few rows pending.
    let rows = sqlx::query_as!(
        Pending,
        r#"
        select p.record_id, r.body as "body?", r.mac as "mac?", r.mac_key_id as "mac_key_id?",
            l.leaf as "leaf?"
        from audit_pending p
        left join lateral (
            select body, mac, mac_key_id from audit_records where id = p.record_id offset 0
        ) r on true
        left join lateral (
            select leaf from log_leaves where record_id = p.record_id offset 0
        ) l on true
        order by p.record_id
        limit $1
        "#,
        limit
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// A stored tile.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The level of tiles.
    pub level: i16,
    /// From the left.
    pub tile: i64,
    /// 32 bytes for each hash.
    pub hashes: Vec<u8>,
}

/// Tiles by level and place.
pub async fn tiles(
    db: impl PgExecutor<'_>,
    log: i32,
    levels: &[i16],
    indexes: &[i64],
) -> Result<Vec<Tile>, StoreError> {
    let rows = sqlx::query_as!(
        Tile,
        r#"
        select t.level, t.tile, t.hashes
        from unnest($2::smallint[], $3::bigint[]) as given (level, tile)
        join log_tiles t on t.log = $1 and t.level = given.level and t.tile = given.tile
        "#,
        log,
        levels,
        indexes,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// The hashes of one tile of the log of this name.
pub async fn tile(
    db: impl PgExecutor<'_>,
    origin: &str,
    level: i16,
    index: i64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let hashes = sqlx::query_scalar!(
        r#"
        select t.hashes
        from logs l
        join log_tiles t on t.log = l.id and t.level = $2 and t.tile = $3
        where l.origin = $1
        "#,
        origin,
        level,
        index,
    )
    .fetch_optional(db)
    .await?;
    Ok(hashes)
}

/// The leaf that a record is: its log and its place there.
pub async fn leaf_of(
    db: impl PgExecutor<'_>,
    record: Uuid,
) -> Result<Option<(i32, i64)>, StoreError> {
    let row = sqlx::query!(
        "select log, leaf from log_leaves where record_id = $1",
        record
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| (row.log, row.leaf)))
}

/// The first and the last leaf of a log among records with ids in a range.
pub async fn span(
    db: impl PgExecutor<'_>,
    log: i32,
    from: Uuid,
    until: Uuid,
) -> Result<Option<(i64, i64)>, StoreError> {
    let row = sqlx::query!(
        r#"
        select min(leaf) as first, max(leaf) as last
        from log_leaves
        where log = $1 and record_id >= $2 and record_id < $3
        "#,
        log,
        from,
        until,
    )
    .fetch_one(db)
    .await?;
    Ok(row.first.zip(row.last))
}

/// Everything there is about a sealed leaf.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its place.
    pub leaf: i64,
    /// The record it is.
    pub record_id: Uuid,
    /// The record, if it is there.
    pub body: Option<Vec<u8>>,
    /// Its MAC.
    pub mac: Option<Vec<u8>>,
    /// The root key of the MAC.
    pub mac_key_id: Option<String>,
    /// The search copies.
    pub at: Option<Time>,
    /// The event's word.
    pub kind: Option<String>,
    /// The login.
    pub login_id: Option<Uuid>,
    /// The client.
    pub client_id: Option<String>,
    /// The operator.
    pub operator: Option<String>,
    /// The outcome.
    pub outcome: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// The salt of the personal part, if that is there.
    pub salt: Option<Vec<u8>>,
    /// The personal part.
    pub sealed: Option<Vec<u8>>,
    /// The number's keyed hash.
    pub number_hash: Option<Vec<u8>>,
}

/// Leaves of a log from one on, in order.
pub async fn leaves(
    db: &mut PgConnection,
    log: i32,
    from: i64,
    until: i64,
) -> Result<Vec<Leaf>, StoreError> {
    let rows = sqlx::query_as!(
        Leaf,
        r#"
        select l.leaf, l.record_id, r.body as "body?", r.mac as "mac?", r.mac_key_id as "mac_key_id?",
            r.at as "at?", r.type as "kind?", r.login_id, r.client_id, r.operator, r.outcome, r.actor,
            p.salt as "salt?", p.sealed as "sealed?", p.number_hash
        from (
            select leaf, record_id
            from log_leaves
            where log = $1 and leaf >= $2 and leaf < $3
            order by leaf
        ) l
        left join lateral (
            select * from audit_records where id = l.record_id offset 0
        ) r on true
        left join lateral (
            select * from audit_personal where record_id = l.record_id offset 0
        ) p on true
        order by l.leaf
        "#,
        log,
        from,
        until,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Which of these records are sealed nowhere.
pub async fn not_sealed(db: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"
        select given.id as "id!"
        from unnest($1::uuid[]) as given (id)
        left join lateral (
            select leaf from log_leaves where record_id = given.id offset 0
        ) l on true
        where l.leaf is null
        "#,
        ids
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// A record that no log holds.
#[derive(Clone, Debug)]
pub struct Unsealed {
    /// Its id.
    pub id: Uuid,
    /// Its bytes.
    pub body: Vec<u8>,
    /// Their MAC.
    pub mac: Vec<u8>,
    /// The root key of the MAC.
    pub mac_key_id: String,
    /// Whether it is waiting to be sealed.
    pub pending: bool,
}

/// Records that no log holds, oldest ids first, after one of them.
pub async fn unsealed(
    db: &mut PgConnection,
    after: Uuid,
    limit: i64,
) -> Result<Vec<Unsealed>, StoreError> {
    let rows = sqlx::query_as!(
        Unsealed,
        r#"
        select r.id, r.body, r.mac, r.mac_key_id,
            exists (select from audit_pending p where p.record_id = r.id) as "pending!"
        from audit_records r
        where r.id > $1 and not exists (select from log_leaves l where l.record_id = r.id)
        order by r.id
        limit $2
        "#,
        after,
        limit,
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Pending ids whose record is gone.
pub async fn pending_without_record(db: &mut PgConnection) -> Result<Vec<Uuid>, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"
        select p.record_id
        from audit_pending p
        where not exists (select from audit_records r where r.id = p.record_id)
        order by 1
        "#
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}

/// Has a transaction see one moment of the database, and take its time: for reading a whole log.
pub async fn one_snapshot(db: &mut PgConnection) -> Result<(), StoreError> {
    use sqlx::Executor as _;
    let settings = "set transaction isolation level repeatable read read only;
        set local statement_timeout = 0;
        set local idle_in_transaction_session_timeout = 0";
    db.execute(sqlx::raw_sql(settings)).await?;
    Ok(())
}

/// The sealed record of this id, and the sealed logins that rest on it.
pub async fn records_of(db: &mut PgConnection, txn: Uuid) -> Result<Vec<Vec<u8>>, StoreError> {
    // Logins come after the check they rest on; a session answers at most an hour.
    let rows = sqlx::query_scalar!(
        r#"
        select r.body
        from audit_records r
        where (r.id = $1
                or r.type = 'LOGIN' and r.id > $1 and r.id < uuid_floor(
                    (select at from audit_records where id = $1) + interval '1 day')
                and position($2 in convert_from(r.body, 'UTF8')) > 0)
            and exists (select from log_leaves l where l.record_id = r.id)
        order by r.id
        "#,
        txn,
        txn.to_string(),
    )
    .fetch_all(db)
    .await?;
    Ok(rows)
}
