//! The circuit breaker of one operator: calls that fail one after the other stop further ones for a
//! while, then one login tries again (half-open). What counts is whether the operator works, not
//! whether we like its answer.

use std::collections::VecDeque;

use chrono::TimeDelta;

use crate::clock::Time;
use crate::store::restraint::Restraint;

/// The most results remembered: enough to tell half of them.
const MOST: usize = 512;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    /// When calls ended, and whether the operator worked.
    recent: VecDeque<(Time, bool)>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Closed,
    /// Nobody is sent there.
    Open { until: Time },
    /// One login tries; the next may if that one has not come back by then.
    HalfOpen { until: Time },
}

/// A change of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turned {
    /// The operator is left alone until then.
    Open { until: Time, failures: u32 },
    /// It is asked again.
    Closed,
}

impl Breaker {
    /// Whether a login may depart; if not, when one may again.
    pub(super) fn admit(&mut self, restraint: &Restraint, now: Time) -> Result<(), Time> {
        match self.state {
            State::Closed => Ok(()),
            State::Open { until } | State::HalfOpen { until } if now < until => Err(until),
            State::Open { .. } | State::HalfOpen { .. } => {
                let until = now + pause(restraint);
                self.state = State::HalfOpen { until };
                Ok(())
            }
        }
    }

    /// When a login may depart again, while none may.
    pub(super) fn waits_until(&self, now: Time) -> Option<Time> {
        match self.state {
            State::Open { until } | State::HalfOpen { until } if now < until => Some(until),
            _ => None,
        }
    }

    /// A call ended: did the operator work?
    pub(super) fn report(
        &mut self,
        works: bool,
        restraint: &Restraint,
        now: Time,
    ) -> Option<Turned> {
        match self.state {
            // Of logins that departed before; the one that tries again decides.
            State::Open { .. } => None,
            State::HalfOpen { .. } if works => {
                self.state = State::Closed;
                self.recent.clear();
                Some(Turned::Closed)
            }
            State::HalfOpen { .. } => Some(self.open(restraint, 1, now)),
            State::Closed => {
                self.remember(works, restraint, now);
                let failures = self.recent.iter().filter(|(_, works)| !works).count();
                let enough = restraint.breaker_failures > 0
                    && failures >= usize::try_from(restraint.breaker_failures).unwrap_or(MOST)
                    && failures * 2 >= self.recent.len();
                enough.then(|| {
                    let failures = u32::try_from(failures).unwrap_or(u32::MAX);
                    self.open(restraint, failures, now)
                })
            }
        }
    }

    fn open(&mut self, restraint: &Restraint, failures: u32, now: Time) -> Turned {
        let until = now + pause(restraint);
        self.state = State::Open { until };
        self.recent.clear();
        Turned::Open { until, failures }
    }

    fn remember(&mut self, works: bool, restraint: &Restraint, now: Time) {
        let window = TimeDelta::seconds(i64::from(restraint.breaker_window_s));
        self.recent.push_back((now, works));
        while self
            .recent
            .front()
            .is_some_and(|(at, _)| *at + window <= now)
            || self.recent.len() > MOST
        {
            self.recent.pop_front();
        }
    }
}

fn pause(restraint: &Restraint) -> TimeDelta {
    TimeDelta::seconds(i64::from(restraint.breaker_pause_s))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const RESTRAINT: Restraint = Restraint {
        breaker_failures: 3,
        breaker_window_s: 10,
        breaker_pause_s: 30,
        departures_per_minute: 0,
        departures_per_day: 0,
    };

    fn after(start: Time, seconds: i64) -> Time {
        start + TimeDelta::seconds(seconds)
    }

    fn opened() -> (Breaker, Time) {
        let start = Clock::system().now();
        let mut breaker = Breaker::default();
        assert_eq!(breaker.report(false, &RESTRAINT, start), None);
        assert_eq!(breaker.report(false, &RESTRAINT, start), None);
        let until = after(start, 30);
        assert_eq!(
            breaker.report(false, &RESTRAINT, start),
            Some(Turned::Open { until, failures: 3 })
        );
        (breaker, start)
    }

    #[test]
    fn enough_failures_in_the_window_open_it_and_the_time_is_told() {
        let (mut breaker, start) = opened();
        assert_eq!(breaker.admit(&RESTRAINT, start), Err(after(start, 30)));
        assert_eq!(breaker.waits_until(start), Some(after(start, 30)));
        assert_eq!(breaker.report(true, &RESTRAINT, start), None);
        assert!(breaker.admit(&RESTRAINT, after(start, 29)).is_err());
    }

    #[test]
    fn one_login_tries_again_and_decides() {
        let (mut breaker, start) = opened();
        let then = after(start, 30);
        assert_eq!(breaker.admit(&RESTRAINT, then), Ok(()));
        assert!(breaker.admit(&RESTRAINT, then).is_err(), "one at a time");
        let until = after(then, 30);
        let turned = breaker.report(false, &RESTRAINT, then);
        assert_eq!(turned, Some(Turned::Open { until, failures: 1 }));
        assert_eq!(breaker.admit(&RESTRAINT, until), Ok(()));
        assert_eq!(
            breaker.report(true, &RESTRAINT, until),
            Some(Turned::Closed)
        );
        assert_eq!(breaker.admit(&RESTRAINT, until), Ok(()));
        assert_eq!(breaker.admit(&RESTRAINT, until), Ok(()));
    }

    #[test]
    fn a_login_that_tries_and_never_comes_back_does_not_keep_it_open() {
        let (mut breaker, start) = opened();
        let then = after(start, 30);
        assert_eq!(breaker.admit(&RESTRAINT, then), Ok(()));
        assert!(breaker.admit(&RESTRAINT, after(then, 29)).is_err());
        assert_eq!(breaker.admit(&RESTRAINT, after(then, 30)), Ok(()));
    }

    #[test]
    fn few_or_old_failures_among_others_change_nothing() {
        let start = Clock::system().now();
        let mut breaker = Breaker::default();
        for second in 0..20 {
            let now = after(start, second * 6);
            assert_eq!(breaker.report(false, &RESTRAINT, now), None, "{second}");
        }
        let now = after(start, 1_000);
        for _ in 0..4 {
            assert_eq!(breaker.report(true, &RESTRAINT, now), None);
        }
        for _ in 0..3 {
            assert_eq!(breaker.report(false, &RESTRAINT, now), None);
        }
        let never = Restraint {
            breaker_failures: 0,
            ..RESTRAINT
        };
        for _ in 0..20 {
            assert_eq!(breaker.report(false, &never, now), None);
        }
    }
}
