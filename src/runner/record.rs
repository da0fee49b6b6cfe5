//! What came of an exchange goes into the log: the step's outcome, or a retry. Both are staged only, for
//! the intent of the next exchange, or the end of the run, may go the same way.

use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::Runner;
use super::attempt::active;
use super::drive::{Halt, Live};
use super::outcome::Trace;
use super::recorder::Entry;
use crate::chain::log::{EventBody, Private, StepRetried};
use crate::chain::run::{After, OpenStep, Room, after};
use crate::chain::stamp::millis;
use crate::chain::{ErrorClass, Retryable, StepPath, Verdict};
use crate::ports::{Answer, Call, Outcome, Permit};

/// The pause for a 429, at the least, even where it names a shorter one: a tenant that says "at once" over and over costs an
/// event each time, and no attempt.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// What an exchange that does not decide its step came to.
pub(super) struct Undecided {
    pub(super) class: ErrorClass,
    pub(super) http_status: Option<u16>,
    pub(super) response_hash: Option<String>,
    /// How long until the next one at least.
    pub(super) delay: Duration,
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
        let left = live.deadline().min(active(live).clock.deadline()).saturating_duration_since(Instant::now());
        let drawn = self.ports.dice.up_to(backoff.most(open.counted + 1));
        let delay = answer.retry_after.map_or(drawn, |at_least| drawn.max(at_least));
        let throttled = answer.verdict == Verdict::Throttled;
        let pause = if throttled { self.pause(live, answer.retry_after) } else { Duration::ZERO };
        permit.finish(gate_outcome(answer.verdict, pause));

        let path = open.path.clone();
        let chain = live.chain.clone();
        let Some(step) = chain.step(&path) else { unreachable!("a step at work is one of the chain") };
        let room = Room { left, delay, max_attempts: backoff.max_attempts };
        match after(step, &open, answer.verdict, room) {
            After::Retry { class, delay } => {
                let wait = if throttled { pause } else { delay };
                let undecided = Undecided {
                    class,
                    http_status: answer.http_status,
                    response_hash: answer.body.as_ref().map(|body| self.settings.hasher.hash(body)),
                    delay: wait,
                };
                let retried = self.retried(live, &path, call.attempt, undecided);
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
                self.retry(live, &path, unknown, retried)?;
                active(live).resume_at = (!delay.is_zero()).then(|| Instant::now() + delay);
                Ok(())
            }
            After::Finish { status, class } => {
                let trace = Trace {
                    http_status: answer.http_status,
                    response_hash: answer.body.as_ref().map(|body| self.settings.hasher.hash(body)),
                    data: answer.data,
                    message: answer.message,
                    child: None,
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

    /// What is told of the exchange of this number, the last one, which does not decide its step.
    pub(super) fn retried(&self, live: &Live, path: &StepPath, attempt: u32, undecided: Undecided) -> StepRetried {
        let open = live.recorder.state().open();
        let fallback = open.is_some_and(OpenStep::is_fallback);
        StepRetried {
            step_index: path.index(),
            step_id: live.chain.step_id(path),
            action_id: live.operation(path, fallback).action.clone(),
            attempt,
            payload_hash: open.and_then(|open| open.payload_hash.clone()).unwrap_or_default(),
            response_hash: undecided.response_hash,
            hash_alg: self.settings.hasher.algorithm(),
            error_classification: undecided.class,
            http_status: undecided.http_status,
            delay_ms: millis(undecided.delay),
        }
    }

    pub(super) fn retry(
        &self,
        live: &mut Live,
        step: &StepPath,
        unknown: bool,
        retried: StepRetried,
    ) -> Result<(), Halt> {
        let clock = &mut active(live).clock;
        let (spent_ms, gate_wait_ms) = (millis(clock.spent()), millis(clock.waited()));
        let attempted = Private::Attempted { step: step.clone(), unknown, spent_ms, gate_wait_ms };
        let event = live.step_event(step, EventBody::StepRetried(retried));
        let batch = vec![Entry::Private(attempted), event];
        live.recorder.stage(batch)?;
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
