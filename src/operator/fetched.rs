//! What we fetch from operators and keep a while: discovery documents and signing keys. One fetch
//! at a time per operator; everybody else waits for it. A failed one is remembered shortly, so that
//! those who waited do not queue up to fail one after another.

use std::sync::Arc;

use chrono::TimeDelta;
use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};
use uuid::Uuid;

use crate::clock::Time;
use crate::operator::errors::Failure;

/// How long a failed fetch answers for the next ones.
const FAILURE: TimeDelta = TimeDelta::seconds(5);
/// The shortest time between two fetches that a doubt about the kept value asks for.
const DOUBT: TimeDelta = TimeDelta::seconds(30);
/// How far another request's time may lie after ours.
const SKEW: TimeDelta = TimeDelta::seconds(60);
/// More operators than anybody has.
const CAPACITY: u64 = 1_000;

/// An operator's row in one revision.
pub(super) type Key = (Uuid, i32);

/// A shelf of fetched values.
pub(super) struct Fetched<V> {
    shelf: Cache<Key, Arc<Entry<V>>>,
    lifetime: TimeDelta,
}

struct Entry<V> {
    value: Option<(Arc<V>, Time)>,
    /// When it was last tried, and how that failed.
    tried_at: Time,
    failure: Option<Failure>,
}

impl<V> Clone for Fetched<V> {
    fn clone(&self) -> Self {
        Self {
            shelf: self.shelf.clone(),
            lifetime: self.lifetime,
        }
    }
}

impl<V: Send + Sync + 'static> Fetched<V> {
    /// Values are good for `lifetime`, also while the operator is down.
    pub(super) fn new(lifetime: TimeDelta) -> Self {
        Self {
            shelf: Cache::new(CAPACITY),
            lifetime,
        }
    }

    /// The kept value, or a fresh one.
    pub(super) async fn get<A>(
        &self,
        key: Key,
        now: Time,
        fetch: impl FnOnce() -> A + Send,
    ) -> Result<Arc<V>, Failure>
    where
        A: Future<Output = Result<V, Failure>> + Send,
    {
        let lifetime = self.lifetime;
        let answer = move |entry: &Entry<V>| {
            if let Some((value, fetched_at)) = &entry.value
                && within(lifetime, *fetched_at, now)
            {
                return Some(Ok(value.clone()));
            }
            let failure = entry.failure.as_ref()?;
            within(FAILURE, entry.tried_at, now).then(|| Err(failure.clone()))
        };
        self.get_or(key, now, answer, fetch).await
    }

    /// A value newer than the one that raised a doubt, if the last fetch is long enough ago;
    /// otherwise the kept one, which is all there is to have.
    pub(super) async fn refresh<A>(
        &self,
        key: Key,
        now: Time,
        fetch: impl FnOnce() -> A + Send,
    ) -> Result<Arc<V>, Failure>
    where
        A: Future<Output = Result<V, Failure>> + Send,
    {
        let answer =
            move |entry: &Entry<V>| within(DOUBT, entry.tried_at, now).then(|| entry.last_try());
        self.get_or(key, now, answer, fetch).await
    }

    async fn get_or<A>(
        &self,
        key: Key,
        now: Time,
        answer: impl Fn(&Entry<V>) -> Option<Result<Arc<V>, Failure>> + Send,
        fetch: impl FnOnce() -> A + Send,
    ) -> Result<Arc<V>, Failure>
    where
        A: Future<Output = Result<V, Failure>> + Send,
    {
        if let Some(answer) = self.shelf.get(&key).await.and_then(|entry| answer(&entry)) {
            return answer;
        }
        // Boxed, for it is large and hardly ever comes to this: a login carries its steps with it.
        Box::pin(self.fetch(key, now, answer, fetch)).await
    }

    async fn fetch<A>(
        &self,
        key: Key,
        now: Time,
        answer: impl Fn(&Entry<V>) -> Option<Result<Arc<V>, Failure>> + Send,
        fetch: impl FnOnce() -> A + Send,
    ) -> Result<Arc<V>, Failure>
    where
        A: Future<Output = Result<V, Failure>> + Send,
    {
        let computed = self
            .shelf
            .entry(key)
            .and_compute_with(|kept| async {
                let kept = kept.map(|entry| entry.into_value());
                // Somebody else may have fetched it while we waited for our turn.
                if kept.as_ref().is_some_and(|entry| answer(entry).is_some()) {
                    return Op::Nop;
                }
                let (value, failure) = match fetch().await {
                    Ok(value) => (Some((Arc::new(value), now)), None),
                    Err(failure) => {
                        let old = kept.and_then(|entry| entry.value.clone());
                        (old, Some(failure))
                    }
                };
                Op::Put(Arc::new(Entry {
                    value,
                    tried_at: now,
                    failure,
                }))
            })
            .await;
        match computed {
            CompResult::Unchanged(entry) => {
                let entry = entry.into_value();
                answer(&entry).unwrap_or_else(|| entry.last_try())
            }
            CompResult::Inserted(entry)
            | CompResult::ReplacedWith(entry)
            | CompResult::Removed(entry) => entry.into_value().last_try(),
            CompResult::StillNone(_) => Err(nothing()),
        }
    }
}

impl<V> Entry<V> {
    fn last_try(&self) -> Result<Arc<V>, Failure> {
        match (&self.failure, &self.value) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some((value, _))) => Ok(value.clone()),
            (None, None) => Err(nothing()),
        }
    }
}

fn nothing() -> Failure {
    Failure::misconfigured("nothing was fetched")
}

fn within(span: TimeDelta, since: Time, now: Time) -> bool {
    let age = now - since;
    -SKEW <= age && age < span
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::clock::Clock;
    use crate::verdict::Outcome;

    fn key() -> Key {
        (Uuid::nil(), 1)
    }

    fn down() -> Failure {
        Failure::new(Outcome::OperatorUnavailable, "down")
    }

    #[tokio::test]
    async fn many_who_ask_at_once_cause_one_fetch() {
        let shelf = Fetched::new(TimeDelta::hours(1));
        let fetches = AtomicU32::new(0);
        let now = Clock::system().now();
        let fetch = || async {
            let nth = fetches.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            if nth == 0 { Err(down()) } else { Ok(nth) }
        };
        let (a, b, c) = tokio::join!(
            shelf.get(key(), now, fetch),
            shelf.get(key(), now, fetch),
            shelf.get(key(), now, fetch)
        );
        assert!(
            a.is_err() && b.is_err() && c.is_err(),
            "a failure is shared too"
        );
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        let later = now + TimeDelta::seconds(6);
        let (a, b) = tokio::join!(
            shelf.get(key(), later, fetch),
            shelf.get(key(), later, fetch)
        );
        assert_eq!((*a.unwrap(), *b.unwrap()), (1, 1));
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_value_is_used_until_its_time_is_up_even_while_the_operator_is_down() {
        let shelf = Fetched::new(TimeDelta::hours(1));
        let now = Clock::system().now();
        assert_eq!(*shelf.get(key(), now, || async { Ok(1) }).await.unwrap(), 1);
        let soon = now + TimeDelta::minutes(59);
        assert_eq!(
            *shelf
                .get(key(), soon, || async { Err(down()) })
                .await
                .unwrap(),
            1
        );
        let late = now + TimeDelta::minutes(61);
        assert!(
            shelf
                .get(key(), late, || async { Err(down()) })
                .await
                .is_err()
        );
        // Not even the fetch that failed can bring the old value back.
        assert!(shelf.get(key(), late, || async { Ok(2) }).await.is_err());
        let later = late + TimeDelta::seconds(6);
        assert_eq!(
            *shelf.get(key(), later, || async { Ok(2) }).await.unwrap(),
            2
        );
    }

    #[tokio::test]
    async fn doubts_cause_one_fetch_in_thirty_seconds() {
        let shelf = Fetched::new(TimeDelta::hours(1));
        let now = Clock::system().now();
        let at = |seconds| now + TimeDelta::seconds(seconds);
        assert_eq!(*shelf.get(key(), now, || async { Ok(1) }).await.unwrap(), 1);
        assert_eq!(
            *shelf
                .refresh(key(), at(29), || async { Ok(2) })
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            *shelf
                .refresh(key(), at(31), || async { Ok(3) })
                .await
                .unwrap(),
            3
        );
        assert_eq!(
            *shelf
                .refresh(key(), at(32), || async { Ok(4) })
                .await
                .unwrap(),
            3
        );
        assert!(
            shelf
                .refresh(key(), at(62), || async { Err(down()) })
                .await
                .is_err()
        );
        assert_eq!(
            *shelf.get(key(), at(63), || async { Ok(5) }).await.unwrap(),
            3
        );
    }
}
