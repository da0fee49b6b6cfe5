//! How a step goes on, or ends, without an exchange: its worker died over it, its run is over, or it cannot be sent.

use std::time::Duration;

use super::Runner;
use super::attempt::active;
use super::drive::{Halt, Live};
use super::outcome::Trace;
use super::record::{Undecided, open_step};
use crate::chain::run::{OpenStep, undone};
use crate::chain::{ErrorClass, StepPath, StepStatus};

impl Runner {
    /// A worker died with an exchange of this step in flight.
    pub(super) fn lost(&self, live: &mut Live, path: &StepPath, resend: bool) -> Result<(), Halt> {
        self.take_up(live, path);
        if !resend {
            let message = "a worker died before it could record the answer".to_owned();
            let trace = Trace { message: Some(message), ..Trace::default() };
            return self.end_step(live, path, (StepStatus::Unknown, ErrorClass::OutcomeUnknown), trace);
        }
        let open = open_step(live);
        let class = ErrorClass::OutcomeUnknown;
        let undecided = Undecided { class, http_status: None, response_hash: None, delay: Duration::ZERO };
        let retried = self.retried(live, path, open.intent.unwrap_or(open.attempts), undecided);
        self.retry(live, path, true, retried)?;
        // Whether it may be sent still is asked anew: the configuration can be another one.
        live.step = None;
        Ok(())
    }

    /// The step gets no further exchange.
    pub(super) fn give_up(&self, live: &mut Live, path: &StepPath, class: ErrorClass) -> Result<(), Halt> {
        self.take_up(live, path);
        let open = live.recorder.state().open().cloned().unwrap_or_else(|| OpenStep::new(path.clone()));
        let status = undone(&open);
        let why = match &open.job {
            Some(_) => "the run ended before the job was over",
            None => "the run ended while the step waited for its next attempt",
        };
        let http_status = if open.job.is_some() { active(live).polling.http_status } else { open.last_status };
        let trace = Trace { http_status, message: Some(why.into()), ..Trace::default() };
        self.end_step(live, path, (status, class), trace)
    }

    /// The step failed without another exchange.
    pub(super) fn end_unsent<T>(&self, live: &mut Live, class: ErrorClass, message: &str) -> Result<Option<T>, Halt> {
        let path = active(live).path.clone();
        let open = live.recorder.state().open();
        let status = open.map_or(StepStatus::Failed, undone);
        let http_status = open.and_then(|open| open.last_status);
        let trace = Trace { http_status, message: Some(message.to_owned()), ..Trace::default() };
        self.end_step(live, &path, (status, class), trace)?;
        Ok(None)
    }
}
