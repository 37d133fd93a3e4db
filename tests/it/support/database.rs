//! One fast Postgres for the whole process, and for each test a database copied from a template.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use numbercloak::clock::Clock;
use numbercloak::embedded_postgres::{
    APP_ROLE, Cluster, Durability, OWNER_ROLE, Options, SUPERUSER, copy_database, prepare,
};
use numbercloak::secret::{RootKey, Vault};
use numbercloak::store::db::{self, Access, Db};
use numbercloak::token::{lifecycle, root};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::OnceCell;

use super::statements::Statements;

/// Migrated and otherwise empty.
const MIGRATED: &str = "template_migrated";
/// Migrated, with the keys that a first start makes: making them anew for each test takes longer
/// than most tests.
const KEYED: &str = "template_keyed";
/// What the statements in the log start with: the database, the application and the session.
const LOG_PREFIX: &str = "nc|%d|%a|%p|";

const LOGGING: &[(&str, &str)] = &[
    ("log_line_prefix", LOG_PREFIX),
    ("log_parameter_max_length", "0"),
];
/// Commits that are waited for are written before they are answered, as they are for everybody but tests.
/// What the system has of them survives the process: forcing it onto the disk, too, is for power cuts.
const DURABLE: &[(&str, &str)] = &[("synchronous_commit", "on"), ("full_page_writes", "on")];

struct Shared {
    /// Never dropped, if it is everybody's: its watchdog stops and deletes it when the process ends.
    cluster: Cluster,
    root: RootKey,
}

static SHARED: OnceCell<Arc<Shared>> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

async fn shared() -> Arc<Shared> {
    SHARED
        .get_or_init(|| async { Arc::new(Shared::start(LOGGING).await) })
        .await
        .clone()
}

impl Shared {
    /// A cluster with both templates.
    async fn start(settings: &'static [(&'static str, &'static str)]) -> Self {
        let cluster = tokio::task::spawn_blocking(|| Cluster::temporary(settings));
        let cluster = cluster.await.unwrap().unwrap();
        let superuser = cluster.url(SUPERUSER, "postgres");
        prepare(&superuser, MIGRATED).await.unwrap();
        db::migrate(&cluster.url(OWNER_ROLE, MIGRATED))
            .await
            .unwrap();
        copy_database(&superuser, MIGRATED, KEYED).await.unwrap();
        // The clock of whoever starts in this very second begins here, too.
        let now = Clock::by_hand().now();
        let root = RootKey::generate(now);
        let vault = Vault::new(std::slice::from_ref(&root));
        let db = open(&cluster.url(APP_ROLE, KEYED));
        root::check_root(&db, &vault, now).await.unwrap();
        lifecycle::ensure(&db, &vault, now).await.unwrap();
        root::subject_key(&db, &vault, now).await.unwrap();
        db.close().await;
        Self { cluster, root }
    }
}

fn open(url: &str) -> Db {
    Db::open(&Access {
        url: url.to_owned(),
        max_connections: 6,
        acquire_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
        clock: Clock::system(),
    })
    .unwrap()
}

/// A database of one test.
pub struct Database {
    name: String,
    shared: Arc<Shared>,
}

impl Database {
    /// Migrated and otherwise empty.
    pub async fn migrated() -> Self {
        Self::copy(MIGRATED).await
    }

    /// As a server's first start leaves it; [`Database::root`] is its root key.
    pub async fn keyed() -> Self {
        Self::copy(KEYED).await
    }

    /// The same in a cluster of its own, whose commits are written before they are answered: [`Database::crash`] kills it.
    pub async fn alone() -> Self {
        Self::copy_in(Arc::new(Shared::start(DURABLE).await), KEYED).await
    }

    async fn copy(template: &str) -> Self {
        Self::copy_in(shared().await, template).await
    }

    async fn copy_in(shared: Arc<Shared>, template: &str) -> Self {
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let superuser = shared.cluster.url(SUPERUSER, "postgres");
        copy_database(&superuser, template, &name).await.unwrap();
        Self { name, shared }
    }

    /// Kills the server with everything it started, as a power cut would, and starts it again on what is on
    /// the disk. Returns once it has recovered.
    pub async fn crash(&self) {
        assert!(
            Arc::strong_count(&self.shared) == 1,
            "others use this cluster"
        );
        let data = self
            .shared
            .cluster
            .socket_dir()
            .parent()
            .unwrap()
            .to_owned();
        let options = Options {
            data: data.clone(),
            durability: Durability::Fast,
            settings: [("max_connections", "300")]
                .iter()
                .chain(DURABLE)
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        let again = tokio::task::spawn_blocking(move || {
            let cluster = data.join("cluster");
            super::process::kill_all(&cluster.join("postmaster.pid"));
            // Until its handle is dropped, the dead process still has its number: what it locked seems locked.
            std::fs::remove_file(cluster.join(".s.PGSQL.5432.lock")).unwrap();
            Cluster::start(&options)
        });
        again.await.unwrap().unwrap().leave_running();
    }

    /// The root key of a keyed database.
    pub fn root(&self) -> &RootKey {
        &self.shared.root
    }

    /// The URL of the application's role.
    pub fn app_url(&self) -> String {
        self.shared.cluster.url(APP_ROLE, &self.name)
    }

    /// The URL of the role that owns the tables.
    pub fn owner_url(&self) -> String {
        self.shared.cluster.url(OWNER_ROLE, &self.name)
    }

    /// The URL of the superuser.
    pub fn superuser_url(&self) -> String {
        self.shared.cluster.url(SUPERUSER, &self.name)
    }

    /// Pools of the application's role.
    pub fn open(&self) -> Db {
        open(&self.app_url())
    }

    /// A connection of the owner: for looking behind the server's back.
    pub async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url()).await.unwrap()
    }

    /// From now on every new session on this database writes its statements to the server's log: call
    /// it before the server starts.
    pub async fn log_statements(&self) -> Statements {
        let mut superuser = PgConnection::connect(&self.superuser_url()).await.unwrap();
        let change = format!("alter database {} set log_statement = 'all'", self.name);
        sqlx::raw_sql(AssertSqlSafe(change))
            .execute(&mut superuser)
            .await
            .unwrap();
        superuser.close().await.unwrap();
        let cluster = self.shared.cluster.socket_dir();
        let log = cluster.parent().unwrap().join("log");
        Statements::new(log, self.name.clone())
    }
}
