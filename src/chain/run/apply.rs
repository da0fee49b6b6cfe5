//! The fold: what one more record makes of a run.

use std::sync::Arc;
use std::time::Duration;

use super::super::ids::{ChainId, StepPath};
use super::super::log::{EventBody, Private, Record, Sealed, StepFinished, StepRetried};
use super::super::outcome::{ErrorClass, StepStatus};
use super::super::result::FinalStatus;
use super::super::stamp::Millis;
use super::finished::{Child, FinishedStep};
use super::open::{First, Job, OpenStep};
use super::state::{Frame, Phase, RunState, StepData};

/// A record that cannot follow this state: the log is damaged, or somebody else wrote into it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record} cannot follow here in the run log")]
pub struct Illegal {
    /// The record's kind.
    pub record: &'static str,
}

impl RunState {
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
                legal(self.phase == Phase::Open, name)?;
                // Every exchange has its intent, and the outcome closes the last one.
                let made = self.open.as_ref().map_or(0, |open| open.intent.unwrap_or(open.attempts));
                legal(finished.attempts == made, name)?;
                let chain_id = sealed.event.chain_id.clone().ok_or(Illegal { record: name })?;
                self.step_finished(finished, chain_id, sealed.event.timestamp)?;
            }
            EventBody::RunResumed(_) => {
                legal(self.phase == Phase::Open, name)?;
                self.resumes.resumed(self.ended.len());
            }
            EventBody::RunFinished(finished) => {
                let in_outermost = self.frames.len() == 1 || finished.final_status == FinalStatus::Expired;
                legal(self.phase == Phase::Open && self.open.is_none() && in_outermost, name)?;
                self.phase = Phase::Finished;
                self.finished = Some(finished.clone());
            }
            EventBody::RunRejected(_) => legal(false, name)?,
        }
        self.head = sealed.head();
        self.worker.clone_from(&sealed.event.worker);
        Ok(())
    }

    /// Whether `step` is the one that the run is at: the first without an outcome in the chain that it is in.
    fn is_at(&self, step: &StepPath) -> bool {
        *step == self.frame().next() && u32::from(step.index()) < self.steps_total
    }

    /// Whether it is the step that the innermost chain is nested in.
    fn is_around(&self, step: &StepPath) -> bool {
        self.frame().within.as_ref() == Some(step)
    }

    fn retried(&mut self, retried: &StepRetried, at: Millis) -> Result<(), Illegal> {
        let open = self.open.as_mut().filter(|open| open.intent == Some(retried.attempt));
        let open = open.ok_or(Illegal { record: "step.retried" })?;
        open.attempts = retried.attempt;
        open.intent = None;
        if let Some(first) = open.first.as_mut().filter(|first| first.closing) {
            // The last exchange of the step itself: the fallback has its own counts.
            first.closing = false;
            return Ok(());
        }
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

    /// What stands before it says which step it is: one of the innermost chain, or the one that this chain is nested in.
    fn step_finished(&mut self, event: &StepFinished, chain_id: ChainId, at: Millis) -> Result<(), Illegal> {
        let name = "step.finished";
        let StepData { path, data, extracted, child, message, omitted, redaction } =
            self.data.take().unwrap_or_else(|| StepData::nothing(self.frame().next()));
        legal(path.index() == event.step_index && u32::from(event.step_index) < self.steps_total, name)?;
        legal(child.is_some() == self.is_around(&path), name)?;
        let child = child.map(|final_status| Child::new(final_status, self.leave()));
        self.open = None;
        self.resumes.progress();
        let event = event.clone();
        let step = FinishedStep { path, event, chain_id, at, data, extracted, child, message, omitted, redaction };
        let step = Arc::new(step);
        self.ended.push(step.clone());
        self.frames.last_mut().ok_or(Illegal { record: name })?.steps.push(step);
        Ok(())
    }

    /// The innermost chain is over.
    fn leave(&mut self) -> Vec<Arc<FinishedStep>> {
        self.frames.pop().map(|frame| frame.steps).unwrap_or_default()
    }

    fn private(&mut self, private: &Private) -> Result<(), Illegal> {
        let is_open = self.phase == Phase::Open;
        match private {
            Private::Definition { origin, .. } => {
                legal(self.phase == Phase::New, "definition")?;
                self.origin = origin.clone();
            }
            Private::Intent { step, attempt, payload_hash, .. } => {
                legal(is_open && self.is_at(step), "intent")?;
                let open = self.open.get_or_insert_with(|| OpenStep::new(step.clone()));
                let next = open.path == *step && open.intent.is_none() && *attempt == open.attempts + 1;
                // A known job is never submitted again.
                legal(next && open.job.is_none(), "intent")?;
                (open.intent, open.payload_hash) = (Some(*attempt), Some(payload_hash.clone()));
            }
            Private::Withdrawn { step, attempt } => {
                self.at_work(step, "withdrawn", |open| open.intent == Some(*attempt))?.intent = None;
            }
            Private::Submitted { step, job_id, progress, spent_ms, gate_wait_ms, limit_ms, redaction } => {
                let open = self.at_work(step, "submitted", |open| open.intent.is_some())?;
                open.attempts = open.intent.take().unwrap_or(open.attempts);
                let limit = Duration::from_millis(*limit_ms);
                let (id, redaction) = (job_id.clone(), redaction.clone());
                open.job = Some(Job { id, progress: *progress, polls: 0, limit, redaction });
                open.last_status = None;
                (open.spent_ms, open.gate_wait_ms) = (*spent_ms, *gate_wait_ms);
                self.resumes.progress();
            }
            Private::Progressed { step, progress, polls, spent_ms, gate_wait_ms } => {
                let open = self.at_work(step, "progressed", |open| open.job.is_some())?;
                let job = open.job.as_mut().ok_or(Illegal { record: "progressed" })?;
                // An answer is enough, whatever it says: whoever got it has not died of the job.
                let further = job.progress != *progress || *polls > job.polls;
                (job.progress, job.polls) = (*progress, *polls);
                (open.spent_ms, open.gate_wait_ms) = (*spent_ms, *gate_wait_ms);
                if further {
                    self.resumes.progress();
                }
            }
            Private::Attempted { step, unknown, spent_ms, gate_wait_ms } => {
                let open = self.at_work(step, "attempted", |open| open.intent.is_some())?;
                open.maybe_carried_out |= unknown;
                open.spent_ms = *spent_ms;
                open.gate_wait_ms = *gate_wait_ms;
            }
            Private::Entered { step, deadline, .. } => {
                legal(is_open && self.open.is_none() && self.is_at(step), "entered")?;
                self.frames.push(Frame { within: Some(step.clone()), deadline: *deadline, steps: Vec::new() });
            }
            Private::FellBack { step, status, class, http_status, polls, spent_ms, gate_wait_ms } => {
                legal(is_open && (self.is_at(step) || self.is_around(step)), "fell_back")?;
                self.fell_back(step, (*status, *class, *http_status), (*polls, *spent_ms, *gate_wait_ms))?;
            }
            Private::StepData { step, data, extracted, child, message, omitted, redaction } => {
                legal(is_open && (self.is_at(step) || self.is_around(step)), "step_data")?;
                self.data = Some(StepData {
                    path: step.clone(),
                    data: data.clone(),
                    extracted: extracted.clone(),
                    child: *child,
                    message: message.clone(),
                    omitted: *omitted,
                    redaction: redaction.clone(),
                });
            }
            Private::CancelRequested => self.cancel_requested = true,
            Private::HandedBack => {
                let in_flight = self.open.as_ref().is_some_and(|open| open.intent.is_some());
                legal(is_open && !in_flight, "handed_back")?;
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

    /// The step at work, if it is `step` and as it must be for `record` to follow.
    fn at_work(
        &mut self,
        step: &StepPath,
        record: &'static str,
        fits: impl Fn(&OpenStep) -> bool,
    ) -> Result<&mut OpenStep, Illegal> {
        self.open.as_mut().filter(|open| open.path == *step && fits(open)).ok_or(Illegal { record })
    }

    /// The fallback takes the step's place: its exchanges go on counting, all else begins anew.
    fn fell_back(
        &mut self,
        step: &StepPath,
        (status, class, http_status): (StepStatus, ErrorClass, Option<u16>),
        (polls, spent_ms, gate_wait_ms): (u32, u64, u64),
    ) -> Result<(), Illegal> {
        if self.is_around(step) {
            legal(self.open.is_none(), "fell_back")?;
            self.leave();
        }
        let open = self.open.take().unwrap_or_else(|| OpenStep::new(step.clone()));
        legal(open.path == *step && open.first.is_none(), "fell_back")?;
        let unclosed = open.untold();
        let attempts = unclosed.unwrap_or(open.attempts);
        let first = First {
            status,
            class,
            http_status,
            attempts,
            polls,
            job_id: open.job.map(|job| job.id),
            spent_ms,
            maybe_repeated: open.maybe_carried_out && attempts > 1,
            closing: unclosed.is_some(),
        };
        let before = unclosed.map_or(attempts, |last| last - 1);
        let anew = OpenStep::new(step.clone());
        self.open = Some(OpenStep { attempts: before, intent: unclosed, gate_wait_ms, first: Some(first), ..anew });
        self.resumes.progress();
        Ok(())
    }
}

fn legal(condition: bool, record: &'static str) -> Result<(), Illegal> {
    if condition { Ok(()) } else { Err(Illegal { record }) }
}
