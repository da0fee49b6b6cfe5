//! All windows of a tenant, taken together or not at all.
//!
//! Called by the gate's core, which owns the time. Invariants, held by the property tests beside: where every use follows its
//! grant within the slack, at most `limit` uses fall into any closed window of `per`; a refusal changes nothing; under lasting
//! demand the grants come at the pace of the slowest window.

use std::cmp::Reverse;
use std::time::Duration;

use super::clock::{Frozen, Nanos, nanos};
use super::limit::{Limit, Pace};
use super::window::Window;

/// The most slack there is; a minute is far beyond what a permit needs on its way to the socket.
const SLACK_MAX: Duration = Duration::from_secs(60);

/// The limits of one tenant as this worker holds them.
pub(super) struct Windows {
    /// Longest first.
    windows: Vec<Window>,
    clock: Frozen,
    slack: Nanos,
    /// The longest of the windows' intervals.
    interval: Nanos,
    /// The last take. No take comes before it: time that ran backwards would count a use too late.
    last: Nanos,
}

impl Windows {
    /// Windows that are all ready at instant 0. No limits: always ready. `slack` above a minute is taken as a minute, no
    /// workers as one. See [`Limit::pace`] for what `workers` together hold.
    pub(super) fn new(limits: &[Limit], slack: Duration, workers: u32) -> Self {
        let slack = nanos(slack.min(SLACK_MAX));
        let clock = Frozen::default();
        let mut limits = limits.to_vec();
        limits.sort_by_key(|limit| Reverse(limit.per()));
        let paces: Vec<Pace> = limits.iter().map(|limit| limit.pace(slack, workers)).collect();
        let interval = paces.iter().map(|pace| pace.interval).max().unwrap_or(0);
        let windows = paces.into_iter().map(|pace| Window::new(pace, clock.clone())).collect();
        Self { windows, clock, slack, interval, last: 0 }
    }

    /// How long after its take a request may be made.
    pub(super) fn slack(&self) -> Nanos {
        self.slack
    }

    /// The time between two takes under lasting demand: the slowest window's. Without limits 0.
    pub(super) fn interval(&self) -> Nanos {
        self.interval
    }

    /// The first instant at which [`take`](Self::take) succeeds.
    pub(super) fn ready_at(&self) -> Nanos {
        self.windows.iter().map(Window::ready_at).fold(self.last, Nanos::max)
    }

    /// Takes one cell of every window at the instant `now`, the longest window first.
    ///
    /// # Errors
    /// The instant from which it can succeed, when that is later than `now`. Nothing is taken then.
    pub(super) fn take(&mut self, now: Nanos) -> Result<(), Nanos> {
        if now < self.ready_at() {
            return Err(self.ready_at());
        }
        self.last = now;
        self.clock.set(now);
        // Every window was asked for its ready instant at its last take, and all of them lie behind, so none refuses. Should one
        // do so all the same, the cells taken before it are spent on nothing: fewer requests than allowed, never more.
        self.windows.iter_mut().try_for_each(|window| window.take(now)).map_err(|_| self.ready_at())
    }
}

#[cfg(test)]
mod tests;
