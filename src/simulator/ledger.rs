//! Counts every call, by run and step, by action and by idempotency key. Each count is raised at one place, here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::calls::{Calls, QuotaCalls, StepCalls, Tally};
use super::fault::Target;
use super::feed::Ending;
use super::identity::Identity;

/// Whom a call is for, and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// An action, its polls, the token endpoint or a discovery document; never all actions or all polls.
    pub(super) target: Target,
    pub(super) identity: Identity,
}

impl Caller {
    pub(super) fn run(&self) -> Option<&str> {
        self.identity.request.as_ref().map(|request| request.run.as_str())
    }
}

pub(super) struct Ledger {
    start: Instant,
    pub(super) calls: Calls,
    /// Which reset the counts are from: a call that began before it does not end in them.
    pub(super) epoch: u64,
}

impl Ledger {
    pub(super) fn new(start: Instant, quota: QuotaCalls) -> Self {
        Self { start, calls: Calls { quota, ..Calls::default() }, epoch: 0 }
    }

    pub(super) fn reset(&mut self, quota: QuotaCalls) {
        self.calls = Calls { quota, ..Calls::default() };
        self.epoch += 1;
    }

    pub(super) fn begin(&mut self, caller: &Caller) {
        self.each(caller, |tally| {
            tally.calls += 1;
            tally.open += 1;
        });
        if matches!(caller.target, Target::Token | Target::Discovery) {
            return;
        }
        let open = self.calls.totals.open + self.calls.polls.open;
        self.calls.max_concurrent = self.calls.max_concurrent.max(open);
        self.calls.unidentified += u64::from(caller.identity.request.is_none());
        if matches!(caller.target, Target::Poll(_)) {
            if let Some((step, _)) = self.step(caller) {
                step.polls.request_ids.extend(caller.identity.request_id.clone());
                if let Some(key) = &caller.identity.idempotency_key {
                    note(&mut step.polls.idempotency_keys, key.clone());
                }
            }
            return;
        }
        if let Some(key) = &caller.identity.idempotency_key {
            self.calls.idempotency_keys.entry(key.clone()).or_default().calls += 1;
        }
        if let Some((step, attempt)) = self.step(caller) {
            step.attempts.push(attempt);
            note(&mut step.actions, caller.target.to_string());
            if let Some(key) = &caller.identity.idempotency_key {
                note(&mut step.idempotency_keys, key.clone());
            }
        }
    }

    pub(super) fn accepted(&mut self, caller: &Caller, now: Instant) {
        let at = u64::try_from(now.duration_since(self.start).as_micros()).unwrap_or(u64::MAX);
        self.each(caller, |tally| tally.accepted += 1);
        self.calls.accepted_at_us.push(at);
        let is_poll = matches!(caller.target, Target::Poll(_));
        if let Some((step, _)) = self.step(caller) {
            if is_poll { &mut step.polls.accepted_at_us } else { &mut step.accepted_at_us }.push(at);
        }
    }

    pub(super) fn payload(&mut self, caller: &Caller, hash: String) {
        if let Some((step, _)) = self.step(caller) {
            note(&mut step.payload_hashes, hash);
        }
    }

    pub(super) fn ran(&mut self, caller: &Caller) {
        self.each(caller, |tally| tally.ran += 1);
        if let Some(key) = &caller.identity.idempotency_key {
            self.calls.idempotency_keys.entry(key.clone()).or_default().ran += 1;
        }
    }

    pub(super) fn end(&mut self, caller: &Caller, status: Option<u16>, ending: Ending) {
        self.each(caller, |tally| {
            tally.open -= 1;
            match ending {
                Ending::Answered => tally.answered += 1,
                Ending::CutOff => tally.cut_off += 1,
                Ending::BrokenOff => tally.broken_off += 1,
            }
            if let Some(status) = status {
                *tally.statuses.entry(status).or_default() += 1;
            }
        });
    }

    /// A job was begun, one of so many that are under way.
    pub(super) fn job(&mut self, under_way: u64) {
        let jobs = &mut self.calls.jobs;
        jobs.submitted += 1;
        jobs.max_under_way = jobs.max_under_way.max(under_way);
    }

    /// How long ago the simulator started.
    pub(super) fn since_start(&self, now: Instant) -> Duration {
        now.duration_since(self.start)
    }

    fn each(&mut self, caller: &Caller, change: impl Fn(&mut Tally)) {
        match &caller.target {
            Target::Action(action) => {
                change(&mut self.calls.totals);
                change(entry(&mut self.calls.actions, action.as_str()));
                if let Some((step, _)) = self.step(caller) {
                    change(&mut step.tally);
                }
            }
            Target::Poll(_) => {
                change(&mut self.calls.polls);
                if let Some((step, _)) = self.step(caller) {
                    change(&mut step.polls.tally);
                }
            }
            Target::Discovery => change(&mut self.calls.discovery),
            Target::Token | Target::Every | Target::EveryPoll => change(&mut self.calls.tokens.tally),
        }
    }

    fn step(&mut self, caller: &Caller) -> Option<(&mut StepCalls, u32)> {
        let request = caller.identity.request.as_ref()?;
        let steps = entry(&mut self.calls.runs, &request.run);
        Some((&mut **entry(steps, &request.step), request.attempt))
    }
}

/// There are few of them in a step.
fn note(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, key: &str) -> &'a mut T {
    if !map.contains_key(key) {
        map.insert(key.to_owned(), T::default());
    }
    map.get_mut(key).unwrap_or_else(|| unreachable!("it was put in above"))
}
