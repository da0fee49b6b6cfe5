//! What came of an exchange, or of its absence, goes into the log: the step's outcome, or a retry. Both are staged only, for
//! the intent of the next exchange, or the end of the run, may go the same way.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tracing::{debug, info};

use super::Runner;
use super::attempt::{active, step};
use super::drive::{Halt, Live};
use super::recorder::Entry;
use crate::chain::log::{EventBody, Private, StepFinished, StepRetried};
use crate::chain::run::{After, OpenStep, Room, after, applied, undone};
use crate::chain::stamp::millis;
use crate::chain::{ErrorClass, OnFailure, Retryable, StepPath, StepStatus, Verdict};
use crate::ports::{Answer, Call, Outcome, Permit};

/// The pause for a 429, at the least, even where it names a shorter one: a tenant that says "at once" over and over costs an
/// event each time, and no attempt.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// What is known of a step's end besides its status and class.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) http_status: Option<u16>,
    pub(super) data: Option<Value>,
    pub(super) message: Option<String>,
    pub(super) response_hash: Option<String>,
}

impl Runner {
    /// Records what came of the exchange: the step's outcome, or a retry.
    pub(super) async fn record(
        &self,
        live: &mut Live,
        call: &Call,
        answer: Answer,
        permit: Permit,
    ) -> Result<(), Halt> {
        let backoff = self.backoff(&live.chain.tenant);
        let open = open_step(live);
        let left = live.deadline.min(active(live).clock.deadline()).saturating_duration_since(Instant::now());
        let drawn = self.ports.dice.up_to(backoff.most(open.counted + 1));
        let delay = answer.retry_after.map_or(drawn, |at_least| drawn.max(at_least));
        let throttled = answer.verdict == Verdict::Throttled;
        let pause = if throttled { self.pause(live, answer.retry_after) } else { Duration::ZERO };
        permit.finish(gate_outcome(answer.verdict, pause));

        let path = open.path.clone();
        let step = step(live, &path);
        let room = Room { left, delay, max_attempts: backoff.max_attempts };
        match after(step, &open, answer.verdict, room) {
            After::Retry { class, delay } => {
                let wait = if throttled { pause } else { delay };
                let retried = StepRetried {
                    step_index: path.index(),
                    step_id: call.step_id.clone(),
                    action_id: call.action.clone(),
                    attempt: call.attempt,
                    payload_hash: self.settings.hasher.hash(&call.request.body),
                    response_hash: answer.body.as_ref().map(|body| self.settings.hasher.hash(body)),
                    hash_alg: self.settings.hasher.algorithm(),
                    error_classification: class,
                    http_status: answer.http_status,
                    delay_ms: millis(wait),
                };
                debug!(
                    class = class.as_str(),
                    http_status = answer.http_status,
                    wait_ms = millis(wait),
                    "step to be tried again"
                );
                // An answer of no use is the answer to a call that was made: the next one may be its second.
                let unknown = matches!(
                    answer.verdict,
                    Verdict::Unknown { .. } | Verdict::Failed { class: ErrorClass::ResponseInvalid, .. }
                );
                self.retry(live, path, unknown, retried)?;
                active(live).resume_at = (!delay.is_zero()).then(|| Instant::now() + delay);
                Ok(())
            }
            After::Finish { status, class } => {
                let trace = Trace {
                    http_status: answer.http_status,
                    response_hash: answer.body.as_ref().map(|body| self.settings.hasher.hash(body)),
                    data: answer.data,
                    message: answer.message,
                };
                self.end_step(live, &path, (status, class), trace)
            }
            After::Poll => self.submitted(live, path, answer).await,
        }
    }

    /// How long a 429 pauses the tenant: as long as it said, else as a back-off would.
    pub(super) fn pause(&self, live: &mut Live, said: Option<Duration>) -> Duration {
        let backoff = self.backoff(&live.chain.tenant);
        let active = active(live);
        active.throttled += 1;
        let drawn = self.ports.dice.up_to(backoff.most(active.throttled));
        said.unwrap_or(drawn).max(SHORTEST_PAUSE)
    }

    fn retry(&self, live: &mut Live, step: StepPath, unknown: bool, retried: StepRetried) -> Result<(), Halt> {
        let clock = &mut active(live).clock;
        let (spent_ms, gate_wait_ms) = (millis(clock.spent()), millis(clock.waited()));
        let attempted = Private::Attempted { step, unknown, spent_ms, gate_wait_ms };
        let batch = vec![Entry::Private(attempted), Entry::Event(EventBody::StepRetried(retried))];
        live.recorder.stage(batch)?;
        Ok(())
    }

    /// A worker died with an exchange of this step in flight.
    pub(super) fn lost(&self, live: &mut Live, path: StepPath, resend: bool) -> Result<(), Halt> {
        self.activate(live, &path);
        if !resend {
            let message = "a worker died before it could record the answer".to_owned();
            let trace = Trace { message: Some(message), ..Trace::default() };
            return self.end_step(live, &path, (StepStatus::Unknown, ErrorClass::OutcomeUnknown), trace);
        }
        let open = open_step(live);
        let body = active(live).request.body.clone();
        let step = step(live, &path);
        let retried = StepRetried {
            step_index: path.index(),
            step_id: step.id.to_string(),
            action_id: super::attempt::call(step).action.clone(),
            attempt: open.intent.unwrap_or(open.attempts),
            payload_hash: self.settings.hasher.hash(&body),
            response_hash: None,
            hash_alg: self.settings.hasher.algorithm(),
            error_classification: ErrorClass::OutcomeUnknown,
            http_status: None,
            delay_ms: 0,
        };
        self.retry(live, path, true, retried)
    }

    /// The step gets no further exchange.
    pub(super) fn give_up(&self, live: &mut Live, path: &StepPath, class: ErrorClass) -> Result<(), Halt> {
        self.activate(live, path);
        let open = live.recorder.state().open().cloned().unwrap_or_else(|| OpenStep::new(path.clone()));
        let status = undone(&open);
        let why = match (&open.job, class) {
            (Some(_), _) => "the run ended before the job was over",
            (None, ErrorClass::Validation) => "a required parameter is null",
            (None, _) => "the run ended while the step waited for its next attempt",
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

    pub(super) fn end_step(
        &self,
        live: &mut Live,
        path: &StepPath,
        (status, class): (StepStatus, ErrorClass),
        trace: Trace,
    ) -> Result<(), Halt> {
        let Some(mut active) = live.step.take() else { unreachable!("a step that ends was at work") };
        let open = live.recorder.state().open().cloned().unwrap_or_else(|| OpenStep::new(path.clone()));
        let step = step(live, path);
        let at = live.recorder.now();
        let attempts = open.intent.unwrap_or(open.attempts);
        let sent = attempts > 0;
        let success = status == StepStatus::Success;
        let message = (!success).then(|| trace.message.unwrap_or_else(|| class.as_str().to_owned()));
        let finished = StepFinished {
            step_index: path.index(),
            step_id: step.id.to_string(),
            action_id: super::attempt::call(step).action.clone(),
            status,
            http_status: trace.http_status,
            attempts,
            polls: active.polling.polls,
            latency_ms: millis(active.clock.spent()),
            gate_wait_ms: millis(active.clock.waited()),
            job_id: open.job.map(|job| job.id.to_string()),
            payload_hash: sent.then(|| self.settings.hasher.hash(&active.request.body)),
            response_hash: trace.response_hash,
            hash_alg: self.settings.hasher.algorithm(),
            error_classification: class,
            directive: applied(live.recorder.state(), step, (status, class), at),
            fallback_used: false,
            maybe_repeated: open.maybe_carried_out && attempts > 1,
        };
        let (word, class_word, http_status) = (status.as_str(), class.as_str(), finished.http_status);
        match finished.directive {
            Some(OnFailure::Continue | OnFailure::Fallback) => {
                info!(
                    status = word,
                    class = class_word,
                    http_status,
                    attempts,
                    "the step did not succeed, and the chain goes on"
                );
            }
            // It ends the run, whose line tells all of it.
            Some(OnFailure::Abort) | None => {
                debug!(status = word, class = class_word, http_status, attempts, "step finished");
            }
        }
        let omitted = class == ErrorClass::ResponseTooLarge;
        let data = trace.data.filter(|_| success).map(Into::into);
        let data = Private::StepData { step: path.clone(), data, message, omitted };
        let batch = vec![Entry::Private(data), Entry::Event(EventBody::StepFinished(finished))];
        live.recorder.stage_at(at, batch)?;
        Ok(())
    }
}

fn gate_outcome(verdict: Verdict, pause: Duration) -> Outcome {
    match verdict {
        Verdict::Throttled => Outcome::Throttled(pause),
        Verdict::Unknown { .. }
        | Verdict::Failed { class: ErrorClass::ComputeClusterUnavailable, .. }
        | Verdict::Failed { class: ErrorClass::Network | ErrorClass::Timeout, retry: Retryable::Yes } => {
            Outcome::Trouble
        }
        Verdict::Success { .. } | Verdict::Submitted | Verdict::Failed { .. } | Verdict::Unauthorized => {
            Outcome::Answered
        }
    }
}

pub(super) fn open_step(live: &Live) -> OpenStep {
    let Some(open) = live.recorder.state().open() else { unreachable!("an exchange has an intent") };
    open.clone()
}
