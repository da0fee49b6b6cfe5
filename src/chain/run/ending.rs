//! Whether the chain that a run is in ends here, and how: the run's own, or one that is nested in a step.

use super::super::definition::{Chain, Fallback, OnFailure, OnUnknown, Operation, Step};
use super::super::expression::Template;
use super::super::outcome::{ErrorClass, StepStatus};
use super::super::result::{FinalStatus, Reason, ReasonCode};
use super::super::stamp::Millis;
use super::after::directive;
use super::decide::Inputs;
use super::finished::FinishedStep;
use super::open::OpenStep;
use super::state::RunState;

/// How a chain ends.
pub(super) struct Ending {
    pub(super) status: FinalStatus,
    /// Why, where it did not complete.
    pub(super) reason: Option<Reason>,
    /// What that makes of the step that it is nested in.
    pub(super) step: (StepStatus, ErrorClass),
}

/// What ended a step from outside.
enum Cut {
    Cancel,
    /// The run's clock, or that of a nested chain that the step is in.
    Clock,
}

/// Whether the innermost chain ends now; `None`: it goes on with its next step. `over`: a clock that holds for it is.
pub(super) fn ending(chain: &Chain, state: &RunState, inputs: Inputs, over: bool) -> Option<Ending> {
    let frame = state.frame();
    let depth = state.frames().len();
    let steps = chain.level(frame.within.as_ref()).map(|level| level.steps).unwrap_or_default();
    // The step that was at work when it was one resume too many ends the run, whatever its directive.
    if let Some(step) = state.looped_at().and_then(|at| state.ended().get(at)) {
        return Some(crash_loop(step.event.step_id.clone(), step.event.status));
    }
    if let Some(step) = frame.steps.last() {
        if let Some(cut) = cut(state, depth, (step.event.status, step.event.error_classification), step.at) {
            return Some(match cut {
                Cut::Cancel => cancelled(Some(step)),
                Cut::Clock => timed_out(culprit(step).event.step_id.clone(), step.event.status),
            });
        }
        if let Some(ending) = steps.get(frame.steps.len() - 1).and_then(|rules| by_directive(rules, step)) {
            return Some(ending);
        }
    }
    let Some(_) = steps.get(frame.steps.len()) else {
        let step = (StepStatus::Success, ErrorClass::None);
        return Some(Ending { status: FinalStatus::Completed, reason: None, step });
    };
    let next = || chain.step_id(&frame.next());
    if state.looped_at().is_some() {
        return Some(crash_loop(next(), StepStatus::Failed));
    }
    if state.cancel_requested() {
        return Some(cancelled(None));
    }
    if over {
        return Some(timed_out(next(), StepStatus::Failed));
    }
    (inputs.expired && state.is_untouched()).then(|| Ending {
        status: FinalStatus::Expired,
        reason: reason(ReasonCode::Expired, None, "expires_at was past before the first call"),
        step: (StepStatus::Failed, ErrorClass::Timeout),
    })
}

/// What ended a step of the chain at this depth that ended so at `at`, if it did not fail on its own: a cancel, or a clock, which no
/// exchange outlives.
fn cut(state: &RunState, depth: usize, (status, class): (StepStatus, ErrorClass), at: Millis) -> Option<Cut> {
    let nested = || state.frames().iter().take(depth).filter_map(|frame| frame.deadline);
    if matches!(status, StepStatus::Success | StepStatus::Skipped) {
        None
    } else if class == ErrorClass::Cancelled {
        Some(Cut::Cancel)
    } else {
        state.deadline().into_iter().chain(nested()).any(|deadline| at >= deadline).then_some(Cut::Clock)
    }
}

/// What follows from the end of a step.
#[derive(Debug, Clone, PartialEq)]
pub enum Conclusion<'c> {
    /// It has its outcome.
    Finish {
        /// The `on_failure` directive that was applied: none where it succeeded, or the run ends for a reason of its own.
        directive: Option<OnFailure>,
    },
    /// Another call takes its place.
    Call(&'c Operation),
    /// A fixed output takes its place.
    Output(&'c Template),
}

/// What follows when `step`, which is `depth` chains deep (1: in the outermost), came to `status` and `class` at `at`.
#[must_use]
pub fn conclude<'c>(
    state: &RunState,
    step: &'c Step,
    depth: usize,
    (status, class): (StepStatus, ErrorClass),
    at: Millis,
) -> Conclusion<'c> {
    if state.open().is_some_and(OpenStep::is_fallback) {
        return Conclusion::Finish { directive: Some(OnFailure::Fallback) };
    }
    let ends = cut(state, depth, (status, class), at).is_some() || state.looped_at().is_some();
    match (directive(step, status).filter(|_| !ends), &step.fallback) {
        (Some(OnFailure::Fallback), Some(Fallback::Call(operation))) => Conclusion::Call(operation),
        (Some(OnFailure::Fallback), Some(Fallback::Output(output))) => Conclusion::Output(output),
        (directive, _) => Conclusion::Finish { directive },
    }
}

/// Whether the chain ends at `finished` because the step's author wants it so.
fn by_directive(step: &Step, finished: &FinishedStep) -> Option<Ending> {
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
    let at = culprit(finished);
    let class = at.event.error_classification;
    let http = at.event.http_status.map(|status| format!(", HTTP {status}")).unwrap_or_default();
    let why = format!("{}{http}", class.as_str());
    let message = match (&at.event.fallback_action_id, &at.event.action_id) {
        // Why the step did not succeed itself says nothing of its fallback.
        (Some(fallback), _) => {
            format!("step {} {what}: it fell back on {fallback} after {}", at.event.step_id, class.as_str())
        }
        (None, Some(action)) => format!("step {} ({action}) {what}: {why}", at.event.step_id),
        (None, None) => format!("step {} {what}: {why}", at.event.step_id),
    };
    let reason = reason(code, Some(at.event.step_id.clone()), &message);
    Some(Ending { status, reason, step: (event.status, class) })
}

/// The step that made `step` what it is: in a nested chain, the one that it ended at, if it did not end while the next one waited.
fn culprit(step: &FinishedStep) -> &FinishedStep {
    let Some((child, last)) = step.child.as_ref().and_then(|child| Some((child, child.steps.last()?))) else {
        return step;
    };
    let event = &last.event;
    let at_its_end = match child.final_status {
        FinalStatus::TerminatedEarly | FinalStatus::Indeterminate => true,
        FinalStatus::Cancelled => event.error_classification == ErrorClass::Cancelled,
        // No directive is applied to what a clock ended.
        FinalStatus::TimedOut => event.directive.is_none(),
        FinalStatus::Completed | FinalStatus::Expired | FinalStatus::Rejected => false,
    };
    if at_its_end && event.status == step.event.status { culprit(last) } else { step }
}

/// The run was taken up once too often. `status`: of the step that it was at.
fn crash_loop(step_id: String, status: StepStatus) -> Ending {
    let unknown = status == StepStatus::Unknown;
    let how = if unknown { FinalStatus::Indeterminate } else { FinalStatus::TerminatedEarly };
    let message = "its worker died, or gave up, several times in a row without getting any further with it";
    let step = (if unknown { StepStatus::Unknown } else { StepStatus::Failed }, ErrorClass::System);
    Ending { status: how, reason: reason(ReasonCode::CrashLoop, Some(step_id), message), step }
}

fn cancelled(step: Option<&FinishedStep>) -> Ending {
    let reason =
        reason(ReasonCode::Cancelled, step.map(|step| culprit(step).event.step_id.clone()), "the run was cancelled");
    let status = step.map_or(StepStatus::Failed, |step| step.event.status);
    Ending { status: FinalStatus::Cancelled, reason, step: (status, ErrorClass::Cancelled) }
}

fn timed_out(step_id: String, status: StepStatus) -> Ending {
    let reason = reason(ReasonCode::GlobalTimeout, Some(step_id), "global_timeout_seconds were over");
    Ending { status: FinalStatus::TimedOut, reason, step: (status, ErrorClass::Timeout) }
}

fn reason(code: ReasonCode, step_id: Option<String>, message: &str) -> Option<Reason> {
    Some(Reason { code, step_id, message: message.into() })
}
