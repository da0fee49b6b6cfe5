//! The line of those who wait: the oldest run first, and of the same run who came first.

use std::collections::BTreeMap;

use crate::ports::RunAge;

/// A place in the line. Ordered as the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    age: RunAge,
    arrival: u64,
}

/// Who waits, each with `W`, by which to reach them.
pub(super) struct Line<W> {
    waiting: BTreeMap<Place, W>,
    arrivals: u64,
}

impl<W> Line<W> {
    pub(super) fn new() -> Self {
        Self { waiting: BTreeMap::new(), arrivals: 0 }
    }

    /// Joins the line behind all runs that are as old or older.
    pub(super) fn join(&mut self, age: RunAge, waiter: W) -> Place {
        let place = Place { age, arrival: self.arrivals };
        self.arrivals += 1;
        self.waiting.insert(place, waiter);
        place
    }

    /// Gives the place up. `None` if it was called, or the line was sent home, before.
    pub(super) fn leave(&mut self, place: Place) -> Option<W> {
        self.waiting.remove(&place)
    }

    /// Calls the first of the line.
    pub(super) fn call(&mut self) -> Option<W> {
        self.waiting.pop_first().map(|(_, waiter)| waiter)
    }

    /// The first of the line.
    pub(super) fn first(&self) -> Option<&W> {
        self.waiting.first_key_value().map(|(_, waiter)| waiter)
    }

    /// Whether a newcomer of this age would not be the first.
    pub(super) fn is_before(&self, age: RunAge) -> bool {
        self.waiting.first_key_value().is_some_and(|(place, _)| place.age <= age)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends everybody home.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_run_is_called_first_and_then_who_came_first() {
        let mut line = Line::new();
        for (age, name) in [(7, "g"), (3, "c"), (7, "h"), (1, "a"), (3, "d")] {
            line.join(RunAge(age), name);
        }
        let called: Vec<_> = std::iter::from_fn(|| line.call()).collect();
        assert_eq!(called, ["a", "c", "d", "g", "h"]);
    }

    #[test]
    fn who_leaves_is_not_called() {
        let mut line = Line::new();
        let first = line.join(RunAge(1), "a");
        line.join(RunAge(2), "b");
        assert_eq!(line.leave(first), Some("a"));
        assert_eq!(line.leave(first), None);
        assert_eq!((line.len(), line.call()), (1, Some("b")));
        assert_eq!((line.len(), line.first()), (0, None));
    }

    #[test]
    fn only_an_older_run_comes_before_those_who_wait() {
        let mut line = Line::new();
        assert!(!line.is_before(RunAge(5)));
        line.join(RunAge(5), ());
        assert!(!line.is_before(RunAge(4)));
        assert!(line.is_before(RunAge(5)) && line.is_before(RunAge(6)));
        line.clear();
        assert!(!line.is_before(RunAge(6)));
    }
}
