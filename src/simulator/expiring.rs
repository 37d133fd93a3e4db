//! A map whose entries live for a limited time: codes, tokens, tickets, assertion ids. Sharded, so
//! that requests seldom meet at a lock, and emptied by those who put something in.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Time;
use crate::secret::{Token, sha256};

const SHARDS: usize = 16;
/// Beyond this the oldest entry goes, so that nobody can fill our memory.
const MOST_PER_SHARD: usize = 1 << 16;

/// What an entry is found by: a hash, so that what was given out is not kept.
pub(super) type Key = [u8; 32];

/// The key of an opaque string that came back to us.
pub(super) fn key_of(text: &str) -> Key {
    sha256(text.as_bytes())
}

/// See the module. All entries live equally long.
pub(super) struct Expiring<V> {
    lifetime: Duration,
    shards: [Mutex<Shard<V>>; SHARDS],
}

struct Shard<V> {
    entries: HashMap<Key, (Time, V)>,
    /// In order of expiry, because all live equally long.
    queue: VecDeque<(Time, Key)>,
}

impl<V> Expiring<V> {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self {
            lifetime,
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard {
                    entries: HashMap::new(),
                    queue: VecDeque::new(),
                })
            }),
        }
    }

    /// Keeps `value` under a new random token and returns that.
    pub(super) fn issue(&self, now: Time, value: V) -> String {
        let token = Token::random().reveal();
        self.insert(now, key_of(&token), value);
        token
    }

    /// Keeps `value` unless something lives under this key; says whether it did.
    pub(super) fn insert(&self, now: Time, key: Key, value: V) -> bool {
        let mut shard = self.shard(&key);
        while shard.queue.front().is_some_and(|(until, _)| *until <= now) {
            if let Some((_, old)) = shard.queue.pop_front() {
                // The key may have been taken out and put in again since.
                if shard
                    .entries
                    .get(&old)
                    .is_some_and(|(until, _)| *until <= now)
                {
                    shard.entries.remove(&old);
                }
            }
        }
        let alive = shard
            .entries
            .get(&key)
            .is_some_and(|(until, _)| *until > now);
        if alive {
            return false;
        }
        if shard.queue.len() >= MOST_PER_SHARD
            && let Some((_, oldest)) = shard.queue.pop_front()
        {
            shard.entries.remove(&oldest);
        }
        let until = now + self.lifetime;
        shard.queue.push_back((until, key));
        shard.entries.insert(key, (until, value));
        true
    }

    /// Takes an entry out: whoever gets it is the only one.
    pub(super) fn take(&self, now: Time, key: &Key) -> Option<V> {
        let (until, value) = self.shard(key).entries.remove(key)?;
        (until > now).then_some(value)
    }

    /// Looks at, or changes, an entry in place. `read` must be short: a lock is held.
    pub(super) fn with<R>(
        &self,
        now: Time,
        key: &Key,
        read: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let mut shard = self.shard(key);
        let (until, value) = shard.entries.get_mut(key)?;
        (*until > now).then(|| read(value))
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            shard.entries.clear();
            shard.queue.clear();
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, Shard<V>> {
        self.shards[usize::from(key[0]) % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn an_entry_is_taken_once_and_not_after_its_time() {
        let clock = Clock::by_hand();
        let map = Expiring::new(Duration::from_secs(60));
        let key = key_of(&map.issue(clock.now(), 7));
        assert_eq!(map.take(clock.now(), &key), Some(7));
        assert_eq!(map.take(clock.now(), &key), None);
        let key = key_of(&map.issue(clock.now(), 8));
        clock.advance(Duration::from_secs(60));
        assert_eq!(map.with(clock.now(), &key, |v| *v), None);
        assert_eq!(map.take(clock.now(), &key), None);
    }

    #[test]
    fn what_expired_leaves_the_memory_when_others_come() {
        let clock = Clock::by_hand();
        let map = Expiring::new(Duration::from_secs(60));
        for _ in 0..1000 {
            map.issue(clock.now(), ());
        }
        clock.advance(Duration::from_secs(61));
        for _ in 0..1000 {
            map.issue(clock.now(), ());
        }
        let held: usize = map
            .shards
            .iter()
            .map(|s| s.lock().unwrap().queue.len())
            .sum();
        assert!(held < 1100, "{held}");
    }

    #[test]
    fn a_key_is_inserted_once_while_it_lives() {
        let clock = Clock::by_hand();
        let map = Expiring::new(Duration::from_secs(60));
        assert!(map.insert(clock.now(), [1; 32], ()));
        assert!(!map.insert(clock.now(), [1; 32], ()));
        clock.advance(Duration::from_secs(61));
        assert!(map.insert(clock.now(), [1; 32], ()));
    }
}
