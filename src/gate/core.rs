//! The gate of one tenant as a synchronous state machine on a clock that the caller gives.
//!
//! [`tenant`](super::tenant) asks it for the next [`Turn`] whenever something happened, and tells it what happened. Invariants:
//! never more permits out than the ramp's width; none while a pause is on; each backed by one cell of every window of the tenant and,
//! in an action's lane, of the action, and used within the slack of that cell's instant or not at all. Who waits for its action's
//! windows holds no cell, and nobody of another lane up.

use std::time::Duration;

use super::clock::Nanos;
use super::order::{Lane, Line, Place};
use super::pause::Pause;
use super::ramp::{Era, Ramp};
use super::tenure::Tenure;
use super::windows::Windows;
use crate::ports::{Outcome, RunAge};

/// Leave for one request, counted as of `at` and to be used within the slack of it, not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// Not always the instant of the call: up to half the slack before it, or after it for who asked with a lead.
    pub(super) at: Nanos,
    /// To be given back with the outcome.
    pub(super) era: Era,
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn<W> {
    /// Hand this waiter its grant, and ask again.
    Grant(W, Grant),
    /// Ask again at this instant, or when something happened.
    At(Nanos),
    /// Ask again when something happened.
    Idle,
}

/// Why there is no grant now.
enum Not {
    /// Not before this instant.
    Before(Nanos),
    /// Not before a request is over.
    Full,
}

/// Who waits.
struct Waiter<W> {
    lead: Nanos,
    reach: W,
}

/// One tenant's gate. `W` is what reaches a waiter.
pub(super) struct Core<W> {
    windows: Windows,
    /// Those of actions, by their lanes.
    lanes: Vec<Windows>,
    line: Line<Waiter<W>>,
    pause: Pause,
    ramp: Ramp,
    in_flight: usize,
    tenure: Tenure,
    /// Instants of cells whose grants never reached anybody.
    spare: Vec<Nanos>,
}

impl<W> Core<W> {
    pub(super) fn new(windows: Windows, lanes: Vec<Windows>, max_concurrent: usize) -> Self {
        Self {
            windows,
            lanes,
            line: Line::new(),
            pause: Pause::default(),
            ramp: Ramp::new(max_concurrent),
            in_flight: 0,
            tenure: Tenure::default(),
            spare: Vec::new(),
        }
    }

    /// `lead` is the time between its grant and its request.
    pub(super) fn join(&mut self, lane: Lane, age: RunAge, lead: Nanos, reach: W) -> Place {
        self.line.join(lane, age, Waiter { lead, reach })
    }

    /// `None` if the waiter was called already.
    pub(super) fn leave(&mut self, place: Place) -> Option<W> {
        self.line.leave(place).map(|waiter| waiter.reach)
    }

    /// Sends all waiters home.
    pub(super) fn dismiss(&mut self) {
        self.line.clear();
    }

    /// What there is to do at `now`. To be asked until it grants no more.
    pub(super) fn turn(&mut self, now: Nanos) -> Turn<W> {
        let mut soonest: Option<Nanos> = None;
        for (place, lead) in self.line.firsts(|waiter| waiter.lead) {
            if let Err(instant) = self.lane_open(place.lane(), now, lead) {
                soonest = Some(soonest.map_or(instant, |other| other.min(instant)));
                continue;
            }
            return match self.admit(now, lead, place.lane()) {
                Ok(grant) => self.line.leave(place).map_or(Turn::Idle, |waiter| Turn::Grant(waiter.reach, grant)),
                Err(Not::Before(instant)) => Turn::At(soonest.map_or(instant, |other| other.min(instant))),
                Err(Not::Full) => Turn::Idle,
            };
        }
        soonest.map_or(Turn::Idle, Turn::At)
    }

    /// A grant for who does not wait, if nobody as old or older does, but for its action's windows alone. Only in the common lane.
    pub(super) fn at_once(&mut self, age: RunAge, now: Nanos) -> Option<Grant> {
        let firsts = self.line.firsts(|waiter| waiter.lead);
        let mut before = firsts.into_iter().filter(|(place, _)| place.age() <= age);
        if before.any(|(place, lead)| self.lane_open(place.lane(), now, lead).is_ok()) {
            return None;
        }
        self.admit(now, 0, None).ok()
    }

    /// A grant did not reach its waiter, so it was certainly not used: its cell goes to the next one while it is fresh.
    pub(super) fn give_back(&mut self, grant: Grant) {
        self.in_flight -= 1;
        self.spare.push(grant.at);
    }

    /// A request is over, or its permit was given up (`None`).
    pub(super) fn finish(&mut self, grant: Grant, outcome: Option<Outcome>, now: Nanos) {
        self.in_flight -= 1;
        if outcome.is_some() {
            self.tenure.saw(now.saturating_sub(grant.at));
        }
        match outcome {
            Some(Outcome::Answered) => self.ramp.answered(grant.era),
            Some(Outcome::Throttled(at_least)) => {
                self.pause.hold(now, at_least);
                self.ramp.restart();
            }
            Some(Outcome::Trouble) | None => {}
        }
    }

    /// How long a grant may be used, from its instant.
    pub(super) fn slack(&self) -> Nanos {
        self.windows.slack()
    }

    pub(super) fn waiting(&self) -> usize {
        self.line.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(super) fn paused_for(&self, now: Nanos) -> Option<Duration> {
        self.pause.end(now).map(|end| Duration::from_nanos(end - now))
    }

    /// How long who comes now would wait behind the line and `others` who are about to join it: until a pause is over, then at
    /// the pace of the slowest window, and no faster than places under `max_concurrent` become free. What bursts save is
    /// left out.
    pub(super) fn wait_behind(&self, others: usize, now: Nanos) -> Duration {
        // In the lane of an action only the first can be before a newcomer, and only if it does not wait for its action's windows.
        let lanes = self.line.firsts(|waiter| waiter.lead).into_iter().filter(|(place, _)| place.lane().is_some());
        let called = lanes.filter(|(place, lead)| self.lane_open(place.lane(), now, *lead).is_ok()).count();
        let ahead = self.line.len_in_common() + called + others;
        let times = |number: usize, each: Nanos| each.saturating_mul(Nanos::try_from(number).unwrap_or(Nanos::MAX));
        let start = self.pause.end(now).unwrap_or(now).max(self.windows.ready_at());
        let width = self.ramp.width();
        let short_of_places = (ahead + 1).saturating_sub(width.saturating_sub(self.in_flight));
        let places = times(short_of_places, self.tenure.usual()) / Nanos::try_from(width).unwrap_or(Nanos::MAX);
        let line = times(ahead, self.windows.interval()).max(places);
        Duration::from_nanos(start.saturating_sub(now).saturating_add(line))
    }

    /// Half the slack is there for what is done between grant and request. A longer lead is what the grant has to come ahead of the
    /// instant that it is counted for: otherwise it would be stale whenever it is to be used, and its cell lost.
    fn admit(&mut self, now: Nanos, lead: Nanos, lane: Lane) -> Result<Grant, Not> {
        if self.in_flight >= self.ramp.width() {
            return Err(Not::Full);
        }
        if let Some(end) = self.pause.end(now) {
            return Err(Not::Before(end));
        }
        let ahead = self.ahead(lead);
        let cell = self.cell(now.saturating_add(ahead), lane);
        let at = cell.map_err(|ready| Not::Before(ready.saturating_sub(ahead)))?;
        self.in_flight += 1;
        Ok(Grant { at, era: self.ramp.era() })
    }

    /// How long before the instant that it is counted for a grant with this lead comes.
    fn ahead(&self, lead: Nanos) -> Nanos {
        lead.saturating_sub(self.windows.slack() / 2)
    }

    /// Whether the windows of the lane itself let a grant with this lead come at `now`; else, from when on they do.
    fn lane_open(&self, lane: Lane, now: Nanos, lead: Nanos) -> Result<(), Nanos> {
        let ready = self.lane_ready(lane);
        let ahead = self.ahead(lead);
        if ready <= now.saturating_add(ahead) { Ok(()) } else { Err(ready - ahead) }
    }

    fn lane_ready(&self, lane: Lane) -> Nanos {
        lane.and_then(|lane| self.lanes.get(lane)).map_or(0, Windows::ready_at)
    }

    /// A cell of every window, and the instant it is counted for; or the instant from which there can be one.
    ///
    /// Timers fire late, by a millisecond (the grain of tokio's) and more. A cell that became ready a moment ago is counted for when it became ready, and
    /// its grant has the rest of the slack left, at least half. So lateness costs no throughput, and the bound holds, because
    /// a use still comes within the slack of its cell's instant.
    fn cell(&mut self, now: Nanos, lane: Lane) -> Result<Nanos, Nanos> {
        let slack = self.windows.slack();
        let of_lane = self.lane_ready(lane);
        self.spare.retain(|at| now.saturating_sub(*at) <= slack);
        let spare = self.spare.iter().position(|at| (of_lane..=now).contains(at));
        let at = match spare {
            Some(place) => self.spare.swap_remove(place),
            None => {
                let ready = self.windows.ready_at().max(of_lane);
                if ready > now {
                    let spare = self.spare.iter().copied().filter(|at| *at >= of_lane);
                    return Err(spare.fold(ready, Nanos::min));
                }
                let at = if now - ready <= slack / 2 { ready } else { now };
                self.windows.take(at)?;
                at
            }
        };
        if let Some(windows) = lane.and_then(|lane| self.lanes.get_mut(lane)) {
            windows.take(at)?;
        }
        Ok(at)
    }
}

#[cfg(test)]
mod lanes;
#[cfg(test)]
mod tests;
