//! What a run's log says, folded.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::ids::ChainId;
use super::super::log::{EventBody, Head, Origin, Private, Record, RunFinished, Sealed, StepFinished, StepRetried};
use super::super::outcome::ErrorClass;
use super::super::stamp::Millis;
use super::resumes::Resumes;
use super::step::{FinishedStep, Job, OpenStep};

/// A run as its log tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    phase: Phase,
    origin: Origin,
    definition_hash: String,
    head: Head,
    worker: String,
    resumes: Resumes,
    steps_total: u32,
    started_at: Option<Millis>,
    deadline: Option<Millis>,
    steps: Vec<Arc<FinishedStep>>,
    open: Option<OpenStep>,
    data: Option<StepData>,
    cancel_requested: bool,
    finished: Option<RunFinished>,
    result: Option<Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    New,
    Open,
    Finished,
    Settled,
}

#[derive(Debug, Clone, PartialEq)]
struct StepData {
    data: Option<Arc<Value>>,
    message: Option<String>,
    omitted: bool,
}

/// A record that cannot follow this state: the log is damaged, or somebody else wrote into it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record} cannot follow here in the run log")]
pub struct Illegal {
    /// The record's kind.
    pub record: &'static str,
}

impl RunState {
    /// A run of which nothing is recorded. `definition_hash` is the first link of its hash chain.
    #[must_use]
    pub fn new(definition_hash: String) -> Self {
        Self {
            phase: Phase::New,
            origin: Origin::default(),
            head: Head { seq: 0, hash: definition_hash.clone() },
            definition_hash,
            worker: String::new(),
            resumes: Resumes::default(),
            steps_total: 0,
            started_at: None,
            deadline: None,
            steps: Vec::new(),
            open: None,
            data: None,
            cancel_requested: false,
            finished: None,
            result: None,
        }
    }

    /// The run that `log` tells of.
    ///
    /// # Errors
    /// [`Illegal`] at the first record that cannot follow those before it.
    pub fn replay<'a>(definition_hash: String, log: impl IntoIterator<Item = &'a Record>) -> Result<Self, Illegal> {
        log.into_iter().try_fold(Self::new(definition_hash), RunState::apply)
    }

    /// The state after `record`.
    ///
    /// # Errors
    /// [`Illegal`] when the record cannot follow.
    pub fn apply(mut self, record: &Record) -> Result<Self, Illegal> {
        match record {
            Record::Event(sealed) => self.event(sealed)?,
            Record::Private(private) => self.private(private)?,
        }
        Ok(self)
    }

    fn event(&mut self, sealed: &Sealed) -> Result<(), Illegal> {
        let name = sealed.event.body.name();
        let follows = sealed.event.seq == self.head.seq + 1 && sealed.event.prev_hash.as_ref() == Some(&self.head.hash);
        legal(follows, name)?;
        match &sealed.event.body {
            EventBody::RunAccepted(accepted) => {
                legal(self.phase == Phase::New && accepted.definition_hash == self.definition_hash, name)?;
                self.phase = Phase::Open;
                self.steps_total = accepted.steps_total;
                self.started_at = Some(sealed.event.timestamp);
                self.deadline = Some(accepted.deadline);
            }
            EventBody::StepRetried(retried) => {
                legal(self.phase == Phase::Open, name)?;
                self.retried(retried, sealed.event.timestamp)?;
            }
            EventBody::StepFinished(finished) => {
                legal(self.phase == Phase::Open && self.is_at(finished.step_index), name)?;
                // Every exchange has its intent, and the outcome closes the last one.
                let made = self.open.as_ref().map_or(0, |open| open.intent.unwrap_or(open.attempts));
                legal(finished.attempts == made, name)?;
                let chain_id = sealed.event.chain_id.clone().ok_or(Illegal { record: name })?;
                self.step_finished(finished, chain_id, sealed.event.timestamp);
            }
            EventBody::RunResumed(_) => {
                legal(self.phase == Phase::Open, name)?;
                self.resumes.resumed(self.steps.len());
            }
            EventBody::RunFinished(finished) => {
                legal(self.phase == Phase::Open && self.open.is_none(), name)?;
                self.phase = Phase::Finished;
                self.finished = Some(finished.clone());
            }
            EventBody::RunRejected(_) => legal(false, name)?,
        }
        self.head = sealed.head();
        self.worker.clone_from(&sealed.event.worker);
        Ok(())
    }

    /// Whether the step at `index` is the one that the run is at: the first without an outcome.
    fn is_at(&self, index: u16) -> bool {
        usize::from(index) == self.steps.len() && u32::from(index) < self.steps_total
    }

    fn retried(&mut self, retried: &StepRetried, at: Millis) -> Result<(), Illegal> {
        let open = self.open.as_mut().filter(|open| open.intent == Some(retried.attempt));
        let open = open.ok_or(Illegal { record: "step.retried" })?;
        open.attempts = retried.attempt;
        open.intent = None;
        open.last_class = Some(retried.error_classification);
        open.last_status = retried.http_status;
        open.not_before = None;
        if retried.error_classification != ErrorClass::OutcomeUnknown {
            self.resumes.progress();
        }
        match retried.error_classification {
            ErrorClass::RateLimited => {}
            ErrorClass::Authentication => open.reauthorized = true,
            _ => {
                open.counted += 1;
                open.reauthorized = false;
                open.not_before = Some(at.plus(Duration::from_millis(retried.delay_ms)));
            }
        }
        Ok(())
    }

    fn step_finished(&mut self, event: &StepFinished, chain_id: ChainId, at: Millis) {
        let (data, message, omitted) =
            self.data.take().map(|data| (data.data, data.message, data.omitted)).unwrap_or_default();
        self.open = None;
        self.resumes.progress();
        self.steps.push(Arc::new(FinishedStep { event: event.clone(), chain_id, at, data, message, omitted }));
    }

    fn private(&mut self, private: &Private) -> Result<(), Illegal> {
        match private {
            Private::Definition { origin, .. } => {
                legal(self.phase == Phase::New, "definition")?;
                self.origin = origin.clone();
            }
            Private::Intent { step, attempt, .. } => {
                legal(self.phase == Phase::Open && self.is_at(step.outermost()), "intent")?;
                let open = self.open.get_or_insert_with(|| OpenStep::new(step.clone()));
                let next = open.path == *step && open.intent.is_none() && *attempt == open.attempts + 1;
                // A known job is never submitted again.
                legal(next && open.job.is_none(), "intent")?;
                open.intent = Some(*attempt);
            }
            Private::Withdrawn { step, attempt } => {
                let open = self.open.as_mut().filter(|open| open.path == *step && open.intent == Some(*attempt));
                open.ok_or(Illegal { record: "withdrawn" })?.intent = None;
            }
            Private::Submitted { step, job_id, progress, spent_ms, gate_wait_ms } => {
                let open = self.open.as_mut().filter(|open| open.path == *step && open.intent.is_some());
                let open = open.ok_or(Illegal { record: "submitted" })?;
                open.attempts = open.intent.take().unwrap_or(open.attempts);
                open.job = Some(Job { id: job_id.clone(), progress: *progress, polls: 0 });
                open.last_status = None;
                (open.spent_ms, open.gate_wait_ms) = (*spent_ms, *gate_wait_ms);
                self.resumes.progress();
            }
            Private::Progressed { step, progress, polls, spent_ms, gate_wait_ms } => {
                let open = self.open.as_mut().filter(|open| open.path == *step);
                let open = open.ok_or(Illegal { record: "progressed" })?;
                let job = open.job.as_mut().ok_or(Illegal { record: "progressed" })?;
                // An answer is enough, whatever it says: whoever got it has not died of the job.
                if job.progress != *progress || *polls > job.polls {
                    self.resumes.progress();
                }
                (job.progress, job.polls) = (*progress, *polls);
                (open.spent_ms, open.gate_wait_ms) = (*spent_ms, *gate_wait_ms);
            }
            Private::Attempted { step, unknown, spent_ms, gate_wait_ms } => {
                let open = self.open.as_mut().filter(|open| open.path == *step && open.intent.is_some());
                let open = open.ok_or(Illegal { record: "attempted" })?;
                open.maybe_carried_out |= unknown;
                open.spent_ms = *spent_ms;
                open.gate_wait_ms = *gate_wait_ms;
            }
            Private::StepData { step, data, message, omitted } => {
                legal(self.phase == Phase::Open && self.is_at(step.outermost()), "step_data")?;
                self.data = Some(StepData { data: data.clone(), message: message.clone(), omitted: *omitted });
            }
            Private::CancelRequested => self.cancel_requested = true,
            Private::HandedBack => {
                let in_flight = self.open.as_ref().is_some_and(|open| open.intent.is_some());
                legal(self.phase == Phase::Open && !in_flight, "handed_back")?;
                self.resumes.handed_back();
            }
            Private::Result { body } => {
                legal(self.phase == Phase::Finished && self.result.is_none(), "result")?;
                self.result = Some(body.as_str().into());
            }
            Private::Settled => {
                legal(self.phase == Phase::Finished && self.result.is_some(), "settled")?;
                self.phase = Phase::Settled;
            }
        }
        Ok(())
    }

    /// Where the message came from.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The hash of the definition that the run is of.
    #[must_use]
    pub fn definition_hash(&self) -> &str {
        &self.definition_hash
    }

    /// The end of the hash chain.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The steps of the chain, nested ones counted.
    #[must_use]
    pub fn steps_total(&self) -> u32 {
        self.steps_total
    }

    /// When the run was accepted.
    #[must_use]
    pub fn started_at(&self) -> Option<Millis> {
        self.started_at
    }

    /// When the run clock is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.deadline
    }

    /// The steps with an outcome, in order.
    #[must_use]
    pub fn steps(&self) -> &[Arc<FinishedStep>] {
        &self.steps
    }

    /// The step that has begun and has no outcome.
    #[must_use]
    pub fn open(&self) -> Option<&OpenStep> {
        self.open.as_ref()
    }

    /// Who wrote the last event; empty before the first.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// Whether it was taken up again, and nothing is recorded yet that came of it.
    #[must_use]
    pub fn is_taken_up_in_vain(&self) -> bool {
        self.resumes.in_vain()
    }

    /// How many steps had an outcome when the run was taken up once too often without getting any further, if it was: it ends
    /// now. An outcome that the step at work gets after that says how it ends.
    #[must_use]
    pub fn looped_at(&self) -> Option<usize> {
        self.resumes.looped_at()
    }

    /// Whether somebody asked for the end of the run.
    #[must_use]
    pub fn cancel_requested(&self) -> bool {
        self.cancel_requested
    }

    /// Whether `run.accepted` is recorded.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.phase >= Phase::Open
    }

    /// How the run ended, once it has.
    #[must_use]
    pub fn finished(&self) -> Option<&RunFinished> {
        self.finished.as_ref()
    }

    /// The result's bytes, once the run has ended.
    #[must_use]
    pub fn result(&self) -> Option<&Arc<str>> {
        self.result.as_ref()
    }

    /// Whether all events and the result are known to be published.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Settled
    }
}

fn legal(condition: bool, record: &'static str) -> Result<(), Illegal> {
    if condition { Ok(()) } else { Err(Illegal { record }) }
}
