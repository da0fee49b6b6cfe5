//! A step whose turn it is: found ready, and made the one at work; or skipped, refused, or entered, if it is a chain.

use serde_json::Value;
use tokio::time::Instant;
use tracing::debug;

use super::Runner;
use super::clock::StepClock;
use super::drive::{Halt, Live};
use super::job::Polling;
use super::outcome::Trace;
use super::recorder::Entry;
use crate::chain::log::Private;
use crate::chain::result::FinalStatus;
use crate::chain::run::{Child, OpenStep, Readiness, readiness, render, undone};
use crate::chain::{ErrorClass, Operation, StepPath, StepStatus};
use crate::ports::Prepared;

/// The step at work, as far as it lives in this process only.
pub(super) struct ActiveStep {
    pub(super) path: StepPath,
    /// Whether it is its fallback that is at work.
    pub(super) fallback: bool,
    pub(super) clock: StepClock,
    /// What goes out.
    pub(super) request: Prepared,
    /// When the back-off is over.
    pub(super) resume_at: Option<Instant>,
    /// How many 429s in this process.
    pub(super) throttled: u32,
    /// The polls of its job, once there is one.
    pub(super) polling: Polling,
}

impl Runner {
    /// Makes the step the one at work, if there is something to be sent for it. If not, that is staged, and the core is to be asked
    /// again.
    pub(super) fn begin(&self, live: &mut Live, path: &StepPath) -> Result<bool, Halt> {
        if live.is_at_work(path) {
            return Ok(true);
        }
        let chain = live.chain.clone();
        match readiness(&chain, live.recorder.state(), live.recorder.run_id(), path) {
            Readiness::Send(operation, payload) => match self.prepare(live, operation, &payload) {
                Ok(request) => {
                    self.put_to_work(live, path, operation, request);
                    return Ok(true);
                }
                Err(why) => self.refuse(live, path, why)?,
            },
            Readiness::Enter => self.enter(live, path)?,
            Readiness::Skip => {
                self.end_step(live, path, (StepStatus::Skipped, ErrorClass::None), Trace::default())?;
            }
            Readiness::Refuse(why) => self.refuse(live, path, why)?,
        }
        Ok(false)
    }

    /// Makes a step that had begun the one at work, again. What was sent once is ready for as long as the configuration of its action
    /// stays as it is.
    pub(super) fn take_up(&self, live: &mut Live, path: &StepPath) {
        if live.is_at_work(path) {
            return;
        }
        let chain = live.chain.clone();
        let open = live.recorder.state().open();
        let fallback = open.is_some_and(OpenStep::is_fallback);
        let Some(operation) = chain.step(path).and_then(|step| step.operation(fallback)) else { return };
        let ready = readiness(&chain, live.recorder.state(), live.recorder.run_id(), path);
        let mut request = match ready {
            Readiness::Send(_, payload) => self.prepare(live, operation, &payload).unwrap_or_default(),
            Readiness::Enter | Readiness::Skip | Readiness::Refuse(_) => Prepared::default(),
        };
        // What was hidden when it was sent stays so, though it may not be sent any more.
        if let Some(job) = open.and_then(|open| open.job.as_ref()).filter(|job| !job.redaction.is_empty())
            && let Ok(payload) = render(&chain, live.recorder.state(), live.recorder.run_id(), path, &operation.payload)
        {
            request.hidden = request.hidden.and(job.redaction.texts(&payload));
        }
        self.put_to_work(live, path, operation, request);
    }

    fn prepare(
        &self,
        live: &Live,
        operation: &Operation,
        payload: &serde_json::Map<String, Value>,
    ) -> Result<Prepared, String> {
        self.ports.actions.prepare(&live.chain.tenant, &operation.action, &operation.mode, payload)
    }

    fn put_to_work(&self, live: &mut Live, path: &StepPath, operation: &Operation, request: Prepared) {
        let open = live.recorder.state().open();
        let (spent, waited) = open.map_or((0, 0), |open| (open.spent_ms, open.gate_wait_ms));
        let job = open.and_then(|open| open.job.as_ref());
        let left = open.and_then(|open| open.not_before).map(|at| at.since(live.recorder.now()));
        live.step = Some(ActiveStep {
            path: path.clone(),
            fallback: open.is_some_and(OpenStep::is_fallback),
            clock: StepClock::resume(job.map_or(operation.timeout, |job| job.limit), spent, waited),
            request,
            // What a worker before this one had left of its back-off.
            resume_at: left.filter(|left| !left.is_zero()).map(|left| Instant::now() + left),
            throttled: 0,
            polling: Polling::resume(job),
        });
    }

    fn refuse(&self, live: &mut Live, path: &StepPath, why: String) -> Result<(), Halt> {
        let trace = Trace { message: Some(why), ..Trace::default() };
        // What may be sent can change with the configuration, between two attempts of one step.
        let begun = live.recorder.state().open().filter(|open| open.path == *path);
        let status = begun.map_or(StepStatus::Failed, undone);
        self.end_step(live, path, (status, ErrorClass::Validation), trace)
    }

    /// The chain that is nested in the step begins, and with it its clock.
    fn enter(&self, live: &mut Live, path: &StepPath) -> Result<(), Halt> {
        let at = live.recorder.now();
        let timeout = live.chain.level(Some(path)).and_then(|level| level.timeout);
        let deadline = timeout.map(|timeout| at.plus(timeout));
        debug!("nested chain begun");
        live.recorder.stage_at(at, vec![Entry::Private(Private::Entered { step: path.clone(), at, deadline })])?;
        live.entered(timeout);
        Ok(())
    }

    /// The chain that is nested in the step is over, and what it came to is the step's outcome.
    pub(super) fn leave(
        &self,
        live: &mut Live,
        path: &StepPath,
        final_status: FinalStatus,
        outcome: (StepStatus, ErrorClass),
    ) -> Result<(), Halt> {
        // A step of the chain that waited for its turn, and never got it, is none that was reached.
        live.step = None;
        let steps = live.recorder.state().frame().steps.clone();
        // Where a clock or a cancel ended the chain, its last step is not to blame.
        let blamed = matches!(final_status, FinalStatus::TerminatedEarly | FinalStatus::Indeterminate);
        let last = steps.last().filter(|_| blamed).and_then(|last| last.message.clone());
        let why = last.map_or_else(String::new, |message| format!(": {message}"));
        let child = Child::new(final_status, steps);
        let trace = Trace {
            message: Some(format!("its chain ended {}{why}", final_status.as_str())),
            child: Some(child),
            ..Trace::default()
        };
        self.end_step(live, path, outcome, trace)
    }
}

impl Live {
    fn is_at_work(&self, path: &StepPath) -> bool {
        let fallback = self.recorder.state().open().is_some_and(OpenStep::is_fallback);
        self.step.as_ref().is_some_and(|active| active.path == *path && active.fallback == fallback)
    }
}
