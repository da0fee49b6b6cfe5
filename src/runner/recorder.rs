//! Writes a run's log: seals events, journals a batch, folds it into the state, and only then lets the events out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::chain::RunId;
use crate::chain::log::{Author, EventBody, Head, Private, Record, Sealed, Subject, seal};
use crate::chain::run::RunState;
use crate::chain::stamp::Millis;
use crate::ports::{Clock, Journal, JournalError, Lease};

use super::drive::Halt;
use super::events::EventLine;

/// A run that waits renews its lease this often; leases last several times as long.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(5);

/// What is to be recorded next.
pub(super) enum Entry {
    Event(EventBody),
    Private(Private),
}

/// The log of one run, in the hands of the one who may write it.
pub(super) struct Recorder {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    lease: Lease,
    /// When the lease was last renewed; every append does it, too.
    renewed: Instant,
    state: RunState,
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
        Self { journal, clock, lease, renewed: Instant::now(), state, subject, author, events }
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
    pub(super) fn preview(&self, at: Millis, body: EventBody) -> Sealed {
        seal(self.state.head(), &self.subject, &self.author, at, body)
    }

    /// Journals `entries` as one batch; then the state knows them and the events go out.
    pub(super) async fn append(&mut self, entries: Vec<Entry>) -> Result<(), JournalError> {
        self.append_at(self.now(), entries).await
    }

    /// As [`append`](Self::append), of what happened at `at`.
    pub(super) async fn append_at(&mut self, at: Millis, entries: Vec<Entry>) -> Result<(), JournalError> {
        let mut head: Head = self.state.head().clone();
        let batch: Vec<Record> = entries
            .into_iter()
            .map(|entry| match entry {
                Entry::Private(private) => Record::Private(private),
                Entry::Event(body) => {
                    let sealed = seal(&head, &self.subject, &self.author, at, body);
                    head = sealed.head();
                    Record::Event(Arc::new(sealed))
                }
            })
            .collect();
        self.append_sealed(batch).await
    }

    /// As [`append`](Self::append), with events sealed before.
    pub(super) async fn append_sealed(&mut self, batch: Vec<Record>) -> Result<(), JournalError> {
        let state = batch.iter().try_fold(self.state.clone(), RunState::apply);
        let state = state.map_err(|illegal| JournalError::Unavailable(illegal.to_string()))?;
        self.journal.append(&mut self.lease, batch.clone()).await?;
        self.renewed = Instant::now();
        self.state = state;
        for record in &batch {
            if let Record::Event(sealed) = record {
                self.events.push(sealed);
            }
        }
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
