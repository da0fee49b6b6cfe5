//! A step that is a job: submitted like any call, then asked after until it is over. A known job is never submitted again,
//! whatever happens; polls are counted and not journaled, for they change nothing.

use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::Runner;
use super::attempt::{Waited, active};
use super::begin::ActiveStep;
use super::drive::{Halt, Live};
use super::outcome::Trace;
use super::record::open_step;
use super::recorder::Entry;
use crate::chain::log::Private;
use crate::chain::run::{Command, Job, decide};
use crate::chain::stamp::millis;
use crate::chain::{JobProgress, StepPath, StepStatus};
use crate::failpoint;
use crate::ports::{Answer, Credential, Finished, JournalError, Outcome, Permit, Poll, Polled, Seen, SubmittedJob};

/// A poll that is not answered by then is made again.
const POLL_TIMEOUT: Duration = Duration::from_secs(15);
/// When the next poll would come too late, there is a last one so long before the step's time is over.
const LAST_LOOK: Duration = Duration::from_secs(1);
/// How often a job is asked after whose tenant is not configured any more: there is no token for that, and there may be one again.
const UNKNOWN_PACE: Duration = Duration::from_secs(3);
/// So many times what a newcomer would wait at the gate is added to the tenant's pace. With once, older jobs that are polled
/// take all that a tight quota has, for as long as they run: the line never gets shorter than what makes them slow.
const YIELDING: u32 = 4;
/// However tight the quota is, polls are at most so many times further apart than the tenant's pace.
const SLOWEST: u32 = 10;

/// The polls of the step at work, as far as they live in this process only.
#[derive(Debug)]
pub(super) struct Polling {
    /// How many were made.
    pub(super) polls: u32,
    /// When the next one is due.
    due: Instant,
    /// Of the last exchange: of the submission, where no poll came after it.
    pub(super) http_status: Option<u16>,
    /// What was wrong with the last one, if it told nothing.
    trouble: Option<String>,
    /// A token was refused, and the poll is the repeat with another one.
    reauthorized: bool,
}

impl Polling {
    /// A job that another worker had submitted is asked after at once.
    pub(super) fn resume(job: Option<&Job>) -> Self {
        let polls = job.map_or(0, |job| job.polls);
        Self { polls, due: Instant::now(), http_status: None, trouble: None, reauthorized: false }
    }
}

impl ActiveStep {
    /// The record of how far its job is, with the polls and the clocks so far.
    fn job_progressed(&mut self, progress: JobProgress) -> Entry {
        Entry::Private(Private::Progressed {
            step: self.path.clone(),
            progress,
            polls: self.polling.polls,
            spent_ms: millis(self.clock.spent()),
            gate_wait_ms: millis(self.clock.waited()),
        })
    }
}

impl Runner {
    /// Journals that the platform has the job. From here on nothing submits it again.
    pub(super) async fn submitted(&self, live: &mut Live, step: StepPath, answer: Answer) -> Result<(), Halt> {
        let Some(SubmittedJob { id: job_id, progress }) = answer.job else {
            unreachable!("a job that is submitted has a name")
        };
        let fallback = active(live).fallback;
        let operation = live.operation(&step, fallback);
        let limit_ms = millis(operation.timeout);
        let redaction = operation.rules.as_ref().map(|rules| rules.redaction.clone()).unwrap_or_default();
        let clock = &mut active(live).clock;
        let (spent_ms, gate_wait_ms) = (millis(clock.spent()), millis(clock.waited()));
        let submitted = Private::Submitted { step, job_id, progress, spent_ms, gate_wait_ms, limit_ms, redaction };
        live.append(vec![Entry::Private(submitted)]).await?;
        active(live).polling.http_status = answer.http_status;
        self.poll_later(live);
        Ok(())
    }

    /// Asks once after the step's job, when that is due, and records what is new. Returns early, with nothing in flight, when
    /// the run clock is over or the worker stops: the core is asked again.
    pub(super) async fn poll(&self, live: &mut Live, path: &StepPath) -> Result<(), Halt> {
        // A poll may be due at once, and is an exchange, too.
        live.commit().await?;
        self.take_up(live, path);
        let due = active(live).polling.due;
        let until = self.job_deadline(live);
        match live.wait(tokio::time::sleep_until(due), until, true).await? {
            Waited::Done(()) => {}
            Waited::Interrupted => return Ok(()),
            Waited::Over => return self.overdue(live, path),
        }
        live.keep().await?;
        let Some(credential) = self.token_for_poll(live, path).await? else { return Ok(()) };
        let Some(permit) = self.permit_for_poll(live, path, &credential).await? else { return Ok(()) };
        let polled = self.ask(live, path, &credential).await?;
        failpoint::hit_at("polled", Some(path));
        self.record_poll(live, path, (polled, permit), &credential).await
    }

    /// A token. That there is none now is like a poll that was not answered. `None`: the core is to be asked again.
    async fn token_for_poll(&self, live: &mut Live, path: &StepPath) -> Result<Option<Credential>, Halt> {
        let tenant = live.chain.tenant.clone();
        let until = self.job_deadline(live);
        match live.wait(self.ports.actions.credential(&tenant), until, true).await? {
            Waited::Done(Ok(credential)) => Ok(Some(credential)),
            Waited::Done(Err(error)) => {
                debug!(class = error.class.as_str(), "no token for a poll yet");
                self.poll_later(live);
                Ok(None)
            }
            Waited::Interrupted => Ok(None),
            Waited::Over => self.overdue(live, path).map(|()| None),
        }
    }

    /// A fresh permit with a token that is still good. `None`: the step is over, or the core is to be asked again.
    async fn permit_for_poll(
        &self,
        live: &mut Live,
        path: &StepPath,
        credential: &Credential,
    ) -> Result<Option<Permit>, Halt> {
        loop {
            let Some(permit) = self.permit(live, None).await? else { return Ok(None) };
            let due = matches!(decide(&live.chain, live.recorder.state(), self.inputs(live)), Command::Poll { .. });
            if !due || Instant::now() >= credential.stale_at {
                return Ok(None);
            }
            // A poll that is due before the deadline can find itself after it.
            if Instant::now() >= active(live).clock.deadline() {
                return self.overdue(live, path).map(|()| None);
            }
            if permit.is_fresh() {
                return Ok(Some(permit));
            }
        }
    }

    async fn ask(&self, live: &mut Live, path: &StepPath, credential: &Credential) -> Result<Polled, Halt> {
        if !live.recorder.lease().holds() {
            return Err(JournalError::Fenced.into());
        }
        let open = open_step(live);
        let Some(job) = open.job else { unreachable!("only a step with a job is polled") };
        let deadline = self.job_deadline(live).min(Instant::now() + POLL_TIMEOUT);
        let fallback = active(live).fallback;
        let poll = Poll {
            tenant: live.chain.tenant.clone(),
            run_id: live.recorder.run_id().clone(),
            step_id: live.chain.step_id(path),
            action: live.operation(path, fallback).action.clone(),
            attempt: open.attempts,
            fallback,
            job: job.id,
            hidden: active(live).request.hidden.clone(),
            redaction: job.redaction,
            deadline,
        };
        active(live).polling.polls += 1;
        // Its end is the adapter's to say: the deadline is part of the poll.
        let far = deadline + Duration::from_secs(3600);
        match live.wait(self.ports.actions.poll(&poll, credential), far, false).await? {
            Waited::Done(polled) => Ok(polled),
            Waited::Over | Waited::Interrupted => {
                Err(JournalError::Unavailable("a poll did not end at its deadline".into()).into())
            }
        }
    }

    async fn record_poll(
        &self,
        live: &mut Live,
        path: &StepPath,
        (polled, permit): (Polled, Permit),
        credential: &Credential,
    ) -> Result<(), Halt> {
        let polling = &mut active(live).polling;
        polling.http_status = polled.http_status;
        polling.trouble = trouble(&polled);
        let refused_before = std::mem::take(&mut polling.reauthorized);
        match polled.seen {
            Seen::Over(finished) => {
                permit.finish(Outcome::Answered);
                return self.over(live, path, *finished);
            }
            Seen::Pending(progress) => {
                permit.finish(Outcome::Answered);
                self.poll_later(live);
                self.progressed(live, progress).await?;
            }
            Seen::Throttled(said) => {
                let pause = self.pause(live, said);
                permit.finish(Outcome::Throttled(pause));
                // The gate, which is paused now, says when.
                active(live).polling.due = Instant::now();
            }
            Seen::Unauthorized if !refused_before => {
                permit.finish(Outcome::Answered);
                self.ports.actions.refused(&live.chain.tenant, credential);
                let polling = &mut active(live).polling;
                (polling.reauthorized, polling.due) = (true, Instant::now());
            }
            Seen::Unauthorized | Seen::Unread => {
                permit.finish(Outcome::Answered);
                self.poll_later(live);
            }
            Seen::Trouble => {
                permit.finish(Outcome::Trouble);
                self.poll_later(live);
            }
        }
        Ok(())
    }

    fn over(&self, live: &mut Live, path: &StepPath, finished: Finished) -> Result<(), Halt> {
        let trace = Trace {
            http_status: active(live).polling.http_status,
            response_hash: finished.body.as_ref().map(|body| self.settings.hasher.hash(body)),
            data: finished.data,
            message: finished.message,
            child: None,
        };
        self.end_step(live, path, finished.end.outcome(), trace)
    }

    /// Journals that the job has come further. A state that is known already, or goes back, is nothing new; but the first answer to
    /// who has taken the job over is: a run that waits for a long job has not killed the workers that died meanwhile.
    async fn progressed(&self, live: &mut Live, progress: JobProgress) -> Result<(), Halt> {
        let known = open_step(live).job.map(|job| job.progress);
        let runs_already = known == Some(JobProgress::Running);
        let further = progress == JobProgress::Running && !runs_already;
        if !further && !live.recorder.state().is_taken_up_in_vain() {
            return Ok(());
        }
        let progress = if runs_already { JobProgress::Running } else { progress };
        let progressed = active(live).job_progressed(progress);
        live.append(vec![progressed]).await?;
        Ok(())
    }

    /// The step's time is over, and its job is not, as far as anybody knows. (When it is the run's time, the core says so.)
    fn overdue(&self, live: &mut Live, path: &StepPath) -> Result<(), Halt> {
        if Instant::now() < active(live).clock.deadline() {
            return Ok(());
        }
        let progress = open_step(live).job.map_or(JobProgress::Queued, |job| job.progress);
        let known = progress.as_str();
        let polling = &active(live).polling;
        let message = match &polling.trouble {
            None => format!("the job was still {known} when the step's time was over"),
            Some(trouble) => {
                format!("the step's time was over, and the job not known to be more than {known}: {trouble}")
            }
        };
        let trace = Trace { http_status: polling.http_status, message: Some(message), ..Trace::default() };
        self.end_step(live, path, (StepStatus::Unknown, progress.overdue()), trace)
    }

    /// Stages how often the job was asked after, and the step's clocks: for whoever goes on with the run.
    pub(super) fn keep_polls(&self, live: &mut Live) -> Result<(), Halt> {
        let job = live.recorder.state().open().and_then(|open| open.job.clone());
        let (Some(job), Some(active)) = (job, live.step.as_mut()) else { return Ok(()) };
        let progressed = active.job_progressed(job.progress);
        live.recorder.stage(vec![progressed])?;
        Ok(())
    }

    fn job_deadline(&self, live: &mut Live) -> Instant {
        live.deadline().min(active(live).clock.deadline())
    }

    /// When the next poll is due: after the tenant's pace and, where the quota is tight, so much later that newcomers get
    /// through; but once more before the step's time is over.
    fn poll_later(&self, live: &mut Live) {
        let tenant = &live.chain.tenant;
        let pace = self.settings.poll.get(tenant).copied().unwrap_or(UNKNOWN_PACE);
        let interval = (pace + self.ports.gate.line(tenant) * YIELDING).min(pace * SLOWEST);
        let now = Instant::now();
        let last_look = self.job_deadline(live) - LAST_LOOK;
        let due = now + interval;
        active(live).polling.due = if due > last_look && now < last_look { last_look } else { due };
    }
}

/// Why a poll told nothing; `None` where it did.
fn trouble(polled: &Polled) -> Option<String> {
    match (&polled.seen, polled.http_status) {
        (Seen::Pending(_) | Seen::Over(_), _) => None,
        (_, None) => Some("its last poll was not answered".into()),
        (_, Some(status @ 200..300)) => Some(format!("the answer to its last poll (HTTP {status}) tells no state")),
        (_, Some(status)) => Some(format!("its last poll got HTTP {status}")),
    }
}
