//! One tenant's core, with a lock, a clock and a timer task around it.
//!
//! Whoever changes something (a newcomer, a request that is over, a waiter that leaves) moves the core on there and then, under
//! the lock; the timer task does so when time alone has changed something. What passes to a waiter is a bare [`Grant`];
//! it becomes a permit where the waiter receives it, so a grant that is not received can be told from a permit that is dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep};

use super::clock::{Nanos, nanos};
use super::core::{Core, Grant, Turn};
use super::local::GateStatus;
use super::order::{Lane, Place};
use crate::chain::ActionId;
use crate::ports::{GateClosed, Outcome, Permit, RunAge, Slot};

/// A pause may end beyond every instant that a timer can be set to. The timer looks again after this long at the latest.
const LONGEST_SLEEP: Duration = Duration::from_secs(60 * 60);

pub(super) struct Tenant {
    state: Mutex<State>,
    /// Of the actions with windows of their own.
    lanes: BTreeMap<ActionId, usize>,
    /// Something happened that may move the timer's next instant.
    changed: Notify,
    start: Instant,
    /// How long a permit may be used.
    fresh_for: Duration,
}

struct State {
    core: Core<oneshot::Sender<Grant>>,
    closed: bool,
}

/// What the timer waits for.
enum Next {
    Instant(Nanos),
    Change,
    Nothing,
}

impl Tenant {
    pub(super) fn new(core: Core<oneshot::Sender<Grant>>, lanes: BTreeMap<ActionId, usize>) -> Self {
        let fresh_for = Duration::from_nanos(core.slack());
        Self {
            state: Mutex::new(State { core, closed: false }),
            lanes,
            changed: Notify::new(),
            start: Instant::now(),
            fresh_for,
        }
    }

    /// Lets waiters through as their time comes. Ends when the tenant's gate is closed.
    pub(super) async fn keep_time(self: Arc<Self>) {
        loop {
            let next = self.advance(&mut self.lock());
            match next {
                Next::Instant(instant) => {
                    let wait = Duration::from_nanos(instant.saturating_sub(self.now()));
                    tokio::select! {
                        () = sleep(wait.min(LONGEST_SLEEP)) => {}
                        () = self.changed.notified() => {}
                    }
                }
                Next::Change => self.changed.notified().await,
                Next::Nothing => return,
            }
        }
    }

    pub(super) async fn permit(
        self: &Arc<Self>,
        action: Option<&ActionId>,
        age: RunAge,
        lead: Duration,
    ) -> Result<Permit, GateClosed> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = {
            let mut state = self.lock();
            if state.closed {
                return Err(GateClosed);
            }
            let place = state.core.join(self.lane(action), age, nanos(lead), sender);
            self.advance(&mut state);
            Waiting { tenant: self, place, receiver }
        };
        self.changed.notify_one();
        let grant = (&mut waiting.receiver).await.map_err(|_| GateClosed)?;
        Ok(self.issue(grant))
    }

    /// Who wants an action with windows of its own has to stand in the line: one of its cells is too dear to be lost to a journal
    /// that takes a moment, and only there it is known how long that takes.
    pub(super) fn permit_now(self: &Arc<Self>, action: Option<&ActionId>, age: RunAge) -> Option<Permit> {
        if self.lane(action).is_some() {
            return None;
        }
        let grant = {
            let mut state = self.lock();
            if state.closed {
                return None;
            }
            state.core.at_once(age, self.now())?
        };
        Some(self.issue(grant))
    }

    fn lane(&self, action: Option<&ActionId>) -> Lane {
        self.lanes.get(action?).copied()
    }

    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.core.dismiss();
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn status(&self) -> GateStatus {
        let state = self.lock();
        GateStatus {
            waiting: state.core.waiting(),
            in_flight: state.core.in_flight(),
            paused_for: state.core.paused_for(self.now()),
        }
    }

    pub(super) fn wait_behind(&self, others: usize) -> Duration {
        self.lock().core.wait_behind(others, self.now())
    }

    fn issue(self: &Arc<Self>, grant: Grant) -> Permit {
        let slot = Occupied { tenant: Arc::clone(self), grant, outcome: None };
        Permit::new(self.start + Duration::from_nanos(grant.at), self.fresh_for, Box::new(slot))
    }

    /// Hands out all that can be had now.
    fn advance(&self, state: &mut State) -> Next {
        if state.closed {
            return Next::Nothing;
        }
        loop {
            match state.core.turn(self.now()) {
                Turn::Grant(waiter, grant) => {
                    if let Err(grant) = waiter.send(grant) {
                        state.core.give_back(grant);
                    }
                }
                Turn::At(instant) => return Next::Instant(instant),
                Turn::Idle => return Next::Change,
            }
        }
    }

    /// Lets `change` happen and whoever it lets through go.
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        self.advance(&mut state);
        drop(state);
        self.changed.notify_one();
    }

    fn now(&self) -> Nanos {
        nanos(self.start.elapsed())
    }

    /// Nothing under the lock panics half-way, so a poisoned state is a whole one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the line, given up when dropped. A grant that came and was not received goes back.
struct Waiting<'a> {
    tenant: &'a Tenant,
    place: Place,
    receiver: oneshot::Receiver<Grant>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.tenant.lock();
        let called = state.core.leave(self.place).is_none();
        drop(state);
        // Grants are sent under the lock, so who has been called has the grant by now, unless it was received.
        if called && let Ok(grant) = self.receiver.try_recv() {
            self.tenant.change(|state| state.core.give_back(grant));
        }
    }
}

/// A permit's place under `max_concurrent`.
struct Occupied {
    tenant: Arc<Tenant>,
    grant: Grant,
    outcome: Option<Outcome>,
}

impl Slot for Occupied {
    fn stands(&self) -> bool {
        self.tenant.lock().core.paused_for(self.tenant.now()).is_none()
    }

    fn finish(mut self: Box<Self>, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let (grant, outcome) = (self.grant, self.outcome);
        let now = self.tenant.now();
        self.tenant.change(|state| state.core.finish(grant, outcome, now));
    }
}
