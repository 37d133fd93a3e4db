//! The audit log at scale: fills the real schema with millions of records over thirteen months, and times the
//! first and the hundredth page of every filter of the search, and an export with the memory it takes. A
//! Postgres of its own, which ends with the run.
//!
//! ```text
//! cargo bench --bench audit -- --records 5000000     # the table of docs/performance.md
//! ```

mod export;
mod fill;
mod search;

use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use numbercloak::admin::Desk;
use numbercloak::clock::Clock;
use numbercloak::embedded_postgres::{APP_ROLE, Cluster, OWNER_ROLE, SUPERUSER, prepare};
use numbercloak::secret::{RootKey, Vault};
use numbercloak::store::db::{self, Access, Db};
use sqlx::{Connection as _, PgConnection};

const DATABASE: &str = "audit";

/// The audit log at scale.
#[derive(Parser)]
struct Options {
    /// Records to fill it with.
    #[arg(long, default_value_t = 5_000_000)]
    records: i64,
    /// Of them, how many to export, the newest.
    #[arg(long, default_value_t = 1_000_000)]
    export: i64,
    /// How often each page is read; the middle time counts.
    #[arg(long, default_value_t = 5)]
    times: usize,
    /// A setting of Postgres to try: shared_buffers=1GB. Repeat for more.
    #[arg(long, value_name = "KEY=VALUE")]
    postgres: Vec<String>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let _ = options.bench;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(run(&options))
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let settings = options.postgres.clone();
    let cluster = tokio::task::spawn_blocking(move || start_postgres(&settings)).await??;
    prepare(&cluster.url(SUPERUSER, "postgres"), DATABASE).await?;
    db::migrate(&cluster.url(OWNER_ROLE, DATABASE)).await?;
    let mut superuser = PgConnection::connect(&cluster.url(SUPERUSER, DATABASE)).await?;
    let clock = Clock::system();
    let vault = Vault::new(&[RootKey::generate(clock.now())]);
    let began = Instant::now();
    let world = fill::fill(&mut superuser, &vault, clock.now(), options.records).await?;
    let size: i64 = sqlx::query_scalar("select pg_database_size(current_database())")
        .fetch_one(&mut superuser)
        .await?;
    println!(
        "{} records over 13 months, filled in {:.0} s; the database is {:.1} GB\n",
        options.records,
        began.elapsed().as_secs_f64(),
        bytes_as(size, 30)
    );

    // The pools that the server has, with its own settings.
    let db = Db::open(&Access {
        url: cluster.url(APP_ROLE, DATABASE),
        max_connections: 8,
        acquire_timeout: std::time::Duration::from_secs(20),
        statement_timeout: std::time::Duration::from_secs(60),
        clock: clock.clone(),
    })?;
    let desk = Desk {
        db: db.durable().clone(),
        vault,
        now: clock.now(),
        actor: "bench".to_owned(),
    };
    search::measure(&desk, &world, options.times).await?;
    export::measure(&desk, &clock, &world, options.export).await?;
    db.close().await;
    Ok(())
}

fn start_postgres(settings: &[String]) -> anyhow::Result<Cluster> {
    let mut pairs = vec![("max_wal_size", "4GB"), ("checkpoint_timeout", "30min")];
    for setting in settings {
        pairs.push(setting.split_once('=').context("a setting is KEY=VALUE")?);
    }
    Ok(Cluster::temporary(&pairs)?)
}

/// A number of bytes in units of two to this power.
fn bytes_as(bytes: i64, power: u32) -> f64 {
    let thousandths = u32::try_from(bytes >> (power - 10)).unwrap_or(u32::MAX);
    f64::from(thousandths) / 1024.0
}
