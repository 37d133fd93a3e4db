//! What one caller may cost, counted in memory, per server: logins from one address, failed
//! authentications of one client. Several servers allow several times as much, which is fine for what
//! only slows down floods and guessing. What must hold over all of them is counted in the database.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::config::Limits;

/// Longest part of a client's own name for itself that is told apart, characters.
const LONGEST_NAME: usize = 64;

/// Refused pushed requests of one client that are recorded, per minute. A client's own fault is worth
/// knowing of and not worth filling the log with.
const RECORDED_REFUSALS: u32 = 30;

/// The limits of one server.
pub struct Throttles {
    logins: PerMinute<Option<IpAddr>>,
    refused_pushes: PerMinute<String>,
    client_failures: PerMinute<(String, Option<IpAddr>)>,
    recorded_refusals: PerMinute<(&'static str, Option<IpAddr>)>,
    codes: PerMinute<Option<IpAddr>>,
}

/// A limit was reached; seconds to wait, at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany(pub u64);

impl Throttles {
    /// With nothing counted yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            logins: PerMinute::new(limits.logins_per_address_per_minute),
            refused_pushes: PerMinute::new(RECORDED_REFUSALS),
            client_failures: PerMinute::new(limits.client_failures_per_minute),
            recorded_refusals: PerMinute::new(limits.client_failures_per_minute),
            codes: PerMinute::new(limits.handoff_codes_per_address_per_minute),
        }
    }

    /// Counts an authorization request from an address.
    ///
    /// # Errors
    /// [`TooMany`] if that address has started too many logins.
    pub fn login_from(&self, address: Option<IpAddr>) -> Result<(), TooMany> {
        self.logins.count(&address.map(network))
    }

    /// Counts a refused pushed request of a client that proved itself.
    ///
    /// # Errors
    /// [`TooMany`] if enough of them were recorded.
    pub fn push_refused(&self, client_id: &str) -> Result<(), TooMany> {
        self.refused_pushes.count(&client_id.to_owned())
    }

    /// Counts a failed authentication of whoever said it was `client_id`. Only failures count, so
    /// whoever has the right secret always gets in.
    ///
    /// # Errors
    /// [`TooMany`] if it failed too often from this address.
    pub fn client_failed(&self, client_id: &str, address: Option<IpAddr>) -> Result<(), TooMany> {
        // Names that nobody registered are counted too, and may be of any length.
        let name = client_id.chars().take(LONGEST_NAME).collect();
        self.client_failures.count(&(name, address.map(network)))
    }

    /// Whether one more refusal of this event to an address is recorded. It is refused either way.
    #[must_use]
    pub fn records_refusal(&self, event: &'static str, address: Option<IpAddr>) -> bool {
        let key = (event, address.map(network));
        self.recorded_refusals.count(&key).is_ok()
    }

    /// Counts a short code that somebody types. Every try counts, right or wrong: a guess that is right
    /// must not pass because it was the first.
    ///
    /// # Errors
    /// [`TooMany`] if that address has typed too many.
    pub fn code_from(&self, address: Option<IpAddr>) -> Result<(), TooMany> {
        self.codes.count(&address.map(network))
    }

    /// Forgets who has not been heard of for long enough to start from nothing. To be called now and
    /// then: addresses and names are the callers' to choose.
    pub fn forget_old(&self) {
        self.logins.0.retain_recent();
        self.logins.0.shrink_to_fit();
        self.refused_pushes.0.retain_recent();
        self.refused_pushes.0.shrink_to_fit();
        self.client_failures.0.retain_recent();
        self.client_failures.0.shrink_to_fit();
        self.recorded_refusals.0.retain_recent();
        self.recorded_refusals.0.shrink_to_fit();
        self.codes.0.retain_recent();
        self.codes.0.shrink_to_fit();
    }
}

/// So many at once, then so many a minute.
struct PerMinute<K: Clone + Eq + Hash>(DefaultKeyedRateLimiter<K>);

impl<K: Clone + Eq + Hash> PerMinute<K> {
    fn new(most: u32) -> Self {
        let most = NonZeroU32::new(most).unwrap_or(NonZeroU32::MIN);
        Self(RateLimiter::keyed(Quota::per_minute(most)))
    }

    fn count(&self, key: &K) -> Result<(), TooMany> {
        self.0.check_key(key).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            TooMany(wait.as_secs() + 1)
        })
    }
}

/// Who an address belongs to: an IPv6 customer has at least a /64 to pick addresses from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttles() -> Throttles {
        Throttles::new(&Limits {
            logins_per_address_per_minute: 10,
            client_failures_per_minute: 3,
            ..Limits::default()
        })
    }

    fn from(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn an_address_starts_so_many_logins_and_then_is_told_to_wait() {
        let throttles = throttles();
        for _ in 0..10 {
            assert_eq!(throttles.login_from(from("192.0.2.1")), Ok(()));
        }
        let TooMany(wait) = throttles.login_from(from("192.0.2.1")).unwrap_err();
        assert!((1..=7).contains(&wait), "{wait}");
        assert_eq!(throttles.login_from(from("192.0.2.2")), Ok(()));
    }

    #[test]
    fn a_slash_64_is_one_caller_and_so_is_a_mapped_address() {
        let throttles = throttles();
        for host in 0..10 {
            let address = from(&format!("2001:db8:0:1::{host}"));
            assert_eq!(throttles.login_from(address), Ok(()));
        }
        assert!(throttles.login_from(from("2001:db8:0:1:ffff::1")).is_err());
        assert!(throttles.login_from(from("2001:db8:0:2::1")).is_ok());
        assert_eq!(
            network("::ffff:192.0.2.1".parse().unwrap()),
            from("192.0.2.1").unwrap()
        );
    }

    #[test]
    fn failures_count_per_client_and_address() {
        let throttles = throttles();
        let fail = |client: &str, address| throttles.client_failed(client, from(address));
        for _ in 0..3 {
            assert_eq!(fail("a", "192.0.2.1"), Ok(()));
        }
        assert!(fail("a", "192.0.2.1").is_err());
        assert_eq!(fail("b", "192.0.2.1"), Ok(()));
        assert_eq!(fail("a", "192.0.2.2"), Ok(()));
    }

    #[test]
    fn what_is_recorded_of_an_address_locks_out_no_client_that_is_called_like_the_event() {
        let throttles = throttles();
        let records = |address| throttles.records_refusal("REVOKE_GRANT_ERROR", from(address));
        assert_eq!(
            [(); 4].map(|()| records("192.0.2.1")),
            [true, true, true, false]
        );
        assert!(records("192.0.2.2"));
        let failed = throttles.client_failed("REVOKE_GRANT_ERROR", from("192.0.2.1"));
        assert_eq!(failed, Ok(()));
    }

    #[test]
    fn a_name_of_any_length_is_kept_short() {
        let throttles = throttles();
        let long = |end: &str| format!("{}{end}", "x".repeat(LONGEST_NAME));
        for end in ["1", "2", "3"] {
            assert!(throttles.client_failed(&long(end), None).is_ok());
        }
        assert!(throttles.client_failed(&long("4"), None).is_err());
    }
}
