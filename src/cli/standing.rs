//! How a run stands, as far as its log tells: what `runs` lists and `trace` begins with.

mod words;

use serde::Serialize;

use super::check::judge;
use crate::chain::check::Catalogue;
use crate::chain::log::{EventBody, Event, Origin, Private, Record};
use crate::chain::result::{FinalStatus, Reason};
use crate::chain::run::{OpenStep, RunState};
use crate::chain::stamp::Millis;
use crate::chain::{ErrorClass, JobProgress};
use crate::ports::RunKey;

/// A run in short. `--json` prints it as it stands here; docs/OPERATIONS.md lists its fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Standing {
    pub(super) run_id: String,
    pub(super) queue: String,
    /// `null` until the run is accepted.
    pub(super) chain_id: Option<String>,
    /// `null` until the run is accepted.
    pub(super) tenant: Option<String>,
    pub(super) state: State,
    pub(super) final_status: Option<FinalStatus>,
    pub(super) reason: Option<Reason>,
    /// The step that an open run is at.
    pub(super) at_step: Option<String>,
    /// What an open run waits for.
    pub(super) waits_for: Option<WaitsFor>,
    pub(super) steps_total: Option<u32>,
    /// Steps with an outcome.
    pub(super) steps_done: usize,
    pub(super) accepted_at: Option<Millis>,
    pub(super) deadline: Option<Millis>,
    pub(super) finished_at: Option<Millis>,
    pub(super) total_latency_ms: Option<u64>,
    /// Who wrote its last event.
    pub(super) worker: Option<String>,
    /// The input's correlation id.
    pub(super) correlation_id: Option<String>,
    /// What is wrong with the log, if something is.
    pub(super) damage: Option<String>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Without an end yet.
    Open,
    /// It has ended; not all of its events and its result are known to be published.
    Finished,
    /// All is published; its message is not acknowledged.
    Settled,
    /// Its message is acknowledged; it is kept for duplicates of it.
    Acknowledged,
    /// Its log cannot be read.
    Damaged,
}

/// What an open run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum WaitsFor {
    /// A token or the gate.
    Permit,
    /// The answer to a call, unless its worker is gone.
    Answer { attempt: u32 },
    /// The time until its next attempt.
    BackOff { until: Millis },
    /// The end of the tenant's pause after a 429.
    Pause,
    /// The end of a job.
    Job { job_id: String, progress: JobProgress },
    /// Its own end: every step has its outcome.
    End,
}

impl Standing {
    /// How the run of this log stands. `acknowledged` is known to the journal only.
    pub(super) fn of(key: &RunKey, log: &[Record], acknowledged: bool) -> Self {
        let mut standing = Self::unread(key);
        standing.state = State::Open;
        standing.tell(log);
        let Some(hash) = definition_hash(log) else { return standing };
        match RunState::replay(hash, log) {
            Ok(state) => standing.fold(&state, log, acknowledged),
            Err(why) => {
                standing.state = State::Damaged;
                standing.damage = Some(why.to_string());
            }
        }
        standing
    }

    /// Of a run whose log cannot be read at all.
    pub(super) fn damaged(key: &RunKey, why: String) -> Self {
        Self { damage: Some(why), ..Self::unread(key) }
    }

    fn unread(key: &RunKey) -> Self {
        Self {
            run_id: key.run_id.to_string(),
            queue: key.queue.to_string(),
            chain_id: None,
            tenant: None,
            state: State::Damaged,
            final_status: None,
            reason: None,
            at_step: None,
            waits_for: None,
            steps_total: None,
            steps_done: 0,
            accepted_at: None,
            deadline: None,
            finished_at: None,
            total_latency_ms: None,
            worker: None,
            correlation_id: None,
            damage: None,
        }
    }

    /// What every event says.
    fn tell(&mut self, log: &[Record]) {
        if let Some(first) = events(log).next() {
            self.chain_id = first.chain_id.as_ref().map(ToString::to_string);
            self.tenant = Some(first.tenant.to_string());
        }
        self.worker = events(log).last().map(|last| last.worker.clone());
        self.correlation_id = origin(log).and_then(|origin| origin.correlation_id.clone());
    }

    fn fold(&mut self, state: &RunState, log: &[Record], acknowledged: bool) {
        self.steps_total = state.is_accepted().then(|| state.steps_total());
        self.steps_done = state.steps().len();
        self.accepted_at = state.started_at();
        self.deadline = state.deadline();
        let Some(finished) = state.finished() else {
            self.wait(state, log);
            return;
        };
        self.state = match (state.is_settled(), acknowledged) {
            (_, true) => State::Acknowledged,
            (true, false) => State::Settled,
            (false, false) => State::Finished,
        };
        self.final_status = Some(finished.final_status);
        self.reason = finished.reason.clone();
        self.total_latency_ms = Some(finished.total_latency_ms);
        self.finished_at = events(log)
            .find(|event| matches!(event.body, EventBody::RunFinished(_)))
            .map(|event| event.timestamp);
    }

    fn wait(&mut self, state: &RunState, log: &[Record]) {
        let at = state.open().map_or(state.steps().len(), |open| usize::from(open.path.outermost()));
        self.waits_for = Some(match state.open() {
            Some(open) => open_step(open),
            None if state.is_accepted() && self.steps_total.is_some_and(|total| at >= total as usize) => WaitsFor::End,
            None => WaitsFor::Permit,
        });
        self.at_step = (self.waits_for != Some(WaitsFor::End)).then(|| step_id(log, at));
    }
}

fn open_step(open: &OpenStep) -> WaitsFor {
    if let Some(job) = &open.job {
        return WaitsFor::Job { job_id: job.id.to_string(), progress: job.progress };
    }
    if let Some(attempt) = open.intent {
        return WaitsFor::Answer { attempt };
    }
    match (open.not_before, open.last_class) {
        (Some(until), _) => WaitsFor::BackOff { until },
        (None, Some(ErrorClass::RateLimited)) => WaitsFor::Pause,
        (None, _) => WaitsFor::Permit,
    }
}

fn events(log: &[Record]) -> impl DoubleEndedIterator<Item = &Event> {
    log.iter().filter_map(|record| match record {
        Record::Event(sealed) => Some(&sealed.event),
        Record::Private(_) => None,
    })
}

fn definition_hash(log: &[Record]) -> Option<String> {
    events(log).find_map(|event| match &event.body {
        EventBody::RunAccepted(accepted) => Some(accepted.definition_hash.clone()),
        _ => None,
    })
}

fn origin(log: &[Record]) -> Option<&Origin> {
    log.iter().find_map(|record| match record {
        Record::Private(Private::Definition { origin, .. }) => Some(origin),
        _ => None,
    })
}

/// What the definition calls the step at `index`; its number's name where the definition is not kept.
fn step_id(log: &[Record], index: usize) -> String {
    let definition = log.iter().find_map(|record| match record {
        Record::Private(Private::Definition { canonical, .. }) => Some(canonical),
        _ => None,
    });
    let chain = definition.and_then(|canonical| judge(canonical.as_bytes(), &Catalogue::any()).ok());
    let named = chain.as_ref().and_then(|chain| chain.steps.get(index)).map(|step| step.id.to_string());
    named.unwrap_or_else(|| format!("step_{index}"))
}
