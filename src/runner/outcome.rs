//! How a step ends: what is extracted, whether a fallback takes its place, and the event and the record that say so. All of it is
//! staged only.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tracing::{debug, info};

use super::Runner;
use super::begin::ActiveStep;
use super::drive::{Halt, Live};
use super::record::Undecided;
use super::recorder::Entry;
use crate::chain::log::{EventBody, Private, StepFinished};
use crate::chain::run::{Child, Conclusion, OpenStep, conclude, render};
use crate::chain::stamp::{Millis, millis};
use crate::chain::{ErrorClass, OnFailure, Step, StepPath, StepStatus};

/// What is known of a step's end besides its status and class.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) http_status: Option<u16>,
    pub(super) data: Option<Value>,
    pub(super) message: Option<String>,
    pub(super) response_hash: Option<String>,
    /// The chain that was nested in it.
    pub(super) child: Option<Child>,
}

impl Trace {
    /// What later steps see.
    fn output(&self) -> Option<&Value> {
        self.child.as_ref().map(Child::output).or(self.data.as_ref())
    }
}

/// How a step ends.
struct End {
    status: StepStatus,
    class: ErrorClass,
    extracted: Map<String, Value>,
    directive: Option<OnFailure>,
    /// A fixed output took its place.
    substituted: bool,
    trace: Trace,
}

impl Runner {
    /// The step came to `status` and `class`: it ends so, or its fallback takes its place.
    pub(super) fn end_step(
        &self,
        live: &mut Live,
        path: &StepPath,
        (status, class): (StepStatus, ErrorClass),
        trace: Trace,
    ) -> Result<(), Halt> {
        let chain = live.chain.clone();
        let Some(step) = chain.step(path) else { unreachable!("a step that ends is one of the chain") };
        let at = live.recorder.now();
        let mut end = End { status, class, extracted: Map::new(), directive: None, substituted: false, trace };
        end.extract(step);
        let depth = path.indices().len();
        match conclude(live.recorder.state(), step, depth, (end.status, end.class), at) {
            Conclusion::Finish { directive } => end.directive = directive,
            Conclusion::Call(_) => return self.fall_back(live, path, &end, at),
            Conclusion::Output(output) => {
                end.directive = Some(OnFailure::Fallback);
                match render(&chain, live.recorder.state(), live.recorder.run_id(), path, output) {
                    Ok(output) => {
                        if end.trace.child.is_some() {
                            let entry = fell_back(path, &end, live.step.as_mut(), live.recorder.state().open());
                            live.recorder.stage_at(at, vec![entry])?;
                            end.trace.child = None;
                        }
                        end.substitute(output);
                        let class = end.class;
                        end.extract(step);
                        // Why the step did not succeed itself is what is told, whatever became of its fallback.
                        end.class = class;
                    }
                    Err(why) => end.trace.message = Some(format!("the fallback's output{why}")),
                }
            }
        }
        self.finish_step(live, path, step, end, at)
    }

    /// Another call takes the step's place. An exchange that no event tells yet is told, and its intent closed, by a retry.
    fn fall_back(&self, live: &mut Live, path: &StepPath, end: &End, at: Millis) -> Result<(), Halt> {
        let mut active = live.step.take();
        let open = live.recorder.state().open();
        let unclosed = open.and_then(OpenStep::untold);
        let mut batch = vec![fell_back(path, end, active.as_mut(), open)];
        if let Some(attempt) = unclosed {
            let undecided = Undecided {
                class: end.class,
                http_status: end.trace.http_status,
                response_hash: end.trace.response_hash.clone(),
                delay: Duration::ZERO,
            };
            let retried = self.retried(live, path, attempt, undecided);
            batch.push(live.step_event(path, EventBody::StepRetried(retried)));
        }
        let (status, class) = (end.status.as_str(), end.class.as_str());
        info!(
            status,
            class,
            http_status = end.trace.http_status,
            "the step did not succeed, and its fallback is called"
        );
        live.recorder.stage_at(at, batch)?;
        Ok(())
    }

    fn finish_step(&self, live: &mut Live, path: &StepPath, step: &Step, end: End, at: Millis) -> Result<(), Halt> {
        let End { status, class, extracted, directive, substituted, trace } = end;
        let mut active = live.step.take();
        let open = live.recorder.state().open().cloned().unwrap_or_else(|| OpenStep::new(path.clone()));
        let first = open.first.as_ref();
        let attempts = open.intent.unwrap_or(open.attempts);
        let own_attempts = attempts - first.map_or(0, |first| first.attempts);
        let sent = own_attempts > 0;
        let success = status == StepStatus::Success;
        let told = success || status == StepStatus::Skipped;
        let acted = substituted || (first.is_some() && sent);
        let message = (!told).then(|| trace.message.unwrap_or_else(|| class.as_str().to_owned()));
        // One that could not even be sent took nobody's place.
        let message = message.map(|why| if first.is_some() && !acted { format!("the fallback: {why}") } else { why });
        let (spent, waited) = clocks(active.as_mut(), &open, trace.child.as_ref());
        let finished = StepFinished {
            step_index: path.index(),
            step_id: live.chain.step_id(path),
            action_id: step.operation(false).map(|operation| operation.action.clone()),
            status,
            http_status: first.filter(|_| !acted).map_or(trace.http_status, |first| first.http_status),
            attempts,
            polls: first.map_or(0, |first| first.polls) + active.as_ref().map_or(0, |active| active.polling.polls),
            latency_ms: spent,
            gate_wait_ms: waited,
            job_id: open
                .job
                .as_ref()
                .map(|job| &job.id)
                .or(first.and_then(|first| first.job_id.as_ref()))
                .map(ToString::to_string),
            payload_hash: open.payload_hash.clone().filter(|_| sent),
            response_hash: trace.response_hash,
            hash_alg: self.settings.hasher.algorithm(),
            error_classification: told_class(first.map(|first| first.class), class),
            directive,
            fallback_used: acted,
            fallback_action_id: first
                .filter(|_| sent)
                .and(step.operation(true))
                .map(|operation| operation.action.clone()),
            maybe_repeated: first.is_some_and(|first| first.maybe_repeated)
                || (open.maybe_carried_out && own_attempts > 1),
        };
        log_end(&finished);
        let omitted = class == ErrorClass::ResponseTooLarge && !substituted;
        let child = trace.child.map(|child| child.final_status);
        let data: Option<Arc<Value>> = trace.data.filter(|_| success && child.is_none()).map(Into::into);
        let answered = step.operation(first.is_some()).filter(|_| data.is_some() && !substituted);
        let rules = answered.and_then(|operation| operation.rules.as_ref());
        let mut redaction = rules.map(|rules| rules.redaction.clone()).unwrap_or_default();
        if let (Some(job), Some(_)) = (&open.job, answered) {
            redaction = job.redaction.and(&redaction);
        }
        let data = Private::StepData { step: path.clone(), data, extracted, child, message, omitted, redaction };
        let event = live.step_event(path, EventBody::StepFinished(finished));
        live.recorder.stage_at(at, vec![Entry::Private(data), event])?;
        Ok(())
    }
}

impl End {
    /// Takes out of what the step left what its author wants. What cannot be had makes a success a failure: the call was made, and its
    /// answer is of no use.
    fn extract(&mut self, step: &Step) {
        if self.status != StepStatus::Success || step.extract.is_empty() {
            return;
        }
        let extracted = if self.class == ErrorClass::ResponseTooLarge {
            Err("the response was too large to be kept, so there is nothing to extract from".to_owned())
        } else {
            step.extract.apply(self.trace.output().unwrap_or(&Value::Null)).map_err(|error| error.to_string())
        };
        match extracted {
            Ok(extracted) => self.extracted = extracted,
            Err(why) => {
                (self.status, self.class) = (StepStatus::Failed, ErrorClass::ResponseInvalid);
                self.trace.message = Some(why);
            }
        }
    }

    fn substitute(&mut self, output: Value) {
        (self.status, self.substituted) = (StepStatus::Success, true);
        self.trace.data = Some(output);
    }
}

/// What is told of a step whose fallback took its place is why it did not succeed itself; unless the fallback was cut short.
fn told_class(first: Option<ErrorClass>, class: ErrorClass) -> ErrorClass {
    match (first, class) {
        (Some(_), ErrorClass::Cancelled | ErrorClass::System) | (None, _) => class,
        (Some(first), _) => first,
    }
}

/// Spent, and waited at the gate: by the step, by the steps of its chain, and where that took its place by its fallback.
fn clocks(active: Option<&mut ActiveStep>, open: &OpenStep, child: Option<&Child>) -> (u64, u64) {
    let before = open.first.as_ref().map_or(0, |first| first.spent_ms);
    let now = active.map(|active| (millis(active.clock.spent()), millis(active.clock.waited())));
    let (spent, waited) = now.unwrap_or((open.spent_ms, open.gate_wait_ms));
    let nested = child.map(|child| child.steps.as_slice()).unwrap_or_default();
    let nested = |of: fn(&StepFinished) -> u64| nested.iter().map(|step| of(&step.event)).sum::<u64>();
    (before + spent + nested(|step| step.latency_ms), waited + nested(|step| step.gate_wait_ms))
}

fn fell_back(path: &StepPath, end: &End, active: Option<&mut ActiveStep>, open: Option<&OpenStep>) -> Entry {
    let polls = active.as_ref().map_or(0, |active| active.polling.polls);
    let unsent = OpenStep::new(path.clone());
    let (spent_ms, gate_wait_ms) = clocks(active, open.unwrap_or(&unsent), end.trace.child.as_ref());
    let (step, status, class) = (path.clone(), end.status, end.class);
    let http_status = end.trace.http_status;
    Entry::Private(Private::FellBack { step, status, class, http_status, polls, spent_ms, gate_wait_ms })
}

fn log_end(finished: &StepFinished) {
    let StepFinished { status, error_classification: class, http_status, attempts, .. } = finished;
    let (status, class) = (status.as_str(), class.as_str());
    match finished.directive {
        _ if finished.fallback_used => {
            info!(status, class, http_status, attempts, "the step's fallback took its place");
        }
        Some(OnFailure::Continue | OnFailure::Fallback) => {
            info!(status, class, http_status, attempts, "the step did not succeed, and the chain goes on");
        }
        // It ends the run, whose line tells all of it.
        Some(OnFailure::Abort) | None => debug!(status, class, http_status, attempts, "step finished"),
    }
}
