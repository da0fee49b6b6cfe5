//! Which of a tenant's deliveries in hand is accepted next, and when. Pure: time, the gate's forecast and the state of
//! channels come in as values.
//!
//! A run's clock starts when it is accepted, so a chain that only waits for its turn is better not accepted yet. One is
//! accepted as soon as the gate can be expected to serve it shortly, so that the gate never idles while something waits. Of
//! chains that have begun this says nothing: at the gate they are older, and go first.
//!
//! A tenant of which nothing is in motion needs no rule of its own: nobody stands at its gate, so the forecast shrinks with
//! time alone, and a pause is waited for unaccepted.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// One more chain is accepted when the gate would serve it within this time. Long enough for a claim, a token and the journal,
/// so that the next one is at the gate in time; short, since every chain at the gate is overtaken by all steps of those before.
pub(super) const AHEAD: Duration = Duration::from_secs(1);
/// A delivery is not held unaccepted for longer. RabbitMQ closes the channel of one that is not settled for 30 minutes; a run may
/// take 15 of them, and its result has to leave.
pub(super) const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Between two looks at those who wait.
const SOONEST_LOOK: Duration = Duration::from_millis(20);
const LATEST_LOOK: Duration = Duration::from_millis(250);

/// The unaccepted deliveries of one tenant, the oldest first.
pub(super) struct Lane<T> {
    waiting: VecDeque<Waiting<T>>,
    /// It was said that deliveries go back.
    told: bool,
}

struct Waiting<T> {
    delivery: T,
    since: Instant,
    expires_at: Option<Timestamp>,
}

/// What there is to do with a lane.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<T> {
    /// Start this one's run, and ask again.
    Accept(T),
    /// It waited too long: back to the queue with it; ask again.
    GiveBack {
        /// Which one.
        delivery: T,
        /// None of this lane went back since it was empty.
        first: bool,
    },
    /// Ask again after this time.
    LookAgain(Duration),
    /// Nobody waits.
    Empty,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), told: false }
    }
}

impl<T> Lane<T> {
    /// Joins the line. Without a call by `expires_at`, the run ends without one.
    pub(super) fn join(&mut self, delivery: T, now: Instant, expires_at: Option<Timestamp>) {
        self.waiting.push_back(Waiting { delivery, since: now, expires_at });
    }

    /// One that waited too long. To be asked first, and until there is none. One whose channel is lost (not `usable`) says nothing
    /// about how long others wait: it was in nobody's way.
    pub(super) fn overdue(&mut self, now: Instant, usable: impl Fn(&T) -> bool) -> Option<Turn<T>> {
        if self.waiting.front().is_none_or(|first| now - first.since < LONGEST) {
            return None;
        }
        let delivery = self.waiting.pop_front()?.delivery;
        let first = usable(&delivery) && !std::mem::replace(&mut self.told, true);
        Some(Turn::GiveBack { delivery, first })
    }

    /// What there is to do when a newcomer would wait for `line` at the gate. Whose channel is lost (not `usable`) is passed over:
    /// its message may be another worker's by now, or it comes again and has kept its place.
    pub(super) fn next(&mut self, time_of_day: Timestamp, line: Duration, usable: impl Fn(&T) -> bool) -> Turn<T> {
        if self.waiting.is_empty() {
            self.told = false;
            return Turn::Empty;
        }
        let expired = |one: &Waiting<T>| one.expires_at.is_some_and(|at| at <= time_of_day);
        let may_enter = line < AHEAD;
        let next = self.waiting.iter().position(|one| (may_enter || expired(one)) && usable(&one.delivery));
        match next.and_then(|place| self.waiting.remove(place)) {
            Some(next) => Turn::Accept(next.delivery),
            None => {
                let look = line.saturating_sub(AHEAD).clamp(SOONEST_LOOK, LATEST_LOOK);
                Turn::LookAgain(self.next_to_expire(time_of_day).map_or(look, |expires| look.min(expires)))
            }
        }
    }

    /// How long until the first of them expires; of those that have, nothing.
    fn next_to_expire(&self, time_of_day: Timestamp) -> Option<Duration> {
        let left =
            self.waiting.iter().filter_map(|one| Duration::try_from(one.expires_at?.duration_since(time_of_day)).ok());
        // A timer's grain more, so that it is over by the time of day as well.
        left.filter(|left| !left.is_zero()).min().map(|left| left + Duration::from_millis(1))
    }

    /// Takes the oldest of these out.
    pub(super) fn take_one(&mut self, which: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.waiting.iter().position(|one| which(&one.delivery))?;
        self.waiting.remove(place).map(|one| one.delivery)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends all away, the oldest first.
    pub(super) fn clear(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(&mut self.waiting).into_iter().map(|one| one.delivery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::UNIX_EPOCH;
    const NOW: Duration = Duration::ZERO;
    const FAR: Duration = Duration::from_secs(3600);

    fn lane(deliveries: &[(u32, Option<i64>)]) -> Lane<u32> {
        let mut lane = Lane::default();
        for (delivery, expires_in) in deliveries {
            let expires_at = expires_in.map(|seconds| Timestamp::from_second(seconds).unwrap());
            lane.join(*delivery, Instant::now(), expires_at);
        }
        lane
    }

    /// Everything that is done at a look, where each accepted one adds `each` to the line.
    fn look(lane: &mut Lane<u32>, line: Duration, each: Duration) -> (Vec<u32>, Turn<u32>) {
        let mut accepted = Vec::new();
        loop {
            let line = line + each * u32::try_from(accepted.len()).unwrap();
            match lane.next(NOON, line, |_| true) {
                Turn::Accept(one) => accepted.push(one),
                turn => return (accepted, turn),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_limits_are_ample_all_are_accepted_at_once_in_their_order() {
        let mut all = lane(&[(3, None), (1, None), (2, None)]);
        assert_eq!(look(&mut all, NOW, NOW), (vec![3, 1, 2], Turn::Empty));
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_are_accepted_as_the_gate_serves_shortly() {
        let table = [
            // (line, pace, how many of twenty)
            (0, 100, 10),
            (0, 400, 3),
            (900, 100, 1),
            (999, 60_000, 1),
            (1_000, 100, 0),
            (3_600_000, 100, 0),
            (0, 3_600_000, 1),
        ];
        for (line, pace, expected) in table {
            let deliveries: Vec<_> = (0..20).map(|n| (n, None)).collect();
            let mut lane = lane(&deliveries);
            let (accepted, turn) = look(&mut lane, Duration::from_millis(line), Duration::from_millis(pace));
            assert_eq!(accepted.len(), expected, "line {line} ms, pace {pace} ms");
            assert!(matches!(turn, Turn::LookAgain(_)));
            assert_eq!(lane.len(), 20 - expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_look_comes_when_the_line_may_be_short_enough() {
        let table = [(1_000, 20), (1_100, 100), (1_250, 250), (9_000, 250)];
        for (line, look) in table {
            let turn = lane(&[(1, None)]).next(NOON, Duration::from_millis(line), |_| true);
            assert_eq!(turn, Turn::LookAgain(Duration::from_millis(look)), "line {line} ms");
        }
        let soon = NOON + Duration::from_millis(70);
        let mut lane = lane(&[(1, None)]);
        lane.join(2, Instant::now(), Some(soon));
        assert_eq!(lane.next(NOON, FAR, |_| true), Turn::LookAgain(Duration::from_millis(71)), "one expires before");
        assert_eq!(
            lane.next(soon, FAR, |_| false),
            Turn::LookAgain(LATEST_LOOK),
            "it is over, and its channel is lost"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_expired_waits_for_nobody() {
        let mut lane = lane(&[(1, None), (2, Some(1)), (3, Some(0)), (4, Some(-9))]);
        assert_eq!(look(&mut lane, FAR, NOW).0, [3, 4]);
        assert_eq!(look(&mut lane, NOW, NOW).0, [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_whose_channel_is_lost_keeps_its_place_and_is_not_accepted() {
        let mut lane = lane(&[(1, None), (2, Some(-1)), (3, None)]);
        assert_eq!(lane.next(NOON, NOW, |&one| one == 3), Turn::Accept(3));
        assert_eq!(lane.next(NOON, NOW, |_| false), Turn::LookAgain(SOONEST_LOOK));
        assert_eq!(lane.next(NOON, NOW, |_| true), Turn::Accept(1));
        assert_eq!((lane.take_one(|_| false), lane.take_one(|_| true), lane.len()), (None, Some(2), 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_held_for_longer_than_ten_minutes_and_that_is_said_once() {
        let mut lane = lane(&[(1, None), (2, None)]);
        tokio::time::advance(LONGEST / 2).await;
        lane.join(3, Instant::now(), None);
        tokio::time::advance(LONGEST / 2 - Duration::from_millis(1)).await;
        assert_eq!(lane.overdue(Instant::now(), |_| true), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(lane.overdue(Instant::now(), |_| true), Some(Turn::GiveBack { delivery: 1, first: true }));
        assert_eq!(lane.overdue(Instant::now(), |_| true), Some(Turn::GiveBack { delivery: 2, first: false }));
        assert_eq!(lane.overdue(Instant::now(), |_| true), None);
        tokio::time::advance(LONGEST).await;
        assert_eq!(lane.overdue(Instant::now(), |_| true), Some(Turn::GiveBack { delivery: 3, first: false }));
        assert_eq!(lane.next(NOON, NOW, |_| true), Turn::Empty);
        lane.join(4, Instant::now() - LONGEST, None);
        assert_eq!(
            lane.overdue(Instant::now(), |_| true),
            Some(Turn::GiveBack { delivery: 4, first: true }),
            "a new queue"
        );
    }
}
