//! How a run stands: what `runs` lists and `trace` begins with.

mod words;

use serde::Serialize;

use super::check::judge;
use crate::chain::check::Catalogue;
use crate::chain::log::{Record, accepted, definition};
use crate::chain::run::{OpenStep, RunState};
use crate::chain::stamp::Millis;
use crate::chain::{ErrorClass, JobProgress};
use crate::journal::sqlite::{RunPhase, RunSummary};

/// A run in short. `--json` prints it as it stands here; docs/OPERATIONS.md lists its fields.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Standing {
    pub(super) run_id: String,
    pub(super) queue: String,
    /// `null`, like all that follows from the log, until the run is accepted.
    pub(super) chain_id: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) state: State,
    pub(super) final_status: Option<String>,
    /// The step that an open run is at.
    pub(super) at_step: Option<String>,
    /// What an open run waits for.
    pub(super) waits_for: Option<WaitsFor>,
    pub(super) steps_total: Option<u64>,
    /// Steps with an outcome.
    pub(super) steps_done: u64,
    pub(super) accepted_at: Option<Millis>,
    pub(super) deadline: Option<Millis>,
    pub(super) finished_at: Option<Millis>,
    pub(super) acknowledged_at: Option<Millis>,
    /// Who wrote its last event.
    pub(super) worker: Option<String>,
    /// Until when a worker has it, unless it renews; `null` when none has it.
    pub(super) leased_until: Option<Millis>,
    /// What is wrong with its log, if something is.
    pub(super) damage: Option<String>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// A worker has its message; nothing is recorded.
    Claimed,
    /// Without an end yet.
    Open,
    /// It has ended; not all of its events and its result are known to be published.
    Finished,
    /// All is published; its message is not acknowledged.
    Settled,
    /// Its message is acknowledged; it is kept for duplicates of it.
    Acknowledged,
}

/// What an open run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum WaitsFor {
    /// A token or the gate.
    Permit,
    /// The answer to a call.
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
    /// What the journal says of a run without a look at its log.
    pub(super) fn of(run: &RunSummary) -> Self {
        Self {
            run_id: run.run_id.clone(),
            queue: run.queue.clone(),
            chain_id: run.chain_id.clone(),
            tenant: run.tenant.clone(),
            state: match run.phase {
                RunPhase::Claimed => State::Claimed,
                RunPhase::Open => State::Open,
                RunPhase::Finished => State::Finished,
                RunPhase::Settled => State::Settled,
                RunPhase::Acknowledged => State::Acknowledged,
            },
            final_status: run.final_status.clone(),
            at_step: None,
            waits_for: None,
            steps_total: run.steps_total,
            steps_done: run.steps_done,
            accepted_at: run.started_at,
            deadline: run.deadline,
            finished_at: run.finished_at,
            acknowledged_at: run.acknowledged_at,
            worker: run.worker.clone(),
            leased_until: run.leased_until,
            damage: None,
        }
    }

    /// And what its log says.
    pub(super) fn with_log(run: &RunSummary, log: &[Record]) -> Self {
        let mut standing = Self::of(run);
        let Some((_, accepted)) = accepted(log) else { return standing };
        match RunState::replay(accepted.definition_hash.clone(), log) {
            Ok(state) if state.finished().is_none() => standing.wait(&state, log),
            Ok(_) => {}
            Err(why) => standing.damage = Some(why.to_string()),
        }
        standing
    }

    fn wait(&mut self, state: &RunState, log: &[Record]) {
        let at = state.open().map_or_else(|| state.frame().next(), |open| open.path.clone());
        let chain =
            definition(log).and_then(|(canonical, _)| judge(canonical.as_bytes(), &Catalogue::any().trusting()).ok());
        let is_there = chain.as_ref().is_none_or(|chain| chain.step(&at).is_some());
        let waits_for = match state.open() {
            Some(open) => open_step(open),
            None if !is_there || u32::from(at.outermost()) >= state.steps_total() => WaitsFor::End,
            None => WaitsFor::Permit,
        };
        let step_id = || chain.map_or_else(|| format!("step_{at}"), |chain| chain.step_id(&at));
        self.at_step = (waits_for != WaitsFor::End).then(step_id);
        self.waits_for = Some(waits_for);
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
