//! What was read of something that others change: the newest of all reads, read without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

/// Holds what was read last, by when the reading began. Of two reads at once, the one that began first
/// may end last; it does not undo what the other found, or a change that was heard of would be forgotten
/// again.
#[derive(Debug)]
pub struct Newest<T> {
    begun: AtomicU64,
    current: ArcSwap<(u64, Arc<T>)>,
}

/// When a reading began; see [`Newest::begin`].
#[derive(Debug)]
#[must_use]
pub struct Begun(u64);

impl<T> Newest<T> {
    /// Starts with this.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            begun: AtomicU64::new(0),
            current: ArcSwap::from_pointee((0, Arc::new(value))),
        }
    }

    /// What is known now; hold it for one request.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        self.current.load().1.clone()
    }

    /// To be called before anything is read.
    pub fn begin(&self) -> Begun {
        Begun(self.begun.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Takes what was read into use, unless a reading that began later was faster; returns what holds.
    pub fn replace(&self, begun: Begun, value: T) -> Arc<T> {
        let new = Arc::new((begun.0, Arc::new(value)));
        self.current.rcu(|known| {
            let newest = if known.0 > begun.0 { known } else { &new };
            newest.clone()
        });
        self.current()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_that_began_earlier_undoes_nothing() {
        let newest = Newest::new("at first");
        let (slow, fast) = (newest.begin(), newest.begin());
        assert_eq!(
            *newest.replace(fast, "after the change"),
            "after the change"
        );
        assert_eq!(*newest.replace(slow, "before it"), "after the change");
        assert_eq!(*newest.current(), "after the change");
        let next = newest.begin();
        assert_eq!(*newest.replace(next, "the next one"), "the next one");
    }
}
