//! The quota, judged by an exact sliding log: a call passes when, in every window, fewer than `limit` calls passed in the
//! half-open interval (now − per, now]. No bucket, no approximation: this is what the worker's gate is measured against.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::calls::{QuotaCalls, WindowCalls};
use super::settings::Limit;

pub(super) struct Quota {
    windows: Vec<Window>,
    refused_calls_count: bool,
    calls: QuotaCalls,
}

struct Window {
    limit: Limit,
    /// When the calls in the window came, oldest first.
    log: VecDeque<Instant>,
}

impl Quota {
    pub(super) fn new(limits: &[Limit], refused_calls_count: bool) -> Self {
        let windows = limits.iter().map(|&limit| Window { limit, log: VecDeque::new() }).collect();
        let seen = limits.iter().map(|limit| WindowCalls { limit: limit.limit, per: limit.per, max: 0 }).collect();
        let calls = QuotaCalls { windows: seen, ..QuotaCalls::default() };
        Self { windows, refused_calls_count, calls }
    }

    /// Lets a call through, or says how long it takes until one would be. `now` never goes back between two calls.
    pub(super) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        for window in &mut self.windows {
            window.forget(now);
        }
        let wait = self.windows.iter().filter_map(|window| window.wait(now)).max();
        if wait.is_none() || self.refused_calls_count {
            for (window, seen) in self.windows.iter_mut().zip(&mut self.calls.windows) {
                window.log.push_back(now);
                seen.max = seen.max.max(window.log.len());
            }
        }
        match wait {
            None => self.calls.accepted += 1,
            Some(_) => self.calls.throttled += 1,
        }
        wait.map_or(Ok(()), Err)
    }

    /// How its longest window stands; `None`: it has none.
    pub(super) fn hint(&mut self, now: Instant) -> Option<Hint> {
        let longest = self.windows.iter_mut().max_by_key(|window| window.limit.per)?;
        longest.forget(now);
        let Limit { limit, per } = longest.limit;
        let reset = longest.log.front().map_or(Duration::ZERO, |&call| per.saturating_sub(now.duration_since(call)));
        Some(Hint { allowed: limit, count: longest.log.len(), reset: whole_seconds(reset) })
    }

    /// What it let through so far.
    pub(super) fn calls(&self) -> &QuotaCalls {
        &self.calls
    }
}

/// How the longest window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) allowed: u32,
    pub(super) count: usize,
    /// In seconds.
    pub(super) reset: u64,
}

impl Window {
    fn forget(&mut self, now: Instant) {
        while self.log.front().is_some_and(|&call| now.duration_since(call) >= self.limit.per) {
            self.log.pop_front();
        }
    }

    /// How long the window has no room; `None`: it has.
    fn wait(&self, now: Instant) -> Option<Duration> {
        let limit = usize::try_from(self.limit.limit).unwrap_or(usize::MAX);
        if limit == 0 {
            return Some(self.limit.per);
        }
        // There is room again once this call, the `limit`th from the end, has left the window.
        let leaves = self.log.get(self.log.len().checked_sub(limit)?)?;
        Some(self.limit.per - now.duration_since(*leaves))
    }
}

/// `wait` in whole seconds, as `Retry-After` has it: never shorter, and never 0.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quota(limits: &[&str], refused_calls_count: bool) -> Quota {
        let limits: Vec<Limit> = limits.iter().map(|l| l.parse().unwrap()).collect();
        Quota::new(&limits, refused_calls_count)
    }

    const MS: Duration = Duration::from_millis(1);
    const NS: Duration = Duration::from_nanos(1);

    #[test]
    fn a_hint_is_about_the_longest_window() {
        let (mut longest, start) = (quota(&["1/1s", "10/60s"], false), Instant::now());
        let hint = |count, reset| Some(Hint { allowed: 10, count, reset });
        assert_eq!(longest.hint(start), hint(0, 1));
        for second in 0..3 {
            longest.admit(start + second * 1000 * MS).unwrap();
        }
        assert_eq!(longest.hint(start + 2500 * MS), hint(3, 58));
        assert_eq!(longest.hint(start + 61_000 * MS), hint(1, 1));
        assert_eq!(quota(&[], false).hint(start), None);
    }

    #[test]
    fn a_call_leaves_the_window_exactly_one_window_after_it_came() {
        let mut quota = quota(&["2/1s"], false);
        let start = Instant::now();
        assert_eq!(quota.admit(start), Ok(()));
        assert_eq!(quota.admit(start + 400 * MS), Ok(()));
        assert_eq!(quota.admit(start + 400 * MS), Err(600 * MS));
        assert_eq!(quota.admit(start + 1000 * MS - NS), Err(NS));
        assert_eq!(quota.admit(start + 1000 * MS), Ok(()));
        assert_eq!(quota.admit(start + 1000 * MS), Err(400 * MS));
        let calls = quota.calls();
        assert_eq!((calls.accepted, calls.throttled, calls.windows[0].max), (3, 3, 2));
    }

    #[test]
    fn every_window_must_have_room_and_the_longest_wait_is_told() {
        let mut quota = quota(&["2/1s", "3/60s"], false);
        let start = Instant::now();
        assert_eq!([quota.admit(start), quota.admit(start)], [Ok(()); 2]);
        assert_eq!(quota.admit(start), Err(1000 * MS));
        assert_eq!(quota.admit(start + 1000 * MS), Ok(()));
        assert_eq!(quota.admit(start + 2000 * MS), Err(58_000 * MS));
        assert_eq!(quota.calls().windows.iter().map(|w| w.max).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn refused_calls_can_be_made_to_count() {
        let mut quota = quota(&["1/1s"], true);
        let start = Instant::now();
        assert_eq!(quota.admit(start), Ok(()));
        assert_eq!(quota.admit(start + 900 * MS), Err(100 * MS));
        assert_eq!(quota.admit(start + 1000 * MS), Err(900 * MS));
        assert_eq!(quota.admit(start + 2000 * MS), Ok(()));
        assert_eq!(quota.calls().windows[0].max, 2);
    }

    #[test]
    fn retry_after_is_rounded_up() {
        for (wait, seconds) in [(NS, 1), (1000 * MS, 1), (1000 * MS + NS, 2), (59_999 * MS, 60)] {
            assert_eq!(whole_seconds(wait), seconds, "{wait:?}");
        }
    }

    proptest! {
        /// The rule itself, over all calls so far, is the model.
        #[test]
        fn agrees_with_the_rule(gaps in prop::collection::vec(0_u32..400, 1..200), limit in 1_usize..6, long in 1_usize..20) {
            let mut quota = quota(&[&format!("{limit}/1s"), &format!("{long}/5s")], false);
            let windows = [(limit, 1000 * MS), (long, 5000 * MS)];
            let mut now = Instant::now();
            let mut passed: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += gap * MS;
                let room = |at: Instant| windows.iter().all(|&(n, per)| passed.iter().filter(|&&p| p + per > at).count() < n);
                let expected = room(now);
                match quota.admit(now) {
                    Ok(()) => {
                        prop_assert!(expected);
                        passed.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(!expected);
                        prop_assert!(room(now + wait) && !room(now + wait - NS));
                    }
                }
            }
        }
    }
}
