//! The journal that dies with its process: for tests, and for chains whose steps are all idempotent.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::chain::RunId;
use crate::chain::log::{EventBody, Private, Record, accepted};
use crate::chain::stamp::Millis;
use crate::ports::{BoxFuture, Claimed, Journal, JournalError, Lease, RunKey};

/// How much a memory journal keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemorySettings {
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// How long an acknowledged run is kept for duplicates of its message.
    pub retention: Duration,
    /// How many bytes of acknowledged runs are kept at most; the oldest go first.
    pub keep_bytes: usize,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), retention: Duration::from_secs(24 * 3600), keep_bytes: 32 * 1024 * 1024 }
    }
}

/// A journal in memory.
pub struct MemoryJournal {
    settings: MemorySettings,
    runs: Mutex<Runs>,
}

#[derive(Default)]
struct Runs {
    by_key: HashMap<RunKey, StoredRun>,
    /// Acknowledged runs, the oldest first.
    acknowledged: VecDeque<(Instant, RunKey, usize)>,
    acknowledged_bytes: usize,
    last_fence: u64,
}

#[derive(Default)]
struct StoredRun {
    log: Vec<Record>,
    fence: u64,
    leased_until: Option<Instant>,
    acknowledged: bool,
}

impl StoredRun {
    fn is_leased(&self, now: Instant) -> bool {
        self.leased_until.is_some_and(|until| until > now)
    }
}

/// What the records tell of the run.
impl StoredRun {
    fn is_settled(&self) -> bool {
        self.log.last() == Some(&Record::Private(Private::Settled))
    }

    fn deadline(&self) -> Option<Millis> {
        accepted(&self.log).map(|(_, accepted)| accepted.deadline)
    }

    fn finished_at(&self) -> Option<Millis> {
        self.log.iter().rev().find_map(|record| match record {
            Record::Event(sealed) if matches!(sealed.event.body, EventBody::RunFinished(_)) => {
                Some(sealed.event.timestamp)
            }
            _ => None,
        })
    }
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new(settings: MemorySettings) -> Self {
        Self { settings, runs: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        // Every change below leaves the maps whole, so a panic elsewhere while the lock was held spoils nothing.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim_now(&self, key: &RunKey) -> Claimed {
        let mut runs = self.lock();
        let now = Instant::now();
        runs.forget(now, self.settings);
        runs.last_fence += 1;
        let fence = runs.last_fence;
        let run = runs.by_key.entry(key.clone()).or_default();
        if let Some(until) = run.leased_until.filter(|until| *until > now) {
            return Claimed::Elsewhere { retry_after: until - now };
        }
        let until = now + self.settings.lease;
        run.fence = fence;
        run.leased_until = Some(until);
        Claimed::Ours { lease: Lease { key: key.clone(), fence, until }, log: run.log.clone() }
    }

    fn append_now(&self, lease: &mut Lease, batch: Vec<Record>) -> Result<(), JournalError> {
        let mut runs = self.lock();
        let run = runs.by_key.get_mut(&lease.key).filter(|run| run.fence == lease.fence);
        let run = run.ok_or(JournalError::Fenced)?;
        run.log.extend(batch);
        lease.until = Instant::now() + self.settings.lease;
        run.leased_until = Some(lease.until);
        Ok(())
    }

    fn release_now(&self, lease: &Lease) {
        let mut runs = self.lock();
        let Some(run) = runs.by_key.get_mut(&lease.key).filter(|run| run.fence == lease.fence) else { return };
        run.leased_until = None;
        if run.log.is_empty() {
            runs.by_key.remove(&lease.key);
        }
    }

    fn acknowledged_now(&self, key: &RunKey) {
        let mut runs = self.lock();
        let Some(run) = runs.by_key.get_mut(key).filter(|run| !run.acknowledged) else { return };
        run.acknowledged = true;
        run.log.retain_mut(slim);
        run.log.shrink_to_fit();
        let bytes = run.log.iter().map(bytes_of).sum();
        let now = Instant::now();
        runs.acknowledged.push_back((now, key.clone(), bytes));
        runs.acknowledged_bytes += bytes;
        runs.forget(now, self.settings);
    }
}

impl Runs {
    /// Drops acknowledged runs that are past their retention, or too many. Not one that is leased: a duplicate's worker is
    /// about to publish its result once more, and would find a run that never was if its message came again.
    fn forget(&mut self, now: Instant, settings: MemorySettings) {
        let mut place = 0;
        while let Some((at, key, _)) = self.acknowledged.get(place) {
            let over = now.duration_since(*at) >= settings.retention || self.acknowledged_bytes > settings.keep_bytes;
            if !over {
                return;
            }
            if self.by_key.get(key).is_some_and(|run| run.is_leased(now)) {
                place += 1;
            } else if let Some((_, key, bytes)) = self.acknowledged.remove(place) {
                self.by_key.remove(&key);
                self.acknowledged_bytes -= bytes;
            }
        }
    }
}

/// Leaves what a duplicate of an acknowledged run's message needs: the events, whose hash chain is checked on replay, and the
/// result. Not the definition and the responses, which are the bulk.
fn slim(record: &mut Record) -> bool {
    match record {
        Record::Private(Private::StepData { .. }) => return false,
        Record::Private(Private::Definition { canonical, .. }) => *canonical = String::new(),
        Record::Private(_) | Record::Event(_) => {}
    }
    true
}

fn bytes_of(record: &Record) -> usize {
    const OVERHEAD: usize = 256;
    OVERHEAD
        + match record {
            // The bytes, and the parsed event of about the same size.
            Record::Event(sealed) => 2 * sealed.bytes.len(),
            Record::Private(Private::Result { body }) => body.len(),
            Record::Private(Private::Definition { canonical, .. }) => canonical.len(),
            Record::Private(_) => 0,
        }
}

impl Journal for MemoryJournal {
    fn survives_restart(&self) -> bool {
        false
    }

    fn claim<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Claimed, JournalError>> {
        Box::pin(async { Ok(self.claim_now(key)) })
    }

    fn append<'a>(&'a self, lease: &'a mut Lease, batch: Vec<Record>) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async { self.append_now(lease, batch) })
    }

    fn renew<'a>(&'a self, lease: &'a mut Lease) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async { self.append_now(lease, Vec::new()) })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, ()> {
        Box::pin(async { self.release_now(lease) })
    }

    fn acknowledged<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, ()> {
        Box::pin(async { self.acknowledged_now(key) })
    }

    /// Nobody else can have a lease on what is in this process's memory.
    fn take_over<'a>(&'a self, _queue: &'a str) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async { Ok(()) })
    }

    fn overdue<'a>(
        &'a self,
        queue: &'a str,
        before: Millis,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<RunKey>, JournalError>> {
        Box::pin(async move {
            let now = Instant::now();
            let runs = self.lock();
            let overdue = runs.by_key.iter().filter(|(key, run)| {
                &*key.queue == queue
                    && !run.acknowledged
                    && !run.is_leased(now)
                    && !run.is_settled()
                    && run.deadline().is_some_and(|deadline| deadline < before)
            });
            Ok(overdue.map(|(key, _)| key.clone()).take(most).collect())
        })
    }

    fn emptied<'a>(&'a self, queue: &'a str, before: Millis) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let runs = self.lock();
            let settled = runs.by_key.iter().filter(|(key, run)| {
                &*key.queue == queue && !run.acknowledged && run.is_settled() && run.finished_at() < Some(before)
            });
            let settled: Vec<RunKey> = settled.map(|(key, _)| key.clone()).collect();
            drop(runs);
            settled.iter().for_each(|key| self.acknowledged_now(key));
        })
    }

    fn find_assigned<'a>(&'a self, queue: &'a str, definition_hash: &'a str) -> BoxFuture<'a, Option<RunId>> {
        Box::pin(async move {
            let now = Instant::now();
            let runs = self.lock();
            let free = |run: &StoredRun| !run.acknowledged && !run.is_leased(now);
            let found = runs.by_key.iter().find(|(key, run)| {
                &*key.queue == queue && free(run) && run.log.iter().any(|record| is_assigned(record, definition_hash))
            });
            found.map(|(key, _)| key.run_id.clone())
        })
    }
}

fn is_assigned(record: &Record, definition_hash: &str) -> bool {
    let Record::Event(sealed) = record else { return false };
    let EventBody::RunAccepted(accepted) = &sealed.event.body else { return false };
    accepted.run_id_assigned && accepted.definition_hash == definition_hash
}
