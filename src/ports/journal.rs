//! Where run logs live durably.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::BoxFuture;
use crate::chain::RunId;
use crate::chain::log::Record;
use crate::chain::stamp::Millis;

/// A run, by the name that is unique within its work queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunKey {
    /// The work queue.
    pub queue: Arc<str>,
    /// The run.
    pub run_id: RunId,
}

impl fmt::Display for RunKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.run_id, self.queue)
    }
}

/// The right to write one run's log, for a while. Higher fences come later; a log takes records of its highest fence only,
/// so that a worker that was thought dead writes nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub key: RunKey,
    /// Grows with every claim of the run.
    pub fence: u64,
    /// Until when it holds.
    pub until: Instant,
}

impl Lease {
    /// Whether it still holds: asked right before the first byte of an exchange.
    #[must_use]
    pub fn holds(&self) -> bool {
        Instant::now() < self.until
    }
}

/// What a claim found.
#[derive(Debug)]
pub enum Claimed {
    /// The run is the claimer's. Its log so far: empty when it never started.
    Ours {
        /// The right to go on.
        lease: Lease,
        /// What is recorded.
        log: Vec<Record>,
    },
    /// Another worker has it.
    Elsewhere {
        /// When it may be asked again.
        retry_after: Duration,
    },
}

/// Why the journal did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// A later claim took the run over: nothing more is to be done for it here.
    #[error("another worker has taken the run over")]
    Fenced,
    /// The journal cannot write. Nothing may be sent.
    #[error("the journal cannot write: {0}")]
    Unavailable(String),
}

/// A store of run logs. One contract suite runs over every kind (`tests/journal`).
///
/// Invariants: an append is there as a whole or not at all; once it has answered `Ok`, a later claim of the run finds its
/// records, in order; a stale fence never writes.
pub trait Journal: Send + Sync {
    /// Whether logs outlive the process. Where they do not, a started run cannot be handed to another worker.
    fn survives_restart(&self) -> bool;

    /// Claims a run for a lease's length and reads its log.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`].
    fn claim<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Claimed, JournalError>>;

    /// Appends a batch to the log of the lease's run, durably, all or nothing, and renews the lease.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] when a later claim holds the run; [`JournalError::Unavailable`].
    fn append<'a>(&'a self, lease: &'a mut Lease, batch: Vec<Record>) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Renews the lease of a run that waits. May be dropped in the middle.
    ///
    /// # Errors
    /// As [`append`](Journal::append).
    fn renew<'a>(&'a self, lease: &'a mut Lease) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Gives the run back before its lease is over; only the key and the fence matter. A run without a record is forgotten.
    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, ()>;

    /// The run's message is acknowledged: from now on the log is kept for the retention only.
    fn acknowledged<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, ()>;

    /// The store's name for itself: made with it, kept as long as it keeps anything, lost when it is lost. `None`: a store of
    /// which nobody expects that it remembers.
    fn identity(&self) -> Option<&str> {
        None
    }

    /// This process alone works on the queue from now on: leases that other processes hold on its runs are over.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`].
    fn take_over<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), JournalError>>;

    /// Accepted runs of the queue that are not settled, that nobody has a lease on, and whose run clock was over before
    /// `before`; at most `most` of them.
    ///
    /// # Errors
    /// [`JournalError::Unavailable`].
    fn overdue<'a>(
        &'a self,
        queue: &'a str,
        before: Millis,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<RunKey>, JournalError>>;

    /// Nothing is in the queue and nothing of it in hand any more: what was settled before `before` has no message that could
    /// still be acknowledged, and is kept for the retention only, too.
    fn emptied<'a>(&'a self, queue: &'a str, before: Millis) -> BoxFuture<'a, ()>;

    /// An unclaimed, unacknowledged run of this queue and definition whose id the worker gave it: what a redelivered message
    /// without an id goes on with.
    fn find_assigned<'a>(&'a self, queue: &'a str, definition_hash: &'a str) -> BoxFuture<'a, Option<RunId>>;
}
