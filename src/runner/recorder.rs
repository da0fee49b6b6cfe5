//! Writes a run's log. What is *staged* is sealed and folded into the state at once, so that the core can say what comes next;
//! a *commit* journals all that is staged in one append, and only then are events let out. So an outcome, the intent that
//! follows it without a wait, and the end of the run cost one durable append, and none of them counts before it.
//!
//! Invariant: nothing is sent, and nobody waits, while something is staged. An error ends the run's task here, so nothing ever
//! goes on without what was staged.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::chain::log::{Author, EventBody, Private, Record, Sealed, Subject, seal};
use crate::chain::run::RunState;
use crate::chain::stamp::Millis;
use crate::chain::{ChainId, RunId, StepPath};
use crate::failpoint;
use crate::ports::{Clock, Journal, JournalError, Lease};

use super::drive::Halt;
use super::events::EventLine;

/// A run that waits renews its lease this often; leases last several times as long.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(5);

/// What is to be recorded next.
pub(super) enum Entry {
    /// An event; of the outermost chain, unless one that is nested is named.
    Event(EventBody, Option<ChainId>),
    Private(Private),
}

/// The log of one run, in the hands of the one who may write it.
pub(super) struct Recorder {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    lease: Lease,
    /// When the lease was last renewed; every append does it, too.
    renewed: Instant,
    /// The run as all records tell it, the staged ones included.
    state: RunState,
    staged: Vec<Record>,
    subject: Subject,
    author: Author,
    events: EventLine,
}

impl Recorder {
    pub(super) fn new(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        claim: (Lease, RunState),
        (subject, author): (Subject, Author),
        events: EventLine,
    ) -> Self {
        let (lease, state) = claim;
        Self { journal, clock, lease, renewed: Instant::now(), state, staged: Vec::new(), subject, author, events }
    }

    pub(super) fn state(&self) -> &RunState {
        &self.state
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    pub(super) fn run_id(&self) -> &RunId {
        &self.subject.run_id
    }

    pub(super) fn author(&self) -> &Author {
        &self.author
    }

    pub(super) fn now(&self) -> Millis {
        Millis::of(self.clock.now())
    }

    /// The event that would come next, at `at`: to be looked at before it is recorded.
    pub(super) fn preview(&self, at: Millis, body: EventBody, chain_id: Option<ChainId>) -> Sealed {
        let Subject { run_id, chain_id: outermost, tenant } = &self.subject;
        let chain_id = chain_id.unwrap_or_else(|| outermost.clone());
        let subject = Subject { run_id: run_id.clone(), chain_id, tenant: tenant.clone() };
        seal(self.state.head(), &subject, &self.author, at, body)
    }

    /// Seals `entries` and folds them into the state. The next [`commit`](Self::commit) journals them.
    pub(super) fn stage(&mut self, entries: Vec<Entry>) -> Result<(), JournalError> {
        self.stage_at(self.now(), entries)
    }

    /// As [`stage`](Self::stage), of what happened at `at`.
    pub(super) fn stage_at(&mut self, at: Millis, entries: Vec<Entry>) -> Result<(), JournalError> {
        entries.into_iter().try_for_each(|entry| {
            self.stage_sealed(match entry {
                Entry::Private(private) => Record::Private(private),
                Entry::Event(body, chain_id) => Record::Event(Arc::new(self.preview(at, body, chain_id))),
            })
        })
    }

    /// As [`stage`](Self::stage), of an event sealed before.
    pub(super) fn stage_sealed(&mut self, record: Record) -> Result<(), JournalError> {
        let state = self.state.clone().apply(&record);
        self.state = state.map_err(|illegal| JournalError::Unavailable(illegal.to_string()))?;
        self.staged.push(record);
        Ok(())
    }

    /// Whether there is something that is not journaled yet.
    pub(super) fn has_staged(&self) -> bool {
        !self.staged.is_empty()
    }

    /// Journals what is staged as one batch; then its events go out.
    pub(super) async fn commit(&mut self) -> Result<(), JournalError> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.staged);
        let places = places(&batch);
        let events: Vec<Arc<Sealed>> = batch.iter().filter_map(event).cloned().collect();
        self.journal.append(&mut self.lease, batch).await?;
        self.renewed = Instant::now();
        places.into_iter().for_each(|(place, step)| failpoint::hit_at(place, step.as_ref()));
        events.iter().for_each(|sealed| self.events.push(sealed));
        Ok(())
    }

    /// Keeps the lease while the run waits.
    pub(super) async fn renew(&mut self) -> Result<(), JournalError> {
        self.journal.renew(&mut self.lease).await?;
        self.renewed = Instant::now();
        Ok(())
    }

    /// Whether it is time to renew the lease.
    pub(super) fn renewal_is_due(&self) -> bool {
        self.renewed.elapsed() >= RENEW_EVERY
    }

    /// Waits until every event is confirmed, and leaves what is needed to settle the run.
    pub(super) async fn events_confirmed(self) -> Result<Settling, Halt> {
        let mut settling =
            Settling { journal: self.journal, lease: self.lease, state: self.state, subject: self.subject };
        settling.keep(self.events.finish()).await??;
        Ok(settling)
    }

    /// The run is given back: whatever it has recorded is for the next one to go on with.
    pub(super) async fn hand_back(self) -> Result<(), Halt> {
        let settling = self.events_confirmed().await?;
        settling.journal.release(&settling.lease).await;
        Ok(())
    }
}

/// The places where a test can kill the worker after the append of `batch`. What shares an append has no arrow between: where
/// an exchange comes next, it is the arrow from its intent, whatever else became durable with it.
fn places(batch: &[Record]) -> Vec<Place> {
    if let Some(Record::Private(Private::Intent { step, .. })) = batch.last() {
        return vec![("intent", Some(step.clone()))];
    }
    let mut at = None;
    batch.iter().filter_map(|record| place(record, &mut at)).collect()
}

/// A place's name, and the step that the run is at there.
type Place = (&'static str, Option<StepPath>);

/// `at`: the step that the record before is about. An event of a step has one before it that names the step.
fn place(record: &Record, at: &mut Option<StepPath>) -> Option<Place> {
    match record {
        Record::Event(sealed) => match &sealed.event.body {
            EventBody::RunAccepted(_) => Some(("accepted", None)),
            EventBody::StepRetried(_) | EventBody::StepFinished(_) => Some(("outcome", at.take())),
            EventBody::RunResumed(_) => Some(("resumed", None)),
            EventBody::RunFinished(_) => Some(("finished", None)),
            EventBody::RunRejected(_) => None,
        },
        Record::Private(Private::Submitted { step, .. }) => Some(("submitted", Some(step.clone()))),
        Record::Private(
            Private::Attempted { step, .. } | Private::StepData { step, .. } | Private::FellBack { step, .. },
        ) => {
            *at = Some(step.clone());
            None
        }
        Record::Private(_) => None,
    }
}

fn event(record: &Record) -> Option<&Arc<Sealed>> {
    match record {
        Record::Event(sealed) => Some(sealed),
        Record::Private(_) => None,
    }
}

/// A run whose events are all out.
pub(super) struct Settling {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) lease: Lease,
    pub(super) state: RunState,
    pub(super) subject: Subject,
}

impl Settling {
    /// Waits for `work` and keeps the lease meanwhile: a broker that is away for long does not cost the run.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] when another worker has the run. A journal that does not write for a moment is no reason not to
    /// publish what it holds.
    pub(super) async fn keep<T>(&mut self, work: impl Future<Output = T>) -> Result<T, JournalError> {
        let mut work = std::pin::pin!(work);
        loop {
            let renewal = async {
                tokio::time::sleep(RENEW_EVERY).await;
                self.journal.renew(&mut self.lease).await
            };
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                renewed = renewal => if renewed == Err(JournalError::Fenced) { return Err(JournalError::Fenced) },
            }
        }
    }
}
