//! The load run: whole logins against the release server with a durable Postgres of its own and a
//! simulated operator, three processes beside this one. Loopback only; everything ends with the run.
//!
//! ```text
//! cargo bench --bench logins -- --seconds 20 --mode silent --alg RS256            # 32 at a time
//! cargo bench --bench logins -- --seconds 20 --mode page --alg ES256 --rate 100   # 100 a second
//! cargo bench --bench logins -- --rate 100 --beside export                        # what exporting costs them
//! cargo bench --bench logins -- --all                                             # the tables of docs/performance.md
//! ```

mod beside;
mod http;
mod id_token;
mod load;
mod meters;
mod person;
mod report;
mod stack;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use numbercloak::oauth::signing_alg::SigningAlg;
use serde_json::json;

use beside::{Beside, Work};
use load::Arrivals;
use meters::{Memory, Reading};
use person::Target;
use report::Run;
use stack::Stack;

/// Whole logins against the release server.
#[derive(Parser)]
struct Options {
    /// How long each run measures.
    #[arg(long, default_value_t = 20.0)]
    seconds: f64,
    /// How long it warms up before.
    #[arg(long, default_value_t = 3.0)]
    warm_up: f64,
    /// People who sign in at a time.
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// Logins per second instead, however long each takes (open loop).
    #[arg(long)]
    rate: Option<f64>,
    /// Whether people see our page.
    #[arg(long, value_enum, default_value_t = Mode::Silent)]
    mode: Mode,
    /// The algorithm of the ID tokens.
    #[arg(long, value_enum, ignore_case = true, default_value_t = Alg::Es256)]
    alg: Alg,
    /// How many different people there are.
    #[arg(long, default_value_t = 1000)]
    people: usize,
    /// Milliseconds the operator takes for each answer.
    #[arg(long, default_value_t = 0)]
    operator_ms: u64,
    /// What goes on beside them.
    #[arg(long, value_enum)]
    beside: Option<Beside>,
    /// Both modes and algorithms at the fixed concurrency, and at half and four fifths of the rate
    /// that this gave.
    #[arg(long)]
    all: bool,
    /// A setting of Postgres to try: plan_cache_mode=force_generic_plan. Repeat for more.
    #[arg(long, value_name = "KEY=VALUE")]
    postgres: Vec<String>,
    /// A setting of the server to try: database.max_connections=8. Repeat for more.
    #[arg(long, value_name = "KEY=VALUE")]
    server: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether people see our page.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// The number is hinted and the go-ahead remembered: nothing to press.
    Silent,
    /// A new browser each time: the page asks for the go-ahead.
    Page,
    /// A session answers: no operator is asked.
    Session,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum Alg {
    Rs256,
    Es256,
}

impl From<Alg> for SigningAlg {
    fn from(alg: Alg) -> Self {
        match alg {
            Alg::Rs256 => Self::RS256,
            Alg::Es256 => Self::ES256,
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let _ = options.bench;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (runs, idle) = runtime.block_on(measure(&options))?;
    let disk = meters::disk_wait()?.as_secs_f64() * 1000.0;
    print(&options, &runs, idle, disk);
    let failed: u64 = runs.iter().map(Run::failed).sum();
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(options: &Options) -> anyhow::Result<(Vec<Run>, Memory)> {
    let mut stack = Stack::start(&options.postgres, &options.server).await?;
    let idle = Memory::now(&stack)?;
    stack.slow_operator(options.operator_ms)?;
    let mut runs = Vec::new();
    if !options.all {
        let target = stack
            .target(options.alg.into(), options.mode == Mode::Session)
            .await?;
        let arrivals = match options.rate {
            None => closed(options),
            Some(rate) => open(options, rate),
        };
        runs.push(one(&mut stack, &target, options, options.mode, arrivals).await?);
        return Ok((runs, idle));
    }
    for mode in [Mode::Silent, Mode::Page, Mode::Session] {
        for alg in [Alg::Es256, Alg::Rs256] {
            let target = stack.target(alg.into(), mode == Mode::Session).await?;
            let run = one(&mut stack, &target, options, mode, closed(options)).await?;
            let reached = run.rate();
            runs.push(run);
            if mode == Mode::Silent {
                for share in [0.5, 0.8] {
                    let rate = (reached * share / 10.0).round().max(1.0) * 10.0;
                    let arrivals = open(options, rate);
                    runs.push(one(&mut stack, &target, options, mode, arrivals).await?);
                }
            }
        }
    }
    Ok((runs, idle))
}

fn closed(options: &Options) -> Arrivals {
    Arrivals::Closed {
        people: options.concurrency,
        seconds: options.seconds,
    }
}

fn open(options: &Options, rate: f64) -> Arrivals {
    Arrivals::Open {
        rate,
        seconds: options.seconds,
    }
}

async fn one(
    stack: &mut Stack,
    target: &Target,
    options: &Options,
    mode: Mode,
    arrivals: Arrivals,
) -> anyhow::Result<Run> {
    let fresh = mode == Mode::Page;
    // Everybody meets the page once, so that afterwards their go-ahead is remembered.
    let crowd = load::crowd(options.people);
    let people = options.concurrency;
    let first = load::run(target, &crowd, Arrivals::Once { people }, false);
    stack.analyze().await?;
    let warm_up = Arrivals::Closed {
        people,
        seconds: options.warm_up,
    };
    let warm = load::run(target, &crowd, warm_up, fresh);
    for (what, count) in first.failures.iter().chain(&warm.failures) {
        eprintln!("warm-up: {count} x {what}");
    }
    let work = match options.beside {
        Some(beside) => Some(Work::begin(stack, beside).await?),
        None => None,
    };
    let before = Reading::take(stack).await?;
    let outcome = load::run(target, &crowd, arrivals, fresh);
    let after = Reading::take(stack).await?;
    if let Some(work) = work {
        eprintln!("beside the logins: {}", work.end()?);
    }
    let txns: Vec<_> = outcome.logins.iter().map(|done| done.login.txn).collect();
    Ok(Run {
        mode: match mode {
            Mode::Silent => "silent",
            Mode::Page => "page",
            Mode::Session => "session",
        },
        alg: target.alg.as_str(),
        arrivals: match arrivals {
            Arrivals::Open { rate, .. } => format!("{rate}/s"),
            Arrivals::Closed { people, .. } | Arrivals::Once { people } => {
                format!("{people} at a time")
            }
        },
        operator_ms: options.operator_ms,
        bill: before.until(&after),
        memory: Memory::now(stack)?,
        operator: meters::operator_times(stack, &txns).await?,
        outcome,
    })
}

fn print(options: &Options, runs: &[Run], idle: Memory, disk_ms: f64) {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    if options.json {
        let all: Vec<_> = runs.iter().map(Run::json).collect();
        let report = json!({
            "cores": cores,
            "fdatasync_ms": disk_ms,
            "server_rss_idle_bytes": idle.server,
            "runs": all,
        });
        println!("{report:#}");
        return;
    }
    println!(
        "{cores} cores for everything; fdatasync of 8 kB takes {disk_ms:.2} ms; the idle server \
         has {:.0} MB.\n",
        idle.server as f64 / 1_048_576.0
    );
    println!("{}", report::markdown(runs));
    for run in runs {
        for (what, count) in &run.outcome.failures {
            println!(
                "{} {} {}: {count} x {what}",
                run.mode, run.alg, run.arrivals
            );
        }
    }
    let mut seen = Vec::new();
    for run in runs {
        if !seen.contains(&run.mode) {
            seen.push(run.mode);
            println!("Statements of a {} login:", run.mode);
            println!("{}", report::statements(run));
        }
    }
}
