//! A token bucket: so many at once, and as many again spread over a span.

use chrono::TimeDelta;

use crate::clock::Time;

/// See the module. Full when it is first asked.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// What it held when it was last asked, in parts of `most * span`.
    held: Option<(f64, Time)>,
}

impl Bucket {
    /// When one can be taken: now, or at the time told. `most` of 0 means no limit.
    pub(super) fn look(&mut self, most: u32, span: TimeDelta, now: Time) -> Result<(), Time> {
        if most == 0 {
            self.held = None;
            return Ok(());
        }
        let most = f64::from(most);
        let span_ms = f64::from(i32::try_from(span.num_milliseconds()).unwrap_or(i32::MAX));
        let held = self.held.map_or(most, |(held, at)| {
            let gone = i32::try_from((now - at).num_milliseconds().max(0)).unwrap_or(i32::MAX);
            (held + f64::from(gone) * most / span_ms).min(most)
        });
        self.held = Some((held, now));
        if held >= 1.0 {
            return Ok(());
        }
        let wait = ((1.0 - held) * span_ms / most).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "at most one span, which is days at most"
        )]
        Err(now + TimeDelta::milliseconds(wait as i64))
    }

    /// Takes one, after [`Bucket::look`] found it.
    pub(super) fn take(&mut self) {
        if let Some((held, _)) = &mut self.held {
            *held -= 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn so_many_at_once_and_then_as_many_a_minute() {
        let start = Clock::system().now();
        let minute = TimeDelta::minutes(1);
        let mut bucket = Bucket::default();
        let mut take = |now| bucket.look(4, minute, now).map(|()| bucket.take());
        for _ in 0..4 {
            assert_eq!(take(start), Ok(()));
        }
        let free = start + TimeDelta::seconds(15);
        assert_eq!(take(start), Err(free));
        assert_eq!(take(start), Err(free), "asking costs nothing");
        assert_eq!(take(free), Ok(()));
        assert!(take(free).is_err());
        let later = start + TimeDelta::hours(5);
        for _ in 0..4 {
            assert_eq!(take(later), Ok(()), "it never holds more than it may");
        }
        assert!(take(later).is_err());
    }

    #[test]
    fn no_limit_is_no_limit() {
        let now = Clock::system().now();
        let mut bucket = Bucket::default();
        for _ in 0..1_000 {
            assert_eq!(bucket.look(0, TimeDelta::days(1), now), Ok(()));
            bucket.take();
        }
    }
}
