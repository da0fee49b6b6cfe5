//! What one exchange means for its step: the right-hand columns of the table of 4.5 of the contract.

use std::time::Duration;

use super::super::definition::{OnFailure, OnUnknown, Operation, Step};
use super::super::outcome::{ErrorClass, Retryable, StepStatus, Verdict};
use super::open::OpenStep;

/// What follows from an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The step has its outcome.
    Finish {
        /// What is known of it.
        status: StepStatus,
        /// Its classification.
        class: ErrorClass,
    },
    /// One more exchange, after `delay`.
    Retry {
        /// Why the last one did not decide the step.
        class: ErrorClass,
        /// Back-off on the step's own clock. (A throttled step does not back off: it waits at the gate, which is paused.)
        delay: Duration,
    },
    /// The step's job is under way: it is polled from now on.
    Poll,
}

/// What the runner knows when an exchange is over: time and chance, as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// What is left of the step clock and of the run clock, whichever is less.
    pub left: Duration,
    /// The back-off drawn for a retry.
    pub delay: Duration,
    /// The tenant's `retry.max_attempts`, for steps without one of their own.
    pub max_attempts: u8,
}

/// Decides what follows from `verdict` on the exchange that is in flight for `step`.
#[must_use]
pub fn after(step: &Step, open: &OpenStep, verdict: Verdict, room: Room) -> After {
    match verdict {
        Verdict::Submitted => After::Poll,
        Verdict::Success { class } => After::Finish { status: StepStatus::Success, class },
        Verdict::Failed { class, retry } => {
            let may = match retry {
                Retryable::No => false,
                Retryable::Yes => true,
                Retryable::IfIdempotent => is_idempotent(step, open),
            };
            let status = if retry == Retryable::Yes { undone(open) } else { StepStatus::Failed };
            again(step, open, room, may, status, class)
        }
        Verdict::Unknown { class } => {
            let may = may_be_sent_again(step, open);
            again(step, open, room, may, StepStatus::Unknown, class)
        }
        Verdict::Throttled => free(open, !room.left.is_zero(), ErrorClass::RateLimited),
        Verdict::Unauthorized => free(open, !open.reauthorized && !room.left.is_zero(), ErrorClass::Authentication),
    }
}

/// What is called for the step now: its own operation, or its fallback's.
#[must_use]
pub fn operation<'c>(step: &'c Step, open: &OpenStep) -> Option<&'c Operation> {
    step.operation(open.is_fallback())
}

/// Whether an exchange of which nobody knows what came of it may be made again.
#[must_use]
pub fn may_be_sent_again(step: &Step, open: &OpenStep) -> bool {
    is_idempotent(step, open) || step.on_unknown == OnUnknown::Retry
}

fn is_idempotent(step: &Step, open: &OpenStep) -> bool {
    operation(step, open).is_some_and(|operation| operation.idempotent)
}

/// What is known of a step whose last exchange was provably not carried out: that it failed, unless an earlier exchange may
/// have been carried out, be it one from before its fallback took its place, or a job of it is under way.
#[must_use]
pub fn undone(open: &OpenStep) -> StepStatus {
    let unknown_before = open.first.as_ref().is_some_and(|first| first.status == StepStatus::Unknown);
    if open.maybe_carried_out || open.job.is_some() || unknown_before {
        StepStatus::Unknown
    } else {
        StepStatus::Failed
    }
}

/// A repeat that costs an attempt and a back-off. A back-off that would pass the deadline fails at once.
fn again(step: &Step, open: &OpenStep, room: Room, may: bool, status: StepStatus, class: ErrorClass) -> After {
    let max = u32::from(operation(step, open).and_then(|call| call.max_attempts).unwrap_or(room.max_attempts));
    if may && open.counted + 1 < max && room.delay < room.left {
        After::Retry { class, delay: room.delay }
    } else {
        After::Finish { status, class }
    }
}

/// A repeat that costs neither.
fn free(open: &OpenStep, may: bool, class: ErrorClass) -> After {
    if may { After::Retry { class, delay: Duration::ZERO } } else { After::Finish { status: undone(open), class } }
}

/// The `on_failure` directive that applies to a step that ended so, if one does.
#[must_use]
pub fn directive(step: &Step, status: StepStatus) -> Option<OnFailure> {
    match status {
        StepStatus::Success | StepStatus::Skipped => None,
        StepStatus::Unknown if step.on_unknown == OnUnknown::Stop => None,
        StepStatus::Failed | StepStatus::Unknown => Some(step.on_failure),
    }
}
