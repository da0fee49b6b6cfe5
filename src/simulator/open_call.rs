//! A call from the arrival of its headers to its end. It ends exactly once: as answered when its last byte has left, else when
//! it is dropped, which is what hyper does with it as soon as the client is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::fault::{Behaviour, Fault, Target};
use super::feed::{CallSeen, Ending, millis};
use super::identity::RequestId;
use super::job::Order;
use super::job_fault::JobFault;
use super::jobs::{self, Begun};
use super::ledger::Caller;
use super::quota::whole_seconds;
use super::state::{Shared, State};
use crate::chain::ActionId;

pub(super) struct OpenCall {
    shared: Arc<Shared>,
    caller: Caller,
    begun: Instant,
    epoch: u64,
    status: Option<u16>,
    /// The job that it submitted or polled: its id, and the state that was told.
    job: Option<(String, String)>,
    broken_off: bool,
    ended: bool,
}

/// Whether an action's call may go on.
pub(super) enum Admission {
    /// No token, or none that is good.
    NoToken,
    /// Its token was not asked for with this scope.
    Forbidden(&'static str),
    /// The quota has no room; the seconds until it has.
    Throttled(u64),
    /// It may, with this fault and this latency before the answer.
    Accepted(Option<Fault>, Duration),
}

impl OpenCall {
    pub(super) fn begin(shared: &Arc<Shared>, caller: Caller) -> Self {
        let begun = Instant::now();
        let epoch = shared.change(|state| {
            state.ledger.begin(&caller);
            state.ledger.epoch
        });
        let shared = Arc::clone(shared);
        Self { shared, caller, begun, epoch, status: None, job: None, broken_off: false, ended: false }
    }

    /// Token, then its scope, then quota, then fault: a call that is refused uses nothing of what comes after.
    pub(super) fn admit(&self, token: Option<&str>, scope: Option<&'static str>) -> Admission {
        self.shared.change(|state| {
            // Asked for under the lock, so that the quota's log is in order.
            let now = Instant::now();
            let Some(token) = token.filter(|token| state.tokens.is_good(token, now)) else {
                return Admission::NoToken;
            };
            if let Some(scope) = scope.filter(|scope| !state.tokens.allows(token, scope)) {
                return Admission::Forbidden(scope);
            }
            let room = state.quota.admit(now);
            state.ledger.calls.quota.clone_from(state.quota.calls());
            if let Err(wait) = room {
                return Admission::Throttled(whole_seconds(wait));
            }
            let latency = self.shared.settings.latency_of(state.quota.calls().accepted);
            if self.epoch == state.ledger.epoch {
                state.ledger.accepted(&self.caller, now);
            }
            let fault = state.faults.meet(&self.caller.target, self.caller.run());
            if fault.as_ref().is_some_and(|fault| fault.behaviour == Behaviour::Unauthorized) {
                state.tokens.revoke(token);
            }
            Admission::Accepted(fault, latency)
        })
    }

    /// The fault that a call without a token meets.
    pub(super) fn meet_fault(&self) -> Option<Fault> {
        self.shared.change(|state| state.faults.meet(&self.caller.target, None))
    }

    /// Goes without an answer until its fault is taken away (or its client, or the simulator, goes away).
    pub(super) async fn hang(&self) {
        self.shared.wait_for(|state| (!state.faults.hangs(&self.caller.target)).then_some(())).await;
    }

    /// A token for the caller, with this scope; `None`: all.
    pub(super) fn issue_token(&self, scope: Option<String>) -> String {
        self.count(|state| {
            state.ledger.calls.tokens.issued += 1;
        });
        self.shared.change(|state| state.tokens.issue(Instant::now(), self.shared.settings.token_life, scope))
    }

    /// The body has been read.
    pub(super) fn note_payload(&self, payload: &[u8]) {
        let hash: String = Sha256::digest(payload).iter().map(|byte| format!("{byte:02x}")).collect();
        self.count(|state| state.ledger.payload(&self.caller, hash));
    }

    /// The action takes effect now.
    pub(super) fn note_run(&self) {
        self.count(|state| state.ledger.ran(&self.caller));
    }

    /// A contact begins: its number, counted from `first`.
    pub(super) fn begin_contact(&self, first: u64) -> u64 {
        self.shared.change(|state| {
            state.contacts += 1;
            first + state.contacts - 1
        })
    }

    /// How many contacts have begun.
    pub(super) fn contacts(&self) -> u64 {
        self.shared.lock().contacts
    }

    /// A job of the caller's begins.
    pub(super) fn begin_job(&mut self, order: Order, fault: &JobFault) -> Begun {
        let begun = self.shared.change(|state| {
            let begun = state.jobs.begin(order, fault, &self.shared.settings, Instant::now());
            if self.epoch == state.ledger.epoch {
                state.ledger.job(begun.under_way);
            }
            begun
        });
        self.job = begun.id.as_ref().map(|id| (jobs::text(id), begun.status.clone()));
        begun
    }

    /// What a poll is told of a job now; `None` when there is no such job.
    pub(super) fn poll_job(&mut self, action: &ActionId, id: &str) -> Option<String> {
        let found = self.shared.lock().jobs.find(action, id, Instant::now()).map(|(job, age)| {
            let state = job.state(age);
            (job.name(state), job.told(state))
        });
        let Some((state, told)) = found else {
            self.count(|state| state.ledger.calls.jobs.unknown += 1);
            return None;
        };
        self.job = Some((id.to_owned(), state));
        Some(told)
    }

    /// Whose call it is, if it said.
    pub(super) fn request(&self) -> Option<&RequestId> {
        self.caller.identity.request.as_ref()
    }

    /// An answer is begun.
    pub(super) fn note_status(&mut self, status: u16) {
        self.status = Some(status);
    }

    /// Whatever happens to it from now on is the simulator's doing.
    pub(super) fn break_off(&mut self) {
        self.broken_off = true;
    }

    /// The last byte of the answer has left; `state` is locked since before it did.
    pub(super) fn answered(mut self, state: &mut State) {
        self.end(state, Ending::Answered);
    }

    fn count(&self, count: impl FnOnce(&mut State)) {
        self.shared.change(|state| {
            if self.epoch == state.ledger.epoch {
                count(state);
            }
        });
    }

    fn end(&mut self, state: &mut State, ending: Ending) {
        self.ended = true;
        if self.epoch == state.ledger.epoch {
            state.ledger.end(&self.caller, self.status, ending);
        }
        let at = state.ledger.since_start(self.begun);
        self.shared.teller.tell(|| self.seen(ending, at));
        self.shared.announce();
    }

    fn seen(&self, ending: Ending, at: Duration) -> CallSeen {
        let request = self.request();
        let job = self.job.as_ref();
        CallSeen {
            target: self.caller.target.to_string(),
            run: request.map(|request| request.run.clone()),
            step: request.map(|request| request.step.clone()),
            attempt: request.map(|request| request.attempt),
            job: job.map(|(id, _)| id.clone()),
            job_state: job.map(|(_, state)| state.clone()),
            status: self.status,
            ending,
            at_ms: millis(at),
            took_ms: millis(self.begun.elapsed()),
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if !self.ended {
            let ours = self.broken_off || self.shared.is_stopping();
            let shared = Arc::clone(&self.shared);
            self.end(&mut shared.lock(), if ours { Ending::BrokenOff } else { Ending::CutOff });
        }
    }
}

impl Caller {
    /// A call that belongs to no run.
    pub(super) fn of(target: Target) -> Self {
        Self { target, identity: super::identity::Identity::default() }
    }
}
