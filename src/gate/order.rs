//! The line of those who wait: the oldest run first, and of the same run who came first. Who wants an action with windows of its own
//! stands in a lane of the line, so that others can be called while that lane waits.

use std::collections::BTreeMap;

use crate::ports::RunAge;

/// The lane of an action with windows of its own, by its number; `None`: the common one.
pub(super) type Lane = Option<usize>;

/// A place in the line. Ordered as the line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    age: RunAge,
    arrival: u64,
    lane: Lane,
}

/// Who waits, each with `W`, by which to reach them.
pub(super) struct Line<W> {
    /// None of them is empty.
    lanes: BTreeMap<Lane, BTreeMap<Place, W>>,
    arrivals: u64,
}

impl Place {
    pub(super) fn age(self) -> RunAge {
        self.age
    }

    pub(super) fn lane(self) -> Lane {
        self.lane
    }
}

impl<W> Line<W> {
    pub(super) fn new() -> Self {
        Self { lanes: BTreeMap::new(), arrivals: 0 }
    }

    /// Joins the line behind all runs that are as old or older.
    pub(super) fn join(&mut self, lane: Lane, age: RunAge, waiter: W) -> Place {
        let place = Place { age, arrival: self.arrivals, lane };
        self.arrivals += 1;
        self.lanes.entry(lane).or_default().insert(place, waiter);
        place
    }

    /// Gives the place up, or calls who has it. `None` if it was called, or the line was sent home, before.
    pub(super) fn leave(&mut self, place: Place) -> Option<W> {
        let lane = self.lanes.get_mut(&place.lane)?;
        let waiter = lane.remove(&place);
        if lane.is_empty() {
            self.lanes.remove(&place.lane);
        }
        waiter
    }

    /// The first of each lane, in the order of the line, each with what `of` makes of them.
    pub(super) fn firsts<T>(&self, of: impl Fn(&W) -> T) -> Vec<(Place, T)> {
        let firsts = self.lanes.values().filter_map(BTreeMap::first_key_value);
        let mut firsts: Vec<(Place, T)> = firsts.map(|(place, waiter)| (*place, of(waiter))).collect();
        firsts.sort_unstable_by_key(|(place, _)| *place);
        firsts
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.values().map(BTreeMap::len).sum()
    }

    /// How many stand in the common lane.
    pub(super) fn len_in_common(&self) -> usize {
        self.lanes.get(&None).map_or(0, BTreeMap::len)
    }

    /// Sends everybody home.
    pub(super) fn clear(&mut self) {
        self.lanes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<W>(line: &mut Line<W>) -> Option<W> {
        let (place, ()) = *line.firsts(|_| ()).first()?;
        line.leave(place)
    }

    #[test]
    fn the_oldest_run_is_called_first_and_then_who_came_first() {
        let mut line = Line::new();
        for (lane, age, name) in
            [(None, 7, "g"), (Some(1), 3, "c"), (None, 7, "h"), (Some(0), 1, "a"), (None, 3, "d"), (Some(1), 9, "i")]
        {
            line.join(lane, RunAge(age), name);
        }
        assert_eq!((line.len(), line.len_in_common()), (6, 3));
        assert_eq!(line.firsts(|name| *name).into_iter().map(|(_, name)| name).collect::<String>(), "acd");
        let called: Vec<_> = std::iter::from_fn(|| call(&mut line)).collect();
        assert_eq!(called, ["a", "c", "d", "g", "h", "i"]);
        assert_eq!((line.len(), line.len_in_common()), (0, 0));
    }

    #[test]
    fn who_leaves_is_not_called() {
        let mut line = Line::new();
        let first = line.join(Some(0), RunAge(1), "a");
        line.join(None, RunAge(2), "b");
        assert_eq!((first.age(), first.lane()), (RunAge(1), Some(0)));
        assert_eq!(line.leave(first), Some("a"));
        assert_eq!(line.leave(first), None);
        assert_eq!((line.len(), call(&mut line)), (1, Some("b")));
        assert_eq!((line.len(), call(&mut line)), (0, None));
        let gone = line.join(None, RunAge(3), "c");
        line.clear();
        assert_eq!((line.len(), line.leave(gone)), (0, None));
    }
}
