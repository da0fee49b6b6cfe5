//! A journal's hold on the work queues of its worker: the lock, then the claim, before the first delivery is consumed; at every
//! connection anew.
//!
//! A journal without an identity needs neither: nobody expects that it remembers, and several workers may share a queue.

use std::sync::Arc;
use std::time::Duration;

use lapin::Connection;
use tokio::time::Instant;
use tracing::{info, warn};

use super::claim::{self, Claim, Found, History};
use super::lock::{self, Locked};
use super::publisher::Publisher;
use super::rights::{Doing, explain, forbidden};
use super::status::{Break, QueueState};
use crate::chain::stamp::Millis;
use crate::ports::{Clock, Journal, JournalError, Outbox, Report, SystemClock};

/// Between two tries to take a lock.
const AGAIN: Duration = Duration::from_millis(500);
/// How long the broker may take to answer one question.
const ANSWER: Duration = Duration::from_secs(10);
/// Between two times that the journal is told that a queue that stays empty is.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// What was settled so long before a look that found a queue empty has no acknowledgement on its way any more.
const SETTLED_BEFORE: Duration = Duration::from_secs(60);

/// What holds queues for a journal.
#[derive(Clone)]
pub(super) struct Custody {
    journal: Arc<dyn Journal>,
    worker: String,
    /// How long a lock is tried for: it may be that of the worker's own connection from before, which RabbitMQ takes for alive
    /// until two heartbeats are missing.
    patience: Duration,
}

/// Why a lock was not taken.
pub(super) enum Refusal {
    /// Another worker has it.
    Held(Locked),
    /// The user may not take it: the permission that is missing.
    Forbidden(String),
    /// The broker said no, or nothing.
    Broken(Break),
}

/// A queue that is held.
pub(super) struct Held {
    journal: Arc<dyn Journal>,
    identity: String,
    worker: String,
    queue: String,
    connection: Arc<Connection>,
    history: History,
    told: Option<Instant>,
}

impl Custody {
    pub(super) fn new(journal: Arc<dyn Journal>, worker: &str, heartbeat: Duration) -> Self {
        Self { journal, worker: worker.to_owned(), patience: heartbeat * 2 + Duration::from_secs(5) }
    }

    /// Takes the lock of `queue`, or waits for it. A connection that has it already gets it again.
    pub(super) async fn lock(
        &self,
        connection: &Connection,
        queue: &str,
        report: &Report<QueueState>,
    ) -> Result<(), Refusal> {
        if self.journal.identity().is_none() {
            return Ok(());
        }
        let mut since: Option<Instant> = None;
        loop {
            let error = match tokio::time::timeout(ANSWER, lock::take(connection, queue)).await {
                Ok(Ok(())) => {
                    if since.is_some() {
                        info!(queue, lock = lock::name(queue), "the lock is free; this worker has it now");
                    }
                    return Ok(());
                }
                Ok(Err(error)) => error,
                Err(_) => return Err(Refusal::Broken(silent())),
            };
            if !lock::is_held(&error) {
                let missing = forbidden(&error, Doing::Locking).map(Refusal::Forbidden);
                return Err(missing.unwrap_or_else(|| Refusal::Broken(broken(&error, Doing::Locking))));
            }
            let waited = since.get_or_insert_with(|| self.say_that_it_waits(queue, report)).elapsed();
            if waited >= self.patience {
                let (lock, waited) = (lock::name(queue), self.patience);
                return Err(Refusal::Held(Locked { queue: queue.to_owned(), lock, waited }));
            }
            tokio::time::sleep(AGAIN.min(self.patience.saturating_sub(waited))).await;
        }
    }

    fn say_that_it_waits(&self, queue: &str, report: &Report<QueueState>) -> Instant {
        let (lock, patience) = (lock::name(queue), self.patience.as_secs());
        warn!(
            queue,
            lock,
            "another connection to RabbitMQ holds this queue's lock: another worker's, or this worker's own from before; \
             waiting for it for {patience} s"
        );
        let what = format!("another connection holds {lock}; it is waited for for {patience} s");
        report.fail(QueueState::Locked, what);
        Instant::now()
    }

    /// What a new connection, or a new consumer on one, needs before it consumes: the lock is taken, so the journal takes its
    /// runs over, and the claim is looked at. `None` for a journal that holds nothing. A claim that is to be made waits until the
    /// broker takes messages: a connection that publishes while it is short of disk or memory is blocked, acknowledgements and
    /// all.
    pub(super) async fn hold(
        &self,
        connection: &Arc<Connection>,
        queue: &str,
        publisher: &Publisher,
    ) -> Result<Option<Held>, Break> {
        let Some(identity) = self.journal.identity() else { return Ok(None) };
        self.journal.take_over(queue).await.map_err(|error| unavailable(&error))?;
        let found = answered(claim::read(connection, queue)).await?;
        let (history, claims) = found.means(identity);
        let held = Held {
            journal: self.journal.clone(),
            identity: identity.to_owned(),
            worker: self.worker.clone(),
            queue: queue.to_owned(),
            connection: connection.clone(),
            history,
            told: None,
        };
        if claims {
            if publisher.is_blocked() {
                warn!(
                    queue,
                    "RabbitMQ takes no messages: the journal's claim on the queue waits, and nothing is taken until then"
                );
                publisher.ready().await;
            }
            held.claim().await?;
        }
        if history == History::Lost {
            held.say_what_is_lost(&found);
        }
        Ok(Some(held))
    }
}

impl Held {
    /// Whether what was begun of the queue's messages may be unknown to the journal.
    pub(super) fn is_history_lost(&self) -> bool {
        self.history == History::Lost
    }

    /// The queue was empty at `at`, with nothing of it in hand: what was begun under another journal is over.
    pub(super) async fn emptied(&mut self, at: Millis) -> Result<(), Break> {
        if self.history == History::Lost {
            self.history = History::Known;
            let claimed = self.claim().await;
            if claimed.is_err() {
                self.history = History::Lost;
                return claimed;
            }
            info!(
                queue = self.queue,
                "the queue was seen empty, with nothing in hand: nothing is left of what another journal knew, and this one \
                 knows all from now on"
            );
        }
        if self.told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
            self.journal.emptied(&self.queue, at.minus(SETTLED_BEFORE)).await;
            self.told = Some(Instant::now());
        }
        Ok(())
    }

    async fn claim(&self) -> Result<(), Break> {
        let since = Millis::of(SystemClock.now());
        let claim = Claim::new(&self.identity, self.is_history_lost(), &self.worker, since);
        answered(claim::write(&self.connection, &self.queue, &claim)).await
    }

    fn say_what_is_lost(&self, found: &Found) {
        let before = match found {
            Found::Claim(claim) if claim.journal != self.identity => {
                format!("journal {} (claimed by worker {} at {})", claim.journal, claim.worker, claim.since)
            }
            Found::Claim(_) | Found::Nothing => "another journal, before this one".to_owned(),
            Found::Unreadable => "a journal that cannot be told".to_owned(),
        };
        warn!(
            queue = self.queue,
            journal = self.identity,
            "this queue was worked on with {before}. Until it was seen empty with nothing in hand, a message that RabbitMQ hands \
             out again and that this journal knows nothing of goes to dead as history_lost, with an indeterminate result and no \
             call: nobody knows what was done for it. If the other journal is still there, stop this worker and start one with it; if \
             nothing is lost, stop this worker and run `cxchain journal adopt`"
        );
    }
}

async fn answered<T>(asking: impl Future<Output = lapin::Result<T>>) -> Result<T, Break> {
    match tokio::time::timeout(ANSWER, asking).await {
        Ok(answer) => answer.map_err(|error| broken(&error, Doing::Claiming)),
        Err(_) => Err(silent()),
    }
}

fn broken(error: &lapin::Error, doing: Doing) -> Break {
    let why = explain(error, doing);
    Break { why, ..Break::from(error.clone()) }
}

fn silent() -> Break {
    let why = format!("no answer about the queue's lock and claim within {} s", ANSWER.as_secs());
    Break { state: QueueState::ConnectionLost, why }
}

fn unavailable(error: &JournalError) -> Break {
    Break { state: QueueState::NoJournal, why: error.to_string() }
}
