//! Who signs in when. Threads that block, because they cost the machine least: a thread is one
//! browser's turn, and people take turns on threads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::person::{Login, Person, Target, Wires};

/// How logins follow each other.
#[derive(Clone, Copy)]
pub enum Arrivals {
    /// So many people at a time, each starting over when done, until the time is out.
    Closed {
        /// People at a time.
        people: usize,
        /// For how long.
        seconds: f64,
    },
    /// At their own times, however slow the answers are (no coordinated omission): gaps are
    /// exponential, as of people who do not know each other, and the same in every run.
    Open {
        /// Logins per second.
        rate: f64,
        /// For how long.
        seconds: f64,
    },
    /// Everybody once.
    Once {
        /// People at a time.
        people: usize,
    },
}

/// One login of a run.
pub struct Done {
    /// From when it was due to its last answer.
    pub whole: Duration,
    /// The login.
    pub login: Login,
}

/// What came of a run.
pub struct Outcome {
    /// The logins that went well.
    pub logins: Vec<Done>,
    /// What went wrong, and how often.
    pub failures: BTreeMap<String, u64>,
    /// From the first start to the last answer.
    pub took: Duration,
}

/// People waiting for their turn.
pub type Crowd = Mutex<VecDeque<Person>>;

/// This many people whose browsers were never here.
pub fn crowd(size: usize) -> Crowd {
    Mutex::new((0..size).map(Person::new).collect())
}

/// Lets people sign in. With `fresh`, everybody comes with a new browser each time.
pub fn run(target: &Target, crowd: &Crowd, arrivals: Arrivals, fresh: bool) -> Outcome {
    let schedule = Schedule::new(arrivals, lock(crowd).len());
    let started = Instant::now();
    let turns: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..schedule.threads)
            .map(|_| {
                std::thread::Builder::new()
                    .stack_size(256 * 1024)
                    .spawn_scoped(scope, || turns(target, crowd, &schedule, started, fresh))
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.ok()?.join().ok())
            .collect()
    });
    let took = started.elapsed();
    let mut outcome = Outcome {
        logins: Vec::new(),
        failures: BTreeMap::new(),
        took,
    };
    for (logins, failures) in turns {
        outcome.logins.extend(logins);
        for (what, count) in failures {
            *outcome.failures.entry(what).or_default() += count;
        }
    }
    outcome
}

fn turns(
    target: &Target,
    crowd: &Crowd,
    schedule: &Schedule,
    started: Instant,
    fresh: bool,
) -> (Vec<Done>, BTreeMap<String, u64>) {
    let mut wires = Wires::new(target);
    let mut logins = Vec::new();
    let mut failures = BTreeMap::new();
    while let Some(due) = schedule.next(started) {
        let Some(mut person) = lock(crowd).pop_front() else {
            *failures
                .entry("more logins than people".to_owned())
                .or_default() += 1;
            continue;
        };
        if fresh {
            person.forget();
        }
        match person.sign_in(target, &mut wires) {
            Ok(login) => logins.push(Done {
                whole: due.elapsed(),
                login,
            }),
            Err(what) => *failures.entry(what).or_default() += 1,
        }
        lock(crowd).push_back(person);
    }
    (logins, failures)
}

fn lock(crowd: &Crowd) -> std::sync::MutexGuard<'_, VecDeque<Person>> {
    crowd
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Schedule {
    threads: usize,
    /// When each login is due, from the start; empty if each is due when its turn comes.
    due: Vec<Duration>,
    limit: Option<Duration>,
    most: usize,
    next: AtomicUsize,
}

impl Schedule {
    fn new(arrivals: Arrivals, people: usize) -> Self {
        let base = Self {
            threads: 1,
            due: Vec::new(),
            limit: None,
            most: usize::MAX,
            next: AtomicUsize::new(0),
        };
        match arrivals {
            Arrivals::Closed {
                people: threads,
                seconds,
            } => Self {
                threads,
                limit: Some(Duration::from_secs_f64(seconds)),
                ..base
            },
            Arrivals::Open { rate, seconds } => {
                let due = poisson(rate, seconds);
                Self {
                    // Enough for logins of a second at twice the rate; beyond that, logins wait for
                    // a thread, and the wait counts.
                    threads: ((rate * 2.0) as usize).clamp(64, 1024).min(people),
                    most: due.len(),
                    due,
                    ..base
                }
            }
            Arrivals::Once { people: threads } => Self {
                threads,
                most: people,
                ..base
            },
        }
    }

    /// Waits for the next login and says when it was due; `None` when there are no more.
    fn next(&self, started: Instant) -> Option<Instant> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        if turn >= self.most || self.limit.is_some_and(|limit| started.elapsed() > limit) {
            return None;
        }
        let Some(after) = self.due.get(turn) else {
            return Some(Instant::now());
        };
        let due = started + *after;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        Some(due)
    }
}

/// Arrivals of a Poisson process, from a fixed seed.
fn poisson(rate: f64, seconds: f64) -> Vec<Duration> {
    let mut state = 0x6e75_6d62_6572_u64;
    let mut at = 0.0;
    let mut due = Vec::new();
    loop {
        // SplitMix64; the upper 53 bits make a number in [0, 1).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let uniform = (z >> 11) as f64 / (1_u64 << 53) as f64;
        at -= (1.0 - uniform).ln() / rate;
        if at >= seconds {
            return due;
        }
        due.push(Duration::from_secs_f64(at));
    }
}
