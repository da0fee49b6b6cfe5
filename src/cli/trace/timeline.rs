//! From a run log to what happened when: a fold. A log is only read here; what it means for the run is the core's to say.
//!
//! Events and intents carry their time. What lies between them is reckoned from the step clock, whose readings are recorded: a
//! step's clock and its waits at the gate begin where the event before it ends.

use std::collections::BTreeSet;
use std::time::Duration;

use super::entry::{Accepted, Call, CallOutcome, Entry, FellBack, Finished, Job, Place, Resumed, Step, What};
use super::names::Names;
use crate::chain::StepPath;
use crate::chain::log::{EventBody, Private, Record, RunResumed, Sealed, StepFinished, StepRetried};
use crate::chain::stamp::{Millis, millis};

/// What happened to the run, in the order of its log.
pub(super) fn timeline(log: &[Record]) -> Vec<Entry> {
    let mut fold = Fold { names: Names::of(log), ..Fold::default() };
    for record in log {
        match record {
            Record::Event(sealed) => fold.event(sealed),
            Record::Private(private) => fold.private(private),
        }
    }
    fold.entries
}

#[derive(Default)]
struct Fold {
    names: Names,
    /// The step at work has fallen back.
    fallback: bool,
    /// The steps whose nested chains were begun.
    entered: BTreeSet<StepPath>,
    entries: Vec<Entry>,
    correlation_id: Option<String>,
    accepted_at: Option<Millis>,
    /// The last time that the log tells.
    last: Option<Millis>,
    /// Where the clock of the step at work stood still for the last time: at an event before its begin.
    anchor: Option<Millis>,
    /// What of the step's time had been recorded there.
    before: Spent,
    /// The last reading.
    spent: Spent,
    /// Where the call without an end is among the entries.
    call: Option<usize>,
}

/// The step clock and the waits at the gate, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    clock: u64,
    gate: u64,
}

impl Spent {
    fn both(self) -> Duration {
        Duration::from_millis(self.clock.saturating_add(self.gate))
    }
}

impl Fold {
    fn event(&mut self, sealed: &Sealed) {
        let event = &sealed.event;
        let at = event.timestamp;
        match &event.body {
            EventBody::RunAccepted(accepted) => {
                self.accepted_at = Some(at);
                let accepted = Accepted {
                    worker: event.worker.clone(),
                    steps_total: accepted.steps_total,
                    deadline: accepted.deadline,
                    redelivered: accepted.redelivered,
                    run_id_assigned: accepted.run_id_assigned,
                    redrive_of: accepted.redrive_of.clone(),
                    correlation_id: self.correlation_id.clone(),
                };
                self.push(Some(at), What::Accepted(accepted));
                self.next_step(at);
            }
            EventBody::StepRetried(retried) => self.retried(at, retried),
            EventBody::StepFinished(finished) => self.finished(at, finished),
            EventBody::RunResumed(resumed) => self.resumed(at, resumed, &event.worker),
            EventBody::RunFinished(finished) => {
                let finished = Finished { event: finished.clone(), result_bytes: None };
                self.push(Some(at), What::Finished(finished));
            }
            // No part of a run.
            EventBody::RunRejected(_) => {}
        }
        self.last = Some(at);
    }

    fn private(&mut self, private: &Private) {
        match private {
            // The event that follows it tells more.
            Private::StepData { .. } => {}
            Private::Definition { origin, .. } => self.correlation_id.clone_from(&origin.correlation_id),
            Private::Intent { step, attempt, at, .. } => self.intent(step, *attempt, *at),
            Private::Withdrawn { .. } => {
                if let Some(call) = self.take_call() {
                    call.outcome = CallOutcome::Withdrawn;
                }
            }
            Private::Entered { step, at, .. } => {
                let place = self.place(step);
                self.entered.insert(step.clone());
                self.push(Some(*at), What::Entered(place));
                self.last = Some(*at);
            }
            Private::FellBack { step, status, class, spent_ms, gate_wait_ms, .. } => {
                let waited = self.read(*spent_ms, *gate_wait_ms);
                if let Some(call) = self.open_call() {
                    call.gate_wait_ms = Some(waited);
                }
                // The clock of a step with a nested chain is what its inner steps took, and has no beginning of its own: it falls back
                // when the chain is over, which is what was told last.
                let at = if self.entered.contains(step) { self.last } else { self.reckoned() };
                let fell_back = FellBack { place: self.place(step), status: *status, error_classification: *class };
                self.push(at, What::FellBack(fell_back));
                // The fallback has a clock of its own; what is waited at the gate is one sum.
                self.fallback = true;
                self.spent = Spent { clock: 0, gate: *gate_wait_ms };
                (self.anchor, self.before) = (at.or(self.last), self.spent);
            }
            Private::Attempted { spent_ms, gate_wait_ms, .. } => {
                let waited = self.read(*spent_ms, *gate_wait_ms);
                if let Some(call) = self.open_call() {
                    call.gate_wait_ms = Some(waited);
                }
            }
            Private::Submitted { job_id, spent_ms, gate_wait_ms, .. } => {
                let waited = self.read(*spent_ms, *gate_wait_ms);
                let at = self.reckoned();
                self.end_call(at, |call| {
                    call.outcome = CallOutcome::Submitted;
                    call.gate_wait_ms = Some(waited);
                    call.job_id = Some(job_id.to_string());
                });
                self.last = self.last.max(at);
            }
            Private::Progressed { step, progress, polls, spent_ms, gate_wait_ms } => {
                self.read(*spent_ms, *gate_wait_ms);
                let at = self.reckoned();
                let job = Job { place: self.place(step), progress: *progress, polls: *polls };
                self.push(at, What::Job(job));
                self.last = self.last.max(at);
            }
            Private::CancelRequested => self.push(None, What::CancelRequested),
            Private::HandedBack => self.push(None, What::HandedBack),
            Private::Result { body } => {
                if let Some(What::Finished(finished)) = self.entries.last_mut().map(|entry| &mut entry.what) {
                    finished.result_bytes = u64::try_from(body.len()).ok();
                }
            }
            Private::Settled => self.push(None, What::Settled),
        }
    }

    fn intent(&mut self, step: &StepPath, attempt: u32, at: Millis) {
        let call = Call {
            place: self.place(step),
            attempt,
            outcome: CallOutcome::Open,
            took_ms: None,
            gate_wait_ms: None,
            error_classification: None,
            http_status: None,
            delay_ms: None,
            job_id: None,
        };
        self.push(Some(at), What::Call(call));
        self.call = Some(self.entries.len() - 1);
        self.last = Some(at);
    }

    fn retried(&mut self, at: Millis, retried: &StepRetried) {
        let falls_back = self.entries.last().is_some_and(|entry| matches!(entry.what, What::FellBack(_)));
        let lost = self.open_call().is_some_and(|call| call.outcome == CallOutcome::Unrecorded);
        self.end_call((!lost).then_some(at), |call| {
            call.outcome = match (lost, falls_back) {
                (true, _) => CallOutcome::Unrecorded,
                (false, true) => CallOutcome::FellBack,
                (false, false) => CallOutcome::Retried,
            };
            call.error_classification = Some(retried.error_classification);
            call.http_status = retried.http_status;
            call.delay_ms = (!falls_back).then_some(retried.delay_ms);
        });
    }

    fn finished(&mut self, at: Millis, finished: &StepFinished) {
        let waited = self.read(finished.latency_ms, finished.gate_wait_ms);
        let lost = self.open_call().is_some_and(|call| call.outcome == CallOutcome::Unrecorded);
        // What the event of a step tells of one that fell back is why it did.
        let class = (!self.fallback).then_some(finished.error_classification);
        self.end_call((!lost).then_some(at), |call| {
            if !lost {
                call.outcome = CallOutcome::Decided;
                call.gate_wait_ms = Some(waited);
            }
            call.error_classification = class;
            call.http_status = finished.http_status;
        });
        let place = Place {
            step_index: finished.step_index,
            step_id: finished.step_id.clone(),
            action_id: finished.action_id.as_ref().map(ToString::to_string),
        };
        self.push(Some(at), What::Step(Step::of(finished, place)));
        self.next_step(at);
    }

    fn resumed(&mut self, at: Millis, resumed: &RunResumed, worker: &str) {
        if let Some(call) = self.open_call() {
            call.outcome = CallOutcome::Unrecorded;
        }
        let resumed = Resumed {
            worker: worker.to_owned(),
            previous_worker: resumed.previous_worker.clone(),
            from_step: resumed.from_step.clone(),
            gap_ms: self.last.map(|last| millis(at.since(last))),
        };
        self.push(Some(at), What::Resumed(resumed));
        // The step clock goes on with its last reading.
        (self.anchor, self.before) = (Some(at), self.spent);
    }

    fn next_step(&mut self, at: Millis) {
        (self.anchor, self.before, self.spent) = (Some(at), Spent::default(), Spent::default());
        self.fallback = false;
    }

    /// Takes a reading of the step clock; answers what was waited at the gate since the one before.
    fn read(&mut self, clock: u64, gate: u64) -> u64 {
        let waited = gate.saturating_sub(self.spent.gate);
        self.spent = Spent { clock, gate };
        waited
    }

    /// When the last reading was taken.
    fn reckoned(&self) -> Option<Millis> {
        Some(self.anchor?.plus(self.spent.both().saturating_sub(self.before.both())))
    }

    fn open_call(&mut self) -> Option<&mut Call> {
        match &mut self.entries.get_mut(self.call?)?.what {
            What::Call(call) => Some(call),
            _ => None,
        }
    }

    fn take_call(&mut self) -> Option<&mut Call> {
        let index = self.call.take()?;
        match &mut self.entries.get_mut(index)?.what {
            What::Call(call) => Some(call),
            _ => None,
        }
    }

    /// `at`: when what came of it was known, if it was.
    fn end_call(&mut self, at: Option<Millis>, end: impl FnOnce(&mut Call)) {
        let began = self.call.and_then(|index| self.entries.get(index)?.at);
        if let Some(call) = self.take_call() {
            end(call);
            call.took_ms = began.zip(at).map(|(began, at)| millis(at.since(began)));
        }
    }

    fn place(&self, step: &StepPath) -> Place {
        self.names.place(step, self.fallback)
    }

    fn push(&mut self, at: Option<Millis>, what: What) {
        let offset_ms = at.zip(self.accepted_at).map(|(at, accepted)| millis(at.since(accepted)));
        // What was reckoned is not later than what was recorded after it.
        let reckoned = |entry: &&mut Entry| matches!(entry.what, What::FellBack(_) | What::Job(_));
        for entry in self.entries.iter_mut().rev().take_while(reckoned).filter(|entry| at.is_some() && entry.at > at) {
            (entry.at, entry.offset_ms) = (at, offset_ms);
        }
        self.entries.push(Entry { at, offset_ms, what });
    }
}
