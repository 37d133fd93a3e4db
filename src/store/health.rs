//! What an operations person must know of the database before trusting it: for `doctor`.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::migrate::{Migrate as _, MigrateError};
use sqlx::postgres::PgPoolOptions;

use crate::clock::Time;
use crate::store::db::{APP_ROLE, MIGRATIONS, StoreError};

/// The oldest PostgreSQL that works, as `server_version_num` writes it.
pub const OLDEST_VERSION: i32 = 150_000;

/// One look at a database, through the login's own role.
#[derive(Clone, Debug)]
pub struct Facts {
    /// `server_version_num`.
    pub version: i32,
    /// The version for people.
    pub version_text: String,
    /// Whether commits reach the disk.
    pub fsync: bool,
    /// Whether a torn page can be mended.
    pub full_page_writes: bool,
    /// The database's clock.
    pub now: Time,
    /// Whether the application's role exists.
    pub app_role_exists: bool,
    /// Whether the audit tables exist.
    pub has_audit: bool,
    /// Whether the application's role may alter or remove audit records.
    pub app_can_alter_audit: bool,
    /// Whether the login itself may, once it gives the application's role up again.
    pub login_can_alter_audit: bool,
}

/// Looks at the database behind `url`.
///
/// # Errors
/// If it cannot be reached within 5 seconds or the login is refused.
pub async fn look(url: &str) -> Result<Facts, StoreError> {
    let pool = open(url).await?;
    let mut db = pool.acquire().await?;
    let facts = facts(&mut db).await;
    drop(db);
    pool.close().await;
    facts
}

async fn facts(db: &mut PgConnection) -> Result<Facts, StoreError> {
    let facts = sqlx::query_as!(
        Facts,
        r#"
        with audit as (
            select c.oid
            from pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
                and (c.relname like 'audit\_records%' or c.relname like 'audit\_personal%')
        ),
        able as (
            select r.rolname
            from pg_roles r, audit
            where r.rolname in ($1, session_user)
                and has_table_privilege(r.oid, audit.oid, 'UPDATE, DELETE, TRUNCATE')
        )
        select current_setting('server_version_num')::integer as "version!",
            current_setting('server_version') as "version_text!",
            current_setting('fsync')::boolean as "fsync!",
            current_setting('full_page_writes')::boolean as "full_page_writes!",
            clock_timestamp() as "now!",
            exists (select 1 from pg_roles where rolname = $1) as "app_role_exists!",
            exists (select 1 from audit) as "has_audit!",
            exists (select 1 from able where rolname = $1) as "app_can_alter_audit!",
            exists (select 1 from able where rolname = session_user) as "login_can_alter_audit!"
        "#,
        APP_ROLE,
    )
    .fetch_one(db)
    .await?;
    Ok(facts)
}

/// How the schema stands against this program's migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// Migrations of this program that were not run yet.
    pub missing: Vec<i64>,
    /// Migrations that were run and that this program does not know: it is older than the schema.
    pub unknown: Vec<i64>,
    /// Migrations whose text was another when they were run.
    pub altered: Vec<i64>,
}

/// Compares the migrations that were run with this program's, through the migrator's role.
///
/// # Errors
/// If it cannot be reached, no migration was ever run, or the login may not see which were.
pub async fn schema(url: &str) -> Result<Schema, StoreError> {
    let pool = open(url).await?;
    let mut db = pool.acquire().await?;
    let applied = db.list_applied_migrations(&MIGRATIONS.table_name).await;
    drop(db);
    pool.close().await;
    let applied = applied.map_err(|error| match error {
        MigrateError::Execute(error) => error.into(),
        other => StoreError::Database(sqlx::Error::Migrate(Box::new(other))),
    })?;
    let find = |version| applied.iter().find(|done| done.version == version);
    let mut schema = Schema::default();
    for known in MIGRATIONS.iter() {
        match find(known.version) {
            None => schema.missing.push(known.version),
            Some(done) if done.checksum != known.checksum => schema.altered.push(known.version),
            Some(_) => {}
        }
    }
    schema.unknown = applied
        .iter()
        .map(|done| done.version)
        .filter(|version| !MIGRATIONS.version_exists(*version))
        .collect();
    Ok(schema)
}

async fn open(url: &str) -> Result<sqlx::PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .connect(url)
        .await?;
    Ok(pool)
}
