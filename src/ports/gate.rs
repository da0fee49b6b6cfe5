//! What lets a request through to a tenant: pauses, concurrency, quotas. Every request passes, polls too.

use std::time::Duration;

use tokio::time::Instant;

use super::BoxFuture;
use crate::chain::{ActionId, TenantName};

/// How old a run is among the runs of this worker: the smaller, the older. The oldest goes first, so that started
/// chains finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunAge(pub u64);

/// How the exchange that a permit was for went, as far as the gate cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The tenant answered, whatever it said.
    Answered,
    /// The tenant said 429, to come back after this long.
    Throttled(Duration),
    /// No answer, or 503: trouble at the tenant or on the way to it.
    Trouble,
}

/// What the gate keeps for a permit in use: its place under `max_concurrent`. Dropped without a word (a crash, a permit given
/// up), it frees the place.
pub trait Slot: Send + Sync {
    /// Whether the tenant is not paused.
    fn stands(&self) -> bool {
        true
    }

    /// Frees the place and tells how the exchange went.
    fn finish(self: Box<Self>, outcome: Outcome);
}

/// Leave to make one request at its time. A value with an age: not used within its freshness, it is given up (dropped) for a
/// new one, since the quota was counted for that time.
pub struct Permit {
    due: Instant,
    fresh_for: Duration,
    slot: Box<dyn Slot>,
}

impl Permit {
    /// A permit counted for `due`, good for `fresh_for` from then on.
    #[must_use]
    pub fn new(due: Instant, fresh_for: Duration, slot: Box<dyn Slot>) -> Self {
        Self { due, fresh_for, slot }
    }

    /// From when on it may be used: not long from now, if it was asked for with a lead; else it is past.
    #[must_use]
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Whether it may still be used: it is not too late, and the tenant was not paused in the meantime.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.due.elapsed() <= self.fresh_for && self.slot.stands()
    }

    /// The exchange is over.
    pub fn finish(self, outcome: Outcome) {
        self.slot.finish(outcome);
    }
}

/// The gate is gone because the worker stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gate is closed: the worker stops")]
pub struct GateClosed;

/// One gate a tenant, behind one port.
pub trait Gate: Send + Sync {
    /// Waits until the tenant may be asked once more, the oldest run first. Dropping the future gives the place in the line up.
    ///
    /// `action` is what it will be asked for, where that is to be counted against the action's own limits, too: who waits for
    /// those alone holds nobody else up.
    ///
    /// `lead` is what whoever asks has to do before the request can leave. If that is longer than a permit stays fresh, the permit is
    /// handed out so much sooner and counted for when the request can leave: it must not be used before it is [`due`](Permit::due).
    ///
    /// # Errors
    /// [`GateClosed`] when the worker stops.
    fn permit<'a>(
        &'a self,
        tenant: &'a TenantName,
        action: Option<&'a ActionId>,
        age: RunAge,
        lead: Duration,
    ) -> BoxFuture<'a, Result<Permit, GateClosed>>;

    /// A permit for now, if one can be had without waiting; none for an action with limits of its own.
    fn permit_now(&self, tenant: &TenantName, action: Option<&ActionId>, age: RunAge) -> Option<Permit>;

    /// How long a newcomer would wait at the gate now: the line's length at the pace of the slowest window, plus a pause. An
    /// estimate, and rather too long than too short.
    fn line(&self, tenant: &TenantName) -> Duration {
        self.line_behind(tenant, 0)
    }

    /// As [`line`](Self::line), if `others` come before.
    fn line_behind(&self, tenant: &TenantName, others: usize) -> Duration;
}
