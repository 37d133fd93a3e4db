//! An export of many records: how fast, and how much memory it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use numbercloak::admin::Desk;
use numbercloak::admin::audit::Query;
use numbercloak::admin::exports::{self, Format};
use numbercloak::clock::Clock;

use crate::bytes_as;
use crate::fill::World;

/// Prints a table.
pub async fn measure(desk: &Desk, clock: &Clock, world: &World, most: i64) -> anyhow::Result<()> {
    println!(
        "| export | records | seconds | records/s | MB | memory before, MB | at most, MB |\n|---|---|---|---|---|---|---|"
    );
    for format in [Format::JsonLines, Format::Csv] {
        let query = Query {
            since: Some(world.time_of((world.records - most).max(0))),
            ..Query::default()
        };
        let before = resident();
        let peak = Peak::watch();
        let began = Instant::now();
        let mut sink = tokio::io::sink();
        let desk = Desk {
            now: clock.now(),
            ..desk.clone()
        };
        let done = exports::run(&desk, clock, query, format, "nowhere", &mut sink).await?;
        let seconds = began.elapsed().as_secs_f64();
        let records = u32::try_from(done.records).unwrap_or(u32::MAX);
        println!(
            "| {} | {records} | {seconds:.1} | {:.0} | {:.0} | {:.0} | {:.0} |",
            format.as_str(),
            f64::from(records) / seconds,
            bytes_as(done.told["bytes"].as_i64().unwrap_or_default(), 20),
            bytes_as(before, 20),
            bytes_as(peak.end(), 20),
        );
    }
    Ok(())
}

/// This process's resident set, in bytes.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<i64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// Looks a hundred times a second how large this process is.
struct Peak {
    over: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<i64>,
}

impl Peak {
    fn watch() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let is_over = over.clone();
        let thread = std::thread::spawn(move || {
            let mut most = resident();
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
                most = most.max(resident());
            }
            most
        });
        Self { over, thread }
    }

    fn end(self) -> i64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}
