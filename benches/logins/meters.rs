//! What a run cost: processor time and memory of every process, and what Postgres counted.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sqlx::Row as _;
use uuid::Uuid;

use crate::stack::Stack;

/// Clock ticks per second in /proc: 100 on every Linux that a Rust program meets.
const TICK: Duration = Duration::from_millis(10);

/// All meters at one moment; two of them make a bill.
pub struct Reading {
    at: Instant,
    server: Duration,
    postgres: Duration,
    simulator: Duration,
    load: Duration,
    machine_busy: Duration,
    statements: HashMap<i64, Statement>,
    log_syncs: i64,
    log_bytes: f64,
}

#[derive(Clone)]
struct Statement {
    text: String,
    calls: i64,
    milliseconds: f64,
    planning: f64,
}

/// What lay between two readings.
pub struct Bill {
    /// Wall time.
    pub took: Duration,
    /// Processor time of the server.
    pub server: Duration,
    /// Of all processes of Postgres.
    pub postgres: Duration,
    /// Of the simulated operator.
    pub simulator: Duration,
    /// Of this process.
    pub load: Duration,
    /// Of everybody else on the machine.
    pub others: Duration,
    /// Statements of the server, the most frequent first.
    pub statements: Vec<StatementBill>,
    /// `fsync`s of the write-ahead log. Fewer than commits that wait, where they share one.
    pub log_syncs: i64,
    /// Bytes written to the log.
    pub log_bytes: f64,
}

/// One statement of the server.
pub struct StatementBill {
    /// Its text, in one line.
    pub text: String,
    /// How often it ran.
    pub calls: i64,
    /// Its time inside Postgres, waits included.
    pub milliseconds: f64,
    /// Of planning it, before that; only with `--postgres pg_stat_statements.track_planning=on`.
    pub planning: f64,
}

impl StatementBill {
    /// Whether its commit waits for the disk: the verdict, which makes a code, and its redemption.
    pub fn waits_for_disk(&self) -> bool {
        self.text.contains("insert into codes") || self.text.contains("update codes")
    }
}

impl Reading {
    /// Reads all meters.
    pub async fn take(stack: &mut Stack) -> anyhow::Result<Self> {
        let mut statements = HashMap::new();
        if stack.statements_counted {
            let rows = sqlx::query(
                "select queryid, query, calls, total_exec_time, total_plan_time from pg_stat_statements \
                 where dbid = (select oid from pg_database where datname = current_database()) \
                 and userid <> (select oid from pg_roles where rolname = current_user)",
            )
            .fetch_all(&mut stack.statistics)
            .await?;
            for row in rows {
                let text: String = row.get(1);
                statements.insert(
                    row.get(0),
                    Statement {
                        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
                        calls: row.get(2),
                        milliseconds: row.get(3),
                        planning: row.get(4),
                    },
                );
            }
        }
        let log = sqlx::query("select wal_sync, wal_bytes::float8 from pg_stat_wal")
            .fetch_optional(&mut stack.statistics)
            .await
            // Postgres 18 counts them elsewhere.
            .unwrap_or_default();
        Ok(Self {
            at: Instant::now(),
            server: processor_time(stack.server_pid)?,
            postgres: postgres_time(stack.postmaster_pid)?,
            simulator: processor_time(stack.simulator_pid)?,
            load: processor_time(std::process::id())?,
            machine_busy: machine_busy()?,
            statements,
            log_syncs: log.as_ref().map_or(0, |row| row.get(0)),
            log_bytes: log.as_ref().map_or(0.0, |row| row.get(1)),
        })
    }

    /// What happened from this reading to a later one.
    pub fn until(&self, later: &Self) -> Bill {
        let mut statements: Vec<_> = later
            .statements
            .iter()
            .map(|(id, after)| {
                let before = self.statements.get(id);
                StatementBill {
                    text: after.text.clone(),
                    calls: after.calls - before.map_or(0, |b| b.calls),
                    milliseconds: after.milliseconds - before.map_or(0.0, |b| b.milliseconds),
                    planning: after.planning - before.map_or(0.0, |b| b.planning),
                }
            })
            .filter(|statement| statement.calls > 0)
            .collect();
        statements.sort_by_key(|statement| std::cmp::Reverse(statement.calls));
        let server = later.server - self.server;
        let postgres = later.postgres.saturating_sub(self.postgres);
        let simulator = later.simulator - self.simulator;
        let load = later.load - self.load;
        let all = later.machine_busy.saturating_sub(self.machine_busy);
        Bill {
            took: later.at - self.at,
            server,
            postgres,
            simulator,
            load,
            others: all.saturating_sub(server + postgres + simulator + load),
            statements,
            log_syncs: later.log_syncs - self.log_syncs,
            log_bytes: later.log_bytes - self.log_bytes,
        }
    }
}

/// The fields of /proc/PID/stat from the state on (the name before it may hold anything).
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn ticks(fields: &[String], at: std::ops::Range<usize>) -> Duration {
    let sum = fields.get(at).map_or(0, |fields| {
        fields.iter().filter_map(|f| f.parse::<u32>().ok()).sum()
    });
    TICK * sum
}

/// `utime` and `stime` of all threads.
fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let fields = stat(pid).context("a process of the run is gone")?;
    Ok(ticks(&fields, 11..13))
}

/// The postmaster's own time, that of its ended children (`cutime`, `cstime`) and of its living ones:
/// a backend that ends between two readings moves from one sum to the other and is not lost.
fn postgres_time(postmaster: u32) -> anyhow::Result<Duration> {
    let fields = stat(postmaster).context("Postgres is gone")?;
    let children = children(postmaster)?;
    let alive: Duration = children
        .into_iter()
        .filter_map(stat)
        .map(|fields| ticks(&fields, 11..13))
        .sum();
    Ok(ticks(&fields, 11..15) + alive)
}

fn children(parent: u32) -> anyhow::Result<Vec<u32>> {
    let parent = parent.to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse() else {
            continue;
        };
        if stat(pid).is_some_and(|fields| fields.get(1) == Some(&parent)) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// All processors together, whoever used them: everything but idle and waiting for disks.
fn machine_busy() -> anyhow::Result<Duration> {
    let text = fs::read_to_string("/proc/stat")?;
    let line = text.lines().next().unwrap_or_default();
    let all: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|field| field.parse().ok())
        .collect();
    let busy: u64 = [0, 1, 2, 5, 6].iter().filter_map(|&i| all.get(i)).sum();
    Ok(TICK * u32::try_from(busy).unwrap_or(u32::MAX))
}

/// Memory, in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// The server's resident set.
    pub server: u64,
    /// Its largest so far.
    pub server_peak: u64,
    /// Postgres's proportional share, all processes.
    pub postgres: u64,
}

impl Memory {
    /// Of the processes as they are now.
    pub fn now(stack: &Stack) -> anyhow::Result<Self> {
        let mut postgres = share(stack.postmaster_pid);
        for child in children(stack.postmaster_pid)? {
            postgres += share(child);
        }
        let status = format!("/proc/{}/status", stack.server_pid);
        Ok(Self {
            server: kilobytes(&status, "VmRSS:") * 1024,
            server_peak: kilobytes(&status, "VmHWM:") * 1024,
            postgres: postgres * 1024,
        })
    }
}

fn share(pid: u32) -> u64 {
    kilobytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

fn kilobytes(path: &str, field: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// How long the operator took for the two calls inside each login's callback, as the server measured
/// it and wrote it into the audit record that the ID token names. Whole milliseconds.
pub async fn operator_times(
    stack: &mut Stack,
    txns: &[Uuid],
) -> anyhow::Result<HashMap<Uuid, Duration>> {
    let rows = sqlx::query(
        "select id, coalesce((e ->> 'token_ms')::float8, 0) + coalesce((e ->> 'api_ms')::float8, 0) \
         from audit_records, \
         lateral (select convert_from(body, 'UTF8')::jsonb -> 'evidence' as e) as evidence \
         where id = any($1)",
    )
    .bind(txns)
    .fetch_all(&mut stack.statistics)
    .await?;
    Ok(rows
        .iter()
        .map(|row| {
            (
                row.get(0),
                Duration::from_secs_f64(row.get::<f64, _>(1) / 1000.0),
            )
        })
        .collect())
}

/// The middle of 100 writes of 8 kB with `fdatasync`, where the cluster's data lies.
pub fn disk_wait() -> std::io::Result<Duration> {
    use std::io::Write as _;
    let path = format!("/var/tmp/numbercloak-bench-{}", std::process::id());
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..100 {
        let started = Instant::now();
        file.write_all(&[7; 8192])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(path)?;
    times.sort();
    Ok(times[times.len() / 2])
}
