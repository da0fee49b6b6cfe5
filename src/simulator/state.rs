//! What all connections share, behind one lock: a call is judged and counted at one moment, in one order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use super::calls::Calls;
use super::feed::Teller;
use super::jobs::Jobs;
use super::ledger::Ledger;
use super::plan::FaultPlan;
use super::quota::Quota;
use super::settings::SimulatorSettings;
use super::tokens::Tokens;

pub(super) struct Shared {
    pub(super) settings: SimulatorSettings,
    pub(super) teller: Teller,
    state: Mutex<State>,
    changed: Notify,
    stopping: AtomicBool,
}

pub(super) struct State {
    pub(super) ledger: Ledger,
    pub(super) quota: Quota,
    pub(super) tokens: Tokens,
    pub(super) faults: FaultPlan,
    pub(super) jobs: Jobs,
    /// How many contacts have begun; of CXone's own API.
    pub(super) contacts: u64,
}

impl Shared {
    pub(super) fn new(settings: SimulatorSettings) -> Self {
        let quota = Quota::new(&settings.limits, settings.refused_calls_count);
        let state = State {
            ledger: Ledger::new(Instant::now(), quota.calls().clone()),
            quota,
            tokens: Tokens::default(),
            faults: FaultPlan::new(settings.faults.iter().cloned()),
            jobs: Jobs::default(),
            contacts: 0,
        };
        Self {
            settings,
            teller: Teller::default(),
            state: Mutex::new(state),
            changed: Notify::new(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes whoever waits for it to change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let outcome = change(&mut self.lock());
        self.changed.notify_waiters();
        outcome
    }

    /// Wakes whoever waits for the state to change.
    pub(super) fn announce(&self) {
        self.changed.notify_waiters();
    }

    pub(super) fn calls(&self) -> Calls {
        self.lock().ledger.calls.clone()
    }

    pub(super) async fn wait_until(&self, condition: impl Fn(&Calls) -> bool) -> Calls {
        self.wait_for(|state| {
            let calls = &state.ledger.calls;
            condition(calls).then(|| calls.clone())
        })
        .await
    }

    /// Waits until `found` finds what it looks for. It looks in place, at each change: a copy of everything would slow down what is
    /// being watched.
    pub(super) async fn wait_for<T>(&self, found: impl Fn(&State) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let found = found(&self.lock());
            if let Some(found) = found {
                return found;
            }
            changed.await;
        }
    }

    /// As after the start, but for the faults, which stay and count from the beginning, the tokens, which stay good, and the jobs, which
    /// go on.
    pub(super) fn reset(&self) {
        self.change(|state| {
            state.quota = Quota::new(&self.settings.limits, self.settings.refused_calls_count);
            state.ledger.reset(state.quota.calls().clone());
            state.faults.rewind();
        });
    }

    /// From now on it is the simulator that breaks calls off, not their clients.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
