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

    /// A clock that begins at the last whole second and goes one microsecond further with every
    /// look at it, otherwise only by [`Clock::advance`]. For tests: what comes later bears a later
    /// time, and no second ends in the middle of one.
    #[must_use]
    pub fn by_hand() -> Self {
        let start = Self::system().now().timestamp() * 1_000_000;
        Self(Some(Arc::new(AtomicI64::new(start))))
    }

    /// The time now, cut to whole microseconds.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the system's clock"
    )]
    pub fn now(&self) -> Time {
        let micros = self.0.as_ref().map_or_else(
            || Utc::now().timestamp_micros(),
            |by_hand| by_hand.fetch_add(1, Ordering::SeqCst),
        );
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Moves a clock that goes by hand forward; the system's clock ignores it.
    pub fn advance(&self, by: Duration) {
        if let Some(by_hand) = &self.0 {
            let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            by_hand.fetch_add(micros, Ordering::SeqCst);
        }
    }
}
