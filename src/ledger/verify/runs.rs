//! Leaves whose record is not there, kept as runs: a year of retired months takes a few lines of memory.

use uuid::Uuid;

use crate::ledger::verify::{Finding, In, What};

/// Leaves `first <= leaf < end` of one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) end: u64,
    /// The record at the first, if that is still known.
    pub(super) id: Option<Uuid>,
}

impl Run {
    pub(super) fn leaves(self) -> u64 {
        self.end - self.first
    }

    /// What is left of it outside these ranges, which are in order.
    pub(super) fn outside(self, ranges: &[(u64, u64)]) -> Vec<Self> {
        let piece = |first: u64, end: u64| Self {
            first,
            end,
            id: self.id.filter(|_| first == self.first),
        };
        let mut left = Vec::new();
        let mut at = self.first;
        for &(first, end) in ranges {
            if first >= self.end {
                break;
            }
            if first > at {
                left.push(piece(at, first));
            }
            at = at.max(end);
        }
        if at < self.end {
            left.push(piece(at, self.end));
        }
        left
    }

    /// The finding that its records are gone.
    pub(super) fn gone(self, origin: &str) -> Finding {
        let message = match self.leaves() {
            1 => "the record sealed here is gone, and no sealed record says that it was retired"
                .to_owned(),
            leaves => format!(
                "the records sealed at {leaves} leaves, to {}, are gone, and no sealed record says that \
                 they were retired",
                self.end - 1
            ),
        };
        In(origin).at(What::Gone, self.first, self.id, message)
    }
}

/// Runs by log.
#[derive(Debug, Default)]
pub(super) struct Runs(Vec<(String, Run)>);

impl Runs {
    /// Adds a leaf; those of a log come in order.
    pub(super) fn add(&mut self, origin: &str, leaf: u64, id: Option<Uuid>) {
        match self.0.last_mut() {
            Some((of, run)) if of == origin && run.end == leaf => run.end += 1,
            _ => {
                let (first, end) = (leaf, leaf + 1);
                self.0.push((origin.to_owned(), Run { first, end, id }));
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, Run)> {
        self.0.iter().map(|(origin, run)| (origin.as_str(), *run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u64, end: u64) -> Run {
        Run {
            first,
            end,
            id: None,
        }
    }

    #[test]
    fn leaves_that_follow_each_other_are_one_run() {
        let mut runs = Runs::default();
        for (origin, leaf) in [("a", 3), ("a", 4), ("a", 6), ("b", 7)] {
            runs.add(origin, leaf, None);
        }
        let all: Vec<_> = runs.iter().collect();
        assert_eq!(all, [("a", run(3, 5)), ("a", run(6, 7)), ("b", run(7, 8))]);
    }

    #[test]
    fn what_a_tombstone_does_not_name_is_left() {
        let whole = run(10, 20);
        assert_eq!(whole.outside(&[]), [whole]);
        assert_eq!(whole.outside(&[(0, 30)]), []);
        assert_eq!(whole.outside(&[(0, 12), (11, 15), (19, 40)]), [run(15, 19)]);
        assert_eq!(
            whole.outside(&[(13, 14), (20, 25)]),
            [run(10, 13), run(14, 20)]
        );
    }

    #[test]
    fn the_record_of_the_first_leaf_is_named_only_there() {
        let whole = Run {
            id: Some(Uuid::max()),
            ..run(1, 9)
        };
        let left = whole.outside(&[(4, 5)]);
        assert_eq!((left[0].id, left[1].id), (Some(Uuid::max()), None));
    }
}
