//! What a timeline is made of. `trace --json` prints these as they stand here; docs/OPERATIONS.md lists their fields.

use serde::Serialize;

use crate::chain::log::{RunFinished, StepFinished};
use crate::chain::stamp::Millis;
use crate::chain::{ErrorClass, JobProgress, OnFailure, RunId, StepStatus};

/// Something that happened to a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Entry {
    /// When; `null` where the log does not tell.
    pub(super) at: Option<Millis>,
    /// So long after the run was accepted.
    pub(super) offset_ms: Option<u64>,
    /// What it was.
    #[serde(flatten)]
    pub(super) what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(super) enum What {
    /// The run exists from here on.
    Accepted(Accepted),
    /// A call was about to be made; and what came of it.
    Call(Call),
    /// A poll has seen the job come further.
    Job(Job),
    /// The chain that is nested in the step begins.
    Entered(Place),
    /// The step did not succeed, and another call takes its place.
    FellBack(FellBack),
    /// A step has its outcome.
    Step(Step),
    /// Another process goes on with the run.
    Resumed(Resumed),
    /// A worker that stops has given it back, between two calls.
    HandedBack,
    /// Somebody asked for its end.
    CancelRequested,
    /// The run is over.
    Finished(Finished),
    /// The broker has confirmed all events and the result.
    Settled,
    /// The message is acknowledged.
    Acknowledged,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Accepted {
    pub(super) worker: String,
    pub(super) steps_total: u32,
    pub(super) deadline: Millis,
    /// The broker had handed the message out before.
    pub(super) redelivered: bool,
    /// The message had no id; the worker gave the run one.
    pub(super) run_id_assigned: bool,
    pub(super) redrive_of: Option<RunId>,
    /// The message's.
    pub(super) correlation_id: Option<String>,
}

/// Which step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Place {
    pub(super) step_index: u16,
    pub(super) step_id: String,
    /// `null` for a step with a nested chain, and where the journal keeps neither the definition nor an event of the step any more.
    pub(super) action_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Call {
    #[serde(flatten)]
    pub(super) place: Place,
    /// Counts the step's calls from 1.
    pub(super) attempt: u32,
    pub(super) outcome: CallOutcome,
    /// From the intent to what came of it; `null` where nothing is known to have come.
    pub(super) took_ms: Option<u64>,
    /// What the step waited at the gate for this call.
    pub(super) gate_wait_ms: Option<u64>,
    pub(super) error_classification: Option<ErrorClass>,
    pub(super) http_status: Option<u16>,
    /// How long until the next call at least, where there is one.
    pub(super) delay_ms: Option<u64>,
    /// The job that the platform made of it.
    pub(super) job_id: Option<String>,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallOutcome {
    /// It is the last thing that the log tells: on its way, or lost with its worker.
    Open,
    /// A worker was gone before it could record what came of it: sent or not, nobody knows.
    Unrecorded,
    /// It was not made after all: its permit had grown old.
    Withdrawn,
    /// It did not decide the step; another one follows.
    Retried,
    /// It did not succeed, and the step's fallback takes its place.
    FellBack,
    /// The platform has made a job of it.
    Submitted,
    /// It decided the step.
    Decided,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Job {
    #[serde(flatten)]
    pub(super) place: Place,
    pub(super) progress: JobProgress,
    /// How often it has been asked after.
    pub(super) polls: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct FellBack {
    #[serde(flatten)]
    pub(super) place: Place,
    /// What is known of what the step did itself.
    pub(super) status: StepStatus,
    pub(super) error_classification: ErrorClass,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Step {
    #[serde(flatten)]
    pub(super) place: Place,
    pub(super) status: StepStatus,
    pub(super) http_status: Option<u16>,
    pub(super) error_classification: ErrorClass,
    pub(super) directive: Option<OnFailure>,
    pub(super) attempts: u32,
    pub(super) polls: u32,
    /// The step clock: calls, back-off and token, without the gate.
    pub(super) latency_ms: u64,
    pub(super) gate_wait_ms: u64,
    pub(super) job_id: Option<String>,
    pub(super) fallback_used: bool,
    pub(super) maybe_repeated: bool,
}

impl Step {
    pub(super) fn of(finished: &StepFinished, place: Place) -> Self {
        Self {
            place,
            status: finished.status,
            http_status: finished.http_status,
            error_classification: finished.error_classification,
            directive: finished.directive,
            attempts: finished.attempts,
            polls: finished.polls,
            latency_ms: finished.latency_ms,
            gate_wait_ms: finished.gate_wait_ms,
            job_id: finished.job_id.clone(),
            fallback_used: finished.fallback_used,
            maybe_repeated: finished.maybe_repeated,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Resumed {
    pub(super) worker: String,
    pub(super) previous_worker: String,
    pub(super) from_step: String,
    /// How long nothing had been recorded.
    pub(super) gap_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Finished {
    #[serde(flatten)]
    pub(super) event: RunFinished,
    /// The size of the result, once it is stored.
    pub(super) result_bytes: Option<u64>,
}
