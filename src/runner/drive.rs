//! One run from its claim to `settled`: asks the core what comes next and does it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{Instrument, debug, info};

use super::Runner;
use super::begin::ActiveStep;
use super::events::EventLine;
use super::recorder::{Entry, Recorder, Settling};
use crate::chain::hash::sha256_hex;
use crate::chain::log::{EventBody, Origin, Private, Record, RunAccepted, RunResumed, Subject};
use crate::chain::result::{Ending, FinalStatus, RESULT_SCHEMA, Reason, render, summary};
use crate::chain::run::{Command, Frame, Inputs, RunState, decide};
use crate::chain::stamp::Millis;
use crate::chain::{Chain, RunId, StepPath};
use crate::failpoint;
use crate::ports::{Destination, JournalError, Lease, Outgoing, RunAge, Stopped};

/// A claimed run.
pub struct Run {
    /// What it is a run of.
    pub chain: Arc<Chain>,
    /// Its name.
    pub run_id: RunId,
    /// Where its message came from.
    pub origin: Origin,
    /// The right to write its log.
    pub lease: Lease,
    /// Its log so far.
    pub log: Vec<Record>,
    /// How old it is among the runs of this worker.
    pub age: RunAge,
    /// Turns true when the rest of the chain is to go back to the queue.
    pub hand_back: watch::Receiver<bool>,
}

/// How driving ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Everything is published, confirmed and journaled: the message may be acknowledged.
    Settled {
        /// How the run ended.
        status: FinalStatus,
        /// Why.
        reason: Option<Reason>,
        /// From `run.accepted` to its end.
        took: Duration,
    },
    /// Between two exchanges the run was given back.
    HandedBack,
    /// Another worker has it, or the journal does not write: nothing more is done for it here.
    Lost(JournalError),
    /// Publishing has stopped before all was out.
    Stopped,
}

/// Why driving stops before the run does.
pub(super) enum Halt {
    Journal(JournalError),
    Stopped,
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// A run in motion.
pub(super) struct Live {
    pub(super) chain: Arc<Chain>,
    pub(super) recorder: Recorder,
    pub(super) age: RunAge,
    pub(super) hand_back: watch::Receiver<bool>,
    /// When the run clock is over.
    run_deadline: Instant,
    /// When the clocks of the nested chains that it is in are over, from outside inwards; those of chains that it has left may
    /// follow.
    nested_deadlines: Vec<Option<Instant>>,
    /// The step at work.
    pub(super) step: Option<ActiveStep>,
    /// Where its message came from, until `run.accepted` records it.
    origin: Origin,
    /// The log is one from before, and does not say yet that it is gone on with here.
    reopened: bool,
}

impl Runner {
    /// Drives `run` until it is settled, given back or lost.
    pub async fn drive(&self, run: Run) -> Ended {
        match self.try_drive(run).await {
            Ok(ended) => ended,
            Err(Halt::Journal(error)) => Ended::Lost(error),
            Err(Halt::Stopped) => Ended::Stopped,
        }
    }

    async fn try_drive(&self, run: Run) -> Result<Ended, Halt> {
        let mut live = self.open(run)?;
        loop {
            match decide(&live.chain, live.recorder.state(), self.inputs(&live)) {
                Command::Accept => self.accept(&mut live)?,
                Command::Resume(resumed) => self.resume(&mut live, resumed).await?,
                Command::Cancel => {
                    live.append(vec![Entry::Private(Private::CancelRequested)]).await?;
                }
                Command::Try { step } => {
                    let span = live.span(&step, 1);
                    self.try_step(&mut live, step).instrument(span).await?;
                }
                Command::Poll { step } => {
                    let span = live.span(&step, 0);
                    self.poll(&mut live, &step).instrument(span).await?;
                }
                Command::Lost { step, resend } => {
                    let span = live.span(&step, 0);
                    span.in_scope(|| self.lost(&mut live, &step, resend))?;
                }
                Command::GiveUp { step, class } => {
                    let span = live.span(&step, 0);
                    span.in_scope(|| self.give_up(&mut live, &step, class))?;
                }
                Command::Leave { step, child, status, class } => {
                    let span = live.span(&step, 0);
                    span.in_scope(|| self.leave(&mut live, &step, child, (status, class)))?;
                }
                Command::Finish { status, reason } => self.finish(&mut live, status, reason).await?,
                Command::Deliver | Command::Acknowledge => return self.deliver(live).await,
                Command::HandBack => return self.give_back(live).await,
            }
        }
    }

    /// Folds the log and lines up again those events that nobody knows to be published.
    fn open(&self, run: Run) -> Result<Live, Halt> {
        let definition_hash = sha256_hex(run.chain.canonical.as_bytes());
        let state = RunState::replay(definition_hash, &run.log)
            .map_err(|illegal| JournalError::Unavailable(illegal.to_string()))?;
        let origin = if state.is_accepted() { state.origin().clone() } else { run.origin };
        let correlation_id = origin.correlation_id.clone().unwrap_or_else(|| run.run_id.to_string());
        let events = EventLine::open(self.ports.outbox.clone(), &origin, correlation_id);
        if !state.is_settled() {
            for record in &run.log {
                if let Record::Event(sealed) = record {
                    events.push(sealed);
                }
            }
        }
        let subject =
            Subject { run_id: run.run_id, chain_id: run.chain.chain_id.clone(), tenant: run.chain.tenant.clone() };
        let (journal, clock) = (self.ports.journal.clone(), self.ports.clock.clone());
        let author = self.settings.author.clone();
        let recorder = Recorder::new(journal, clock, (run.lease, state), (subject, author), events);
        let run_deadline = self.run_deadline(&recorder, &run.chain);
        let nested_deadlines = nested_deadlines(&recorder, &run.chain);
        let reopened = recorder.state().is_accepted();
        let Run { chain, age, hand_back, .. } = run;
        Ok(Live { chain, recorder, age, hand_back, run_deadline, nested_deadlines, step: None, origin, reopened })
    }

    /// The recorded deadline on this process's own clock; never further off than the whole run clock, should the time of day
    /// have been set back since.
    fn run_deadline(&self, recorder: &Recorder, chain: &Chain) -> Instant {
        let left = recorder.state().deadline().map(|deadline| deadline.since(recorder.now()));
        Instant::now() + left.unwrap_or(chain.global_timeout).min(chain.global_timeout)
    }

    pub(super) fn inputs(&self, live: &Live) -> Inputs {
        Inputs {
            clock_over: Instant::now() >= live.run_deadline,
            nested_over: live.nested_over(),
            expired: live.chain.expires_at.is_some_and(|at| self.ports.clock.now() >= at),
            // Nobody can ask for it yet: the control exchange is declared, and nothing listens to it in this release.
            cancel: false,
            hand_back: *live.hand_back.borrow(),
            reopened: live.reopened,
        }
    }

    fn accept(&self, live: &mut Live) -> Result<(), Halt> {
        let chain = &live.chain;
        let origin = live.origin.clone();
        let at = live.recorder.now();
        let accepted = RunAccepted {
            definition_hash: live.recorder.state().definition_hash().to_owned(),
            steps_total: chain.steps_total(),
            deadline: at.plus(chain.global_timeout),
            redelivered: origin.redelivered,
            run_id_assigned: origin.assigned,
            redrive_of: None,
        };
        let definition = Private::Definition { canonical: chain.canonical.clone(), origin };
        let batch = vec![Entry::Private(definition), Entry::Event(EventBody::RunAccepted(accepted), None)];
        live.recorder.stage_at(at, batch)?;
        live.run_deadline = self.run_deadline(&live.recorder, &live.chain);
        debug!(steps = live.chain.steps.len(), "run accepted");
        Ok(())
    }

    /// Durable before anything else is done, so that a run that kills whoever takes it up is found out.
    async fn resume(&self, live: &mut Live, resumed: RunResumed) -> Result<(), Halt> {
        info!(from_step = resumed.from_step, previous_worker = resumed.previous_worker, "run resumed");
        live.append(vec![Entry::Event(EventBody::RunResumed(resumed), None)]).await?;
        live.reopened = false;
        Ok(())
    }

    /// Whatever is recorded is for the next one to go on with. A run that was not taken up here is left as it is.
    async fn give_back(&self, mut live: Live) -> Result<Ended, Halt> {
        if live.recorder.state().is_accepted() && !live.reopened {
            self.keep_polls(&mut live)?;
            live.append(vec![Entry::Private(Private::HandedBack)]).await?;
        }
        live.recorder.hand_back().await?;
        Ok(Ended::HandedBack)
    }

    /// `run.finished` and the result are one batch: whoever finds the one finds the other.
    async fn finish(&self, live: &mut Live, status: FinalStatus, reason: Option<Reason>) -> Result<(), Halt> {
        let at = live.recorder.now();
        let state = live.recorder.state();
        let finished = summary(state, at, status, reason);
        let sealed = live.recorder.preview(at, EventBody::RunFinished(finished.clone()), None);
        let ending = Ending {
            run_id: live.recorder.run_id(),
            head: sealed.head(),
            finished_at: at,
            worker: &live.recorder.author().worker,
        };
        let body = render(&live.chain, state, &finished, ending, self.settings.max_result_bytes);
        live.recorder.stage_sealed(Record::Event(Arc::new(sealed)))?;
        live.append(vec![Entry::Private(Private::Result { body })]).await?;
        Ok(())
    }

    /// Events, then the result, then `settled`: each waits for the confirms of the one before.
    async fn deliver(&self, live: Live) -> Result<Ended, Halt> {
        let settled_before = live.recorder.state().is_settled();
        let mut settling = live.recorder.events_confirmed().await?;
        let outgoing = result_message(&settling)?;
        let reply = outgoing.clone();
        settling.keep(self.ports.outbox.publish(outgoing)).await??;
        failpoint::hit("result_published");
        if !settled_before {
            if let Some(queue) = settling.state.origin().reply_to.clone() {
                self.ports.outbox.try_publish(Outgoing { to: Destination::Reply { queue }, ..reply }).await;
            }
            settling.journal.append(&mut settling.lease, vec![Record::Private(Private::Settled)]).await?;
        }
        settling.journal.release(&settling.lease).await;
        failpoint::hit("settled");
        let finished = settling.state.finished();
        let finished = finished.unwrap_or_else(|| unreachable!("only a finished run is delivered"));
        Ok(Ended::Settled {
            status: finished.final_status,
            reason: finished.reason.clone(),
            took: Duration::from_millis(finished.total_latency_ms),
        })
    }
}

impl Live {
    /// When the first of the clocks is over that hold for what the run is at: its own, and those of the nested chains that it is in.
    pub(super) fn deadline(&self) -> Instant {
        self.nested().flatten().chain([self.run_deadline]).min().unwrap_or(self.run_deadline)
    }

    /// The innermost chain was just entered, and has a clock of its own, or none.
    pub(super) fn entered(&mut self, timeout: Option<Duration>) {
        self.nested_deadlines.truncate(self.recorder.state().frames().len().saturating_sub(2));
        self.nested_deadlines.push(timeout.map(|timeout| Instant::now() + timeout));
    }

    fn nested_over(&self) -> Option<usize> {
        let now = Instant::now();
        self.nested().position(|deadline| deadline.is_some_and(|deadline| now >= deadline)).map(|place| place + 1)
    }

    fn nested(&self) -> impl Iterator<Item = Option<Instant>> {
        self.nested_deadlines.iter().copied().take(self.recorder.state().frames().len() - 1)
    }

    /// An event of a step, which belongs to the chain that the step is in.
    pub(super) fn step_event(&self, path: &StepPath, body: EventBody) -> Entry {
        let level = self.chain.level(path.parent().as_ref());
        Entry::Event(body, level.map(|level| level.chain_id.clone()))
    }
}

/// The recorded ones on this process's own clock, as the [run's](Runner::run_deadline).
fn nested_deadlines(recorder: &Recorder, chain: &Chain) -> Vec<Option<Instant>> {
    let now = recorder.now();
    let deadline = |frame: &Frame| {
        let limit = chain.level(frame.within.as_ref()).and_then(|level| level.timeout).unwrap_or(Duration::MAX);
        frame.deadline.map(|deadline| Instant::now() + deadline.since(now).min(limit))
    };
    recorder.state().frames().iter().skip(1).map(deadline).collect()
}

fn result_message(settling: &Settling) -> Result<Outgoing, JournalError> {
    let (state, subject) = (&settling.state, &settling.subject);
    let (Some(finished), Some(body)) = (state.finished(), state.result()) else {
        return Err(JournalError::Unavailable("the log of a finished run has no result".into()));
    };
    let (status, body) = (finished.final_status, Bytes::copy_from_slice(body.as_bytes()));
    let origin = state.origin();
    Ok(Outgoing {
        to: Destination::Results { routing_key: format!("{}.{}", subject.tenant, status.as_str()) },
        message_id: format!("{}:result", subject.run_id),
        schema: RESULT_SCHEMA.into(),
        body,
        correlation_id: Some(origin.correlation_id.clone().unwrap_or_else(|| subject.run_id.to_string())),
        traceparent: origin.traceparent.clone(),
        timestamp: finished_at(state),
    })
}

/// `started_at` plus the run's length: the time of `run.finished`.
fn finished_at(state: &RunState) -> Millis {
    let took = Duration::from_millis(state.finished().map_or(0, |finished| finished.total_latency_ms));
    state.started_at().map_or(Millis::EPOCH, |start| start.plus(took))
}
