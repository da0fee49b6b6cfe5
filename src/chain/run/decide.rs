//! What a run does next.

use super::super::definition::Chain;
use super::super::ids::StepPath;
use super::super::log::RunResumed;
use super::super::outcome::{ErrorClass, StepStatus};
use super::super::result::{FinalStatus, Reason};
use super::after::may_be_sent_again;
use super::ending::{Ending, ending};
use super::state::RunState;

/// What the world asks of the run at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The run clock is over.
    pub clock_over: bool,
    /// The clock of a nested chain is over: of the outermost such one, by its place among the run's [frames](RunState::frames).
    pub nested_over: Option<usize>,
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
    /// Find out whether it is [ready](super::readiness()): skip it, enter its chain; or token, permit, intent, exchange.
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
    /// The chain that is nested in the step is over, and so is the step.
    Leave {
        /// The step.
        step: StepPath,
        /// How its chain ended.
        child: FinalStatus,
        /// What is known of the step by that.
        status: StepStatus,
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
    let over = inputs.clock_over || inputs.nested_over.is_some_and(|frame| frame < state.frames().len());
    if let Some(open) = state.open() {
        let step = || open.path.clone();
        if open.intent.is_some() {
            let may = chain.step(&open.path).is_some_and(|step| may_be_sent_again(step, open));
            let closing = open.first.as_ref().is_some_and(|first| first.closing);
            return Command::Lost { step: step(), resend: may && !over && !closing && state.looped_at().is_none() };
        }
        if state.looped_at().is_some() {
            return Command::GiveUp { step: step(), class: ErrorClass::System };
        }
        if state.cancel_requested() {
            return Command::GiveUp { step: step(), class: ErrorClass::Cancelled };
        }
        if over {
            let job = open.job.as_ref().map(|job| job.progress.overdue());
            let class = job.or(open.last_class).unwrap_or(ErrorClass::Timeout);
            return Command::GiveUp { step: step(), class };
        }
        if open.job.is_some() && !inputs.hand_back {
            return Command::Poll { step: step() };
        }
    }
    between_steps(chain, state, inputs, over)
}

/// Says who goes on, and where.
fn resume(chain: &Chain, state: &RunState) -> Command {
    let frame = state.frame();
    let next = state.open().map_or_else(|| frame.next(), |open| open.path.clone());
    let last = || frame.steps.last().map(|step| step.event.step_id.clone());
    let from_step = chain.step(&next).map(|_| chain.step_id(&next)).or_else(last).unwrap_or_default();
    Command::Resume(RunResumed { from_step, previous_worker: state.worker().to_owned() })
}

/// No exchange is in flight: end the chain that the run is in, or go on with its next step.
fn between_steps(chain: &Chain, state: &RunState, inputs: Inputs, over: bool) -> Command {
    match (ending(chain, state, inputs, over), state.frame().within.clone()) {
        (Some(Ending { status, reason, .. }), None) => Command::Finish { status, reason },
        // Nothing has begun, so there is nothing to leave.
        (Some(Ending { status: status @ FinalStatus::Expired, reason, .. }), Some(_)) => {
            Command::Finish { status, reason }
        }
        (Some(Ending { status: child, step: (status, class), .. }), Some(step)) => {
            Command::Leave { step, child, status, class }
        }
        (None, _) if inputs.hand_back => Command::HandBack,
        (None, _) => Command::Try { step: state.frame().next() },
    }
}
