//! The database: pools, migrations, and the errors of statements.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{Executor as _, PgPool};

use crate::clock::{Clock, Time};
use crate::secret::Unsealable;
use crate::store::committed::Committed;
use crate::store::lane::Lane;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A guarded update found no row: somebody else was first, or the time ran out.
    #[error("the row has changed meanwhile")]
    Stale,
    /// A named constraint refused the row.
    #[error("refused by {0}")]
    Conflict(String),
    /// A sealed column was altered, or its root key is gone.
    #[error(transparent)]
    Unsealable(#[from] Unsealable),
    /// The database itself.
    #[error(transparent)]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let constraint = error
            .as_database_error()
            .and_then(|e| e.constraint())
            .map(str::to_owned);
        match constraint {
            Some(name) => Self::Conflict(name),
            None => Self::Database(error),
        }
    }
}

impl StoreError {
    /// Turns the number of rows a guarded statement touched into success or [`StoreError::Stale`].
    ///
    /// # Errors
    /// [`StoreError::Stale`] unless exactly one row was touched.
    pub fn one_row(rows: u64) -> Result<(), Self> {
        if rows == 1 { Ok(()) } else { Err(Self::Stale) }
    }

    /// Whether the statement took longer than statements may.
    #[must_use]
    pub fn is_too_slow(&self) -> bool {
        // 57014: query_canceled
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        error.code().as_deref() == Some("57014")
    }

    /// Whether this is the named constraint's refusal.
    #[must_use]
    pub fn is_conflict(&self, constraint: &str) -> bool {
        matches!(self, Self::Conflict(name) if name == constraint)
    }
}

/// The role that every connection takes on after login: it may not alter audit records. Its name stands
/// in the migrations, which grant it what it may do.
pub const APP_ROLE: &str = "numbercloak_app";

/// How to reach the database.
#[derive(Clone, Debug)]
pub struct Access {
    /// The URL.
    pub url: String,
    /// Connections in each of the two pools.
    pub max_connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// Tells how long a connection was idle.
    pub clock: Clock,
}

/// The ways to one database: for the steps of a login two lanes, for everything else two pools. Of
/// each two, one waits for the disk at a commit and the other does not; nothing else differs.
#[derive(Clone, Debug)]
pub struct Db {
    durable: PgPool,
    relaxed: PgPool,
    durable_steps: Lane,
    relaxed_steps: Lane,
    committed: Committed,
}

/// Connections in each pool: what staff and background tasks need beside the lanes.
const POOLED: u32 = 4;

impl Db {
    /// Prepares both pools; connections open when first needed.
    ///
    /// # Errors
    /// If the URL is malformed.
    pub fn open(access: &Access) -> Result<Self, StoreError> {
        let base = PgConnectOptions::from_str(&access.url)?
            .application_name("numbercloak")
            .statement_cache_capacity(256);
        let options = |synchronous_commit: &'static str| {
            let timeout = access.statement_timeout.as_millis().to_string();
            base.clone().options([
                ("synchronous_commit", synchronous_commit),
                ("statement_timeout", timeout.as_str()),
                ("lock_timeout", "1000"),
                ("idle_in_transaction_session_timeout", "5000"),
                ("role", APP_ROLE),
                // The path's statements look rows up by key: planning them anew each time, as
                // Postgres would for partitioned tables, costs a third of its processor time and
                // finds the same plan.
                ("plan_cache_mode", "force_generic_plan"),
                // Compiling a plan never pays for a statement that reads a few rows.
                ("jit", "off"),
            ])
        };
        let pool = |synchronous_commit| {
            PgPoolOptions::new()
                .max_connections(POOLED.min(access.max_connections))
                .acquire_timeout(access.acquire_timeout)
                .connect_lazy_with(options(synchronous_commit))
        };
        let committed = Committed::default();
        let lane = |synchronous_commit| {
            let (most, wait) = (access.max_connections, access.acquire_timeout);
            Lane::new(
                options(synchronous_commit),
                most,
                wait,
                access.clock.clone(),
                match synchronous_commit {
                    "on" => committed.on_disk(),
                    _ => committed.clone(),
                },
            )
        };
        Ok(Self {
            durable: pool("on"),
            relaxed: pool("off"),
            durable_steps: lane("on"),
            relaxed_steps: lane("off"),
            committed,
        })
    }

    /// For the steps of a login that must be on disk before they are answered: verdicts and
    /// redemptions.
    #[must_use]
    pub fn durable_steps(&self) -> &Lane {
        &self.durable_steps
    }

    /// For the steps of a login that only read, and those whose loss a later guarded step finds:
    /// opening, departure, claim (DESIGN.md section 3).
    #[must_use]
    pub fn relaxed_steps(&self) -> &Lane {
        &self.relaxed_steps
    }

    /// For all that staff do, and records that stand alone.
    #[must_use]
    pub fn durable(&self) -> &PgPool {
        &self.durable
    }

    /// For reads and background tasks.
    #[must_use]
    pub fn relaxed(&self) -> &PgPool {
        &self.relaxed
    }

    /// The records this server knows committed, for its next manifest.
    #[must_use]
    pub fn committed(&self) -> &Committed {
        &self.committed
    }

    /// Connections per way: its name, how many wait, how many are at work.
    #[must_use]
    pub fn load(&self) -> [(&'static str, usize, usize); 4] {
        let pool = |name, pool: &PgPool| {
            let size = usize::try_from(pool.size()).unwrap_or(usize::MAX);
            (name, pool.num_idle(), size.saturating_sub(pool.num_idle()))
        };
        let lane = |name, lane: &Lane| {
            let (idle, lent) = lane.load();
            (name, idle, lent)
        };
        [
            lane("durable_steps", &self.durable_steps),
            lane("relaxed_steps", &self.relaxed_steps),
            pool("durable", &self.durable),
            pool("relaxed", &self.relaxed),
        ]
    }

    /// Closes everything.
    pub async fn close(&self) {
        self.durable_steps.close().await;
        self.relaxed_steps.close().await;
        self.durable.close().await;
        self.relaxed.close().await;
    }
}

/// The migrations, compiled in.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Brings the schema up to date through the migrator's role. Two replicas that start at once agree:
/// the migrator holds an advisory lock meanwhile.
///
/// # Errors
/// If a migration fails or the schema is newer than this program.
pub async fn migrate(url: &str) -> anyhow::Result<()> {
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(10))
        .connect(url)
        .await?;
    MIGRATIONS.run(&pool).await?;
    // What only its owner may do, the application calls as functions of ours; whoever else has a
    // login on this server may not.
    pool.execute("revoke create on schema public from public")
        .await
        .ok();
    pool.close().await;
    Ok(())
}

/// Whether the database answers.
pub async fn ping(pool: &PgPool) -> Result<(), StoreError> {
    sqlx::query("select 1").execute(pool).await?;
    Ok(())
}

/// Where changes are heard of.
pub type Changes = PgListener;

/// Hears of changes to cached tables, on a connection of its own.
pub async fn listen(pool: &PgPool) -> Result<Changes, StoreError> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen("numbercloak_changed").await?;
    Ok(listener)
}

/// The next table that changed.
///
/// # Errors
/// If the connection is lost: changes may have been missed.
pub async fn next_change(listener: &mut Changes) -> Result<String, StoreError> {
    match listener.try_recv().await? {
        Some(notification) => Ok(notification.payload().to_owned()),
        None => Err(StoreError::Stale),
    }
}

/// Makes the partitions of the growing tables for this month and the next two.
pub async fn make_partitions(pool: &PgPool, now: Time) -> Result<(), StoreError> {
    sqlx::query_scalar!(
        r#"
        select make_partitions(name, $1)
        from unnest(array['audit_records', 'audit_personal', 'log_leaves', 'logins', 'legs',
            'record_words', 'login_references']) as name
        "#,
        now
    )
    .fetch_all(pool)
    .await?;
    Ok(())
}
