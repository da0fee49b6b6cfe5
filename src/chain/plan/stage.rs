//! One step of a plan.

use std::time::Duration;

use serde::Serialize;

use super::super::definition::{Fallback, Mode, OnFailure, OnUnknown, Operation, Step, Work};
use super::super::ids::{ActionId, ChainId};
use super::terms::{Terms, seconds};
use super::time::Time;
use super::uses::{Sight, Use};

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// Its id; `parent.child` where it is nested.
    pub id: String,
    /// What it does.
    #[serde(flatten)]
    pub task: Task,
    /// Its condition, as it was written: it is skipped when that is not met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The names of what is taken out of its output.
    pub extracts: Vec<String>,
    /// The earlier steps whose data it uses.
    pub uses: Vec<Use>,
    /// What happens when it does not succeed.
    pub on_failure: OnFailure,
    /// What takes its place then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Substitute>,
    /// What becomes of it when nobody learns what came of its call; `None` where it has a chain instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub if_lost: Option<Lost>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Task {
    /// A call.
    Call(Exchange),
    /// A chain of its own.
    Chain {
        /// Its name.
        chain_id: ChainId,
        /// How long its steps take.
        time: Time,
        /// They themselves.
        steps: Vec<Stage>,
    },
}

/// A call with its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exchange {
    /// The operation.
    pub action_id: ActionId,
    /// Whether it is a job.
    pub job: bool,
    /// The step's clock.
    #[serde(rename = "timeout_seconds", serialize_with = "seconds")]
    pub timeout: Duration,
    /// How often it is made at most.
    pub attempts: u32,
    /// How often its job is asked after at most.
    pub polls: u32,
    /// Whether making it twice is harmless.
    pub idempotent: bool,
}

/// What takes the place of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Substitute {
    /// Another call.
    Call {
        /// It, with its bounds.
        #[serde(flatten)]
        call: Exchange,
        /// What becomes of the step when nobody learns what came of it.
        if_lost: Lost,
    },
    /// A fixed output.
    Output,
}

/// What becomes of a call when nobody learns what came of it: its worker died, or its connection broke, before the answer was there.
/// A call that has none when its step's time is over is `unknown`, whatever is said here: there is no time to send it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// It is sent again while attempts are left, and may have been made twice then: its author says that this is harmless.
    Repeated,
    /// It is sent again while attempts are left, and may have been made twice then: its author has not said that this is harmless, but
    /// asks for it.
    RepeatedRegardless,
    /// As `Repeated`, but only when its worker died: it has one attempt, which that does not use up. Else the step is `unknown`; what is
    /// next.
    RepeatedIfWorkerDied(Then),
    /// As `RepeatedRegardless`, but only when its worker died.
    RepeatedRegardlessIfWorkerDied(Then),
    /// The step is `unknown`; what is next.
    Unknown(Then),
}

/// What is next after a step whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The chain ends, `indeterminate`.
    Ends,
    /// The next step.
    GoesOn,
    /// The fallback.
    FallsBack,
}

/// The stages of `steps`, whose ids get `prefix`.
pub(super) fn all(steps: &[Step], prefix: &str, sight: &Sight<'_>, terms: &Terms) -> Vec<Stage> {
    let stages = steps.iter().enumerate();
    stages.map(|(index, step)| Stage::of(step, prefix, &sight.at(index), terms)).collect()
}

impl Stage {
    fn of(step: &Step, prefix: &str, sight: &Sight<'_>, terms: &Terms) -> Self {
        let id = format!("{prefix}{}", step.id);
        let task = match &step.work {
            Work::Call(operation) => Task::Call(Exchange::of(operation, terms)),
            Work::Chain(nested) => {
                let within = format!("{id}.");
                let steps = all(&nested.steps, &within, &sight.within(&nested.steps, &within), terms);
                let time = Time::of(&steps, nested.global_timeout);
                Task::Chain { chain_id: nested.chain_id.clone(), time, steps }
            }
        };
        let fallback = step.fallback.as_ref().map(|fallback| match fallback {
            Fallback::Call(operation) => {
                let call = Exchange::of(operation, terms);
                let if_lost = lost(step, &call, Then::GoesOn);
                Substitute::Call { call, if_lost }
            }
            Fallback::Output(_) => Substitute::Output,
        });
        Self {
            uses: sight.uses(step),
            when: step.when.as_ref().map(|condition| condition.text().to_owned()),
            extracts: step.extract.names().map(str::to_owned).collect(),
            on_failure: step.on_failure,
            if_lost: match &task {
                Task::Call(call) => Some(lost(step, call, next(step))),
                Task::Chain { .. } => None,
            },
            id,
            task,
            fallback,
        }
    }

    /// The steps of its own chain.
    #[must_use]
    pub fn nested(&self) -> &[Stage] {
        match &self.task {
            Task::Call(_) => &[],
            Task::Chain { steps, .. } => steps,
        }
    }

    /// The call that takes its place.
    #[must_use]
    pub fn fallback_call(&self) -> Option<&Exchange> {
        match &self.fallback {
            Some(Substitute::Call { call, .. }) => Some(call),
            Some(Substitute::Output) | None => None,
        }
    }
}

impl Exchange {
    fn of(operation: &Operation, terms: &Terms) -> Self {
        let job = matches!(operation.mode, Mode::Job(_));
        Self {
            action_id: operation.action.clone(),
            job,
            timeout: operation.timeout,
            attempts: u32::from(operation.max_attempts.unwrap_or(terms.max_attempts)),
            polls: if job { polls(operation.timeout, terms.poll) } else { 0 },
            idempotent: operation.idempotent,
        }
    }
}

/// One after each interval, and a last one before the time is over.
fn polls(timeout: Duration, interval: Duration) -> u32 {
    let polls = timeout.as_nanos().div_ceil(interval.as_nanos().max(1));
    u32::try_from(polls).unwrap_or(u32::MAX)
}

/// What becomes of `step` when nobody learns what came of `call`, its own or its fallback's. `then`: what is next unless it ends there.
fn lost(step: &Step, call: &Exchange, then: Then) -> Lost {
    let then = if step.on_unknown == OnUnknown::Stop { Then::Ends } else { then };
    let once = call.attempts == 1;
    match (call.idempotent, step.on_unknown) {
        (true, _) if once => Lost::RepeatedIfWorkerDied(then),
        (true, _) => Lost::Repeated,
        (false, OnUnknown::Retry) if once => Lost::RepeatedRegardlessIfWorkerDied(then),
        (false, OnUnknown::Retry) => Lost::RepeatedRegardless,
        (false, OnUnknown::AsFailure | OnUnknown::Stop) => Lost::Unknown(then),
    }
}

/// What is next after a step whose own call has an unknown outcome.
fn next(step: &Step) -> Then {
    match step.on_failure {
        OnFailure::Abort => Then::Ends,
        OnFailure::Continue => Then::GoesOn,
        OnFailure::Fallback if step.fallback.is_some() => Then::FallsBack,
        OnFailure::Fallback => Then::GoesOn,
    }
}
