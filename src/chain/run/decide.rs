//! What a run does next.

use serde_json::Value;

use super::super::definition::{Chain, OnFailure, OnUnknown, Step};
use super::super::ids::StepPath;
use super::super::log::RunResumed;
use super::super::outcome::{ErrorClass, StepStatus};
use super::super::result::{FinalStatus, Reason, ReasonCode};
use super::super::stamp::Millis;
use super::after::directive;
use super::state::RunState;
use super::step::FinishedStep;

/// What the world asks of the run at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The run clock is over.
    pub clock_over: bool,
    /// `expires_at` is past.
    pub expired: bool,
    /// Somebody asks for the end of the run. It counts once it is journaled: the log is the only truth.
    pub cancel: bool,
    /// The worker stops: the rest of the chain goes back to the queue.
    pub hand_back: bool,
    /// The run is taken up with a log from before, and nothing in the log says so yet.
    pub reopened: bool,
}

/// What to do next. Exactly one thing; the answer is a record, and then the question is asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Journal `run.accepted`.
    Accept,
    /// Journal `run.resumed`, before anything else is done.
    Resume(RunResumed),
    /// Token, permit, intent, exchange.
    Try {
        /// The step.
        step: StepPath,
    },
    /// Token, permit, and a question after the step's job.
    Poll {
        /// The step.
        step: StepPath,
    },
    /// Journal that the end of the run was asked for.
    Cancel,
    /// A worker died with this exchange in flight: record what that means. `resend` where sending twice is harmless.
    Lost {
        /// The step.
        step: StepPath,
        /// Whether it is sent again.
        resend: bool,
    },
    /// The step gets no further exchange: it ends with its last classification.
    GiveUp {
        /// The step.
        step: StepPath,
        /// Its classification.
        class: ErrorClass,
    },
    /// Journal `run.finished` with the result.
    Finish {
        /// How it ended.
        status: FinalStatus,
        /// Why.
        reason: Option<Reason>,
    },
    /// Publish what is not published, then journal `settled`.
    Deliver,
    /// All is published and confirmed: acknowledge the message.
    Acknowledge,
    /// Give the message back for somebody else to go on.
    HandBack,
}

/// What `state`, a run of `chain`, does next.
#[must_use]
pub fn decide(chain: &Chain, state: &RunState, inputs: Inputs) -> Command {
    if state.is_settled() {
        return Command::Acknowledge;
    }
    if state.finished().is_some() {
        return Command::Deliver;
    }
    if !state.is_accepted() {
        return if inputs.hand_back { Command::HandBack } else { Command::Accept };
    }
    if inputs.reopened {
        return if inputs.hand_back { Command::HandBack } else { resume(chain, state) };
    }
    if inputs.cancel && !state.cancel_requested() {
        return Command::Cancel;
    }
    if let Some(open) = state.open() {
        let step = &chain.steps[usize::from(open.path.index())];
        if open.intent.is_some() {
            let may = step.call().is_some_and(|call| call.idempotent) || step.on_unknown == OnUnknown::Retry;
            let resend = may && !inputs.clock_over && state.looped_at().is_none();
            return Command::Lost { step: open.path.clone(), resend };
        }
        if state.looped_at().is_some() {
            return Command::GiveUp { step: open.path.clone(), class: ErrorClass::System };
        }
        if state.cancel_requested() {
            return Command::GiveUp { step: open.path.clone(), class: ErrorClass::Cancelled };
        }
        if inputs.clock_over {
            let job = open.job.as_ref().map(|job| job.progress.overdue());
            let class = job.or(open.last_class).unwrap_or(ErrorClass::Timeout);
            return Command::GiveUp { step: open.path.clone(), class };
        }
        if open.job.is_some() && !inputs.hand_back {
            return Command::Poll { step: open.path.clone() };
        }
    }
    between_steps(chain, state, inputs)
}

/// Says who goes on, and where.
fn resume(chain: &Chain, state: &RunState) -> Command {
    let step = chain.steps.get(state.steps().len()).or(chain.steps.last());
    let from_step = step.map(|step| step.id.to_string()).unwrap_or_default();
    Command::Resume(RunResumed { from_step, previous_worker: state.worker().to_owned() })
}

/// No exchange is in flight: end the run, or go on with the next step.
fn between_steps(chain: &Chain, state: &RunState, inputs: Inputs) -> Command {
    let last = state.steps().last();
    let next = state.steps().len();
    // The step that was at work when it was one resume too many ends the run, whatever its directive.
    if let Some(step) = state.looped_at().and_then(|at| state.steps().get(at)) {
        return crash_loop(step.event.step_id.clone(), step.event.status);
    }
    if let Some(step) = last
        && let Some(cut) = cut(state, (step.event.status, step.event.error_classification), step.at)
    {
        let step_id = Some(step.event.step_id.clone());
        return match cut {
            Cut::Cancel => cancelled(step_id),
            Cut::Clock => timed_out(step_id),
        };
    }
    if let Some((status, reason)) = last.and_then(|step| ending(&chain.steps[next - 1], step)) {
        return Command::Finish { status, reason: Some(reason) };
    }
    let Some(step) = chain.steps.get(next) else {
        return Command::Finish { status: FinalStatus::Completed, reason: None };
    };
    if state.looped_at().is_some() {
        return crash_loop(step.id.to_string(), StepStatus::Failed);
    }
    if state.cancel_requested() {
        return cancelled(None);
    }
    if inputs.clock_over {
        return timed_out(Some(step.id.to_string()));
    }
    let untouched = next == 0 && state.open().is_none();
    if inputs.expired && untouched {
        return finish(FinalStatus::Expired, ReasonCode::Expired, None, "expires_at was past before the first call");
    }
    if inputs.hand_back {
        return Command::HandBack;
    }
    if state.open().is_none() && lacks_param(step) {
        return Command::GiveUp { step: StepPath::top(index(next)), class: ErrorClass::Validation };
    }
    Command::Try { step: StepPath::top(index(next)) }
}

/// Whether a name that must have a value has none. (That it is in the payload was checked with the definition.)
fn lacks_param(step: &Step) -> bool {
    step.call().is_some_and(|call| {
        call.required_params.iter().any(|name| call.payload.source().get(name).is_none_or(Value::is_null))
    })
}

fn index(next: usize) -> u16 {
    u16::try_from(next).unwrap_or(u16::MAX)
}

/// What ended a step from outside.
enum Cut {
    Cancel,
    Clock,
}

/// What ended a step that ended so at `at`, if it did not fail on its own: a cancel, or the run clock, which no exchange
/// outlives.
fn cut(state: &RunState, (status, class): (StepStatus, ErrorClass), at: Millis) -> Option<Cut> {
    if status == StepStatus::Success {
        None
    } else if class == ErrorClass::Cancelled {
        Some(Cut::Cancel)
    } else {
        state.deadline().filter(|deadline| at >= *deadline).map(|_| Cut::Clock)
    }
}

/// The `on_failure` directive that applies to `step`, ended so at `at`: none where the run ends for a reason of its own.
#[must_use]
pub fn applied(
    state: &RunState,
    step: &Step,
    (status, class): (StepStatus, ErrorClass),
    at: Millis,
) -> Option<OnFailure> {
    let ends = cut(state, (status, class), at).is_some() || state.looped_at().is_some();
    if ends { None } else { directive(step, status) }
}

/// Whether the chain ends at `finished`, and how.
fn ending(step: &Step, finished: &FinishedStep) -> Option<(FinalStatus, Reason)> {
    let event = &finished.event;
    let unknown = event.status == StepStatus::Unknown;
    let stops = unknown && step.on_unknown == OnUnknown::Stop;
    if !stops && directive(step, event.status) != Some(OnFailure::Abort) {
        return None;
    }
    let (status, code, what) = if unknown {
        (FinalStatus::Indeterminate, ReasonCode::OutcomeUnknown, "has an unknown outcome")
    } else {
        (FinalStatus::TerminatedEarly, ReasonCode::StepFailed, "failed")
    };
    let class = event.error_classification.as_str();
    let http = event.http_status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    let message = format!("step {} ({}) {what}: {class}{http}", event.step_id, event.action_id);
    Some((status, Reason { code, step_id: Some(event.step_id.clone()), message }))
}

/// The run was taken up once too often. `status`: of the step that it was at.
fn crash_loop(step_id: String, status: StepStatus) -> Command {
    let unknown = status == StepStatus::Unknown;
    let how = if unknown { FinalStatus::Indeterminate } else { FinalStatus::TerminatedEarly };
    let message = "its worker died, or gave up, several times in a row without getting any further with it";
    finish(how, ReasonCode::CrashLoop, Some(step_id), message)
}

fn cancelled(step_id: Option<String>) -> Command {
    finish(FinalStatus::Cancelled, ReasonCode::Cancelled, step_id, "the run was cancelled")
}

fn timed_out(step_id: Option<String>) -> Command {
    finish(FinalStatus::TimedOut, ReasonCode::GlobalTimeout, step_id, "global_timeout_seconds were over")
}

fn finish(status: FinalStatus, code: ReasonCode, step_id: Option<String>, message: &str) -> Command {
    Command::Finish { status, reason: Some(Reason { code, step_id, message: message.into() }) }
}
