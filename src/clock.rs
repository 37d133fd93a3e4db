//! The time. Read once per request and handed down as a value, so that one request sees one time
//! and a test can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// A point in time, UTC, with Postgres's resolution of one microsecond.
pub type Time = DateTime<Utc>;

/// Where the time comes from: the system, or a test that moves it by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that runs with the system's but can be moved with [`Clock::advance`]. For tests.
    #[must_use]
    pub fn movable() -> Self {
        Self(Some(Arc::new(AtomicI64::new(0))))
    }

    /// The time now, cut to whole microseconds.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Time {
        let micros = Utc::now().timestamp_micros()
            + self
                .0
                .as_ref()
                .map_or(0, |offset| offset.load(Ordering::SeqCst));
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Moves a movable clock forward; the system's clock ignores it.
    pub fn advance(&self, by: Duration) {
        if let Some(offset) = &self.0 {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            offset.fetch_add(micros, Ordering::SeqCst);
        }
    }
}
