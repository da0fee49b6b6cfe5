use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Tape;
use crate::chain::log::{Private, Record};
use crate::chain::stamp::Millis;
use crate::chain::{RunId, StepPath};
use crate::journal::{MemoryJournal, MemorySettings};
use crate::ports::{BoxFuture, Claimed, Journal, JournalError, Lease, RunKey};

/// The memory journal, with its troubles scripted.
pub(crate) struct FakeJournal {
    tape: Tape,
    store: MemoryJournal,
    appends: AtomicUsize,
    /// The append that fails, from 1, and how.
    pub(crate) fails_at: Mutex<Option<(usize, JournalError)>>,
    pub(crate) renewals: Mutex<VecDeque<(Duration, Result<(), JournalError>)>>,
    /// The append after which the lease turns out to be over.
    pub(crate) lease_over_after: AtomicUsize,
    /// How long the next appends take.
    pub(crate) slow: Mutex<VecDeque<Duration>>,
    pub(crate) survives: AtomicBool,
    /// While it is, it neither lets anybody claim a run nor takes anything.
    pub(crate) down: AtomicBool,
    /// How long a claim takes.
    pub(crate) claims_take: Mutex<Duration>,
}

impl FakeJournal {
    pub(crate) fn new(tape: Tape) -> Self {
        Self {
            tape,
            store: MemoryJournal::new(MemorySettings::default()),
            appends: AtomicUsize::default(),
            fails_at: Mutex::default(),
            renewals: Mutex::default(),
            lease_over_after: AtomicUsize::default(),
            slow: Mutex::default(),
            survives: AtomicBool::new(true),
            down: AtomicBool::new(false),
            claims_take: Mutex::default(),
        }
    }

    fn is_up(&self) -> Result<(), JournalError> {
        let down = self.down.load(Ordering::Relaxed);
        if down { Err(JournalError::Unavailable("the disk is full".into())) } else { Ok(()) }
    }

    pub(crate) fn fail_at(&self, append: usize, error: JournalError) {
        self.appends.store(0, Ordering::Relaxed);
        *self.fails_at.lock().unwrap() = Some((append, error));
    }
}

/// The step's id, where it has not been given another.
fn id(step: &StepPath) -> String {
    let ids: Vec<String> = step.indices().iter().map(|index| format!("step_{index}")).collect();
    ids.join(".")
}

fn name(record: &Record) -> String {
    match record {
        Record::Event(sealed) => format!("{}@{}", sealed.event.body.name(), sealed.event.seq),
        Record::Private(Private::Definition { .. }) => "definition".into(),
        Record::Private(Private::Intent { step, attempt, .. }) => format!("intent {} #{attempt}", id(step)),
        Record::Private(Private::Withdrawn { step, attempt }) => format!("withdrawn {} #{attempt}", id(step)),
        Record::Private(Private::Submitted { step, .. }) => format!("submitted {}", id(step)),
        Record::Private(Private::Progressed { progress, .. }) => format!("progressed {progress:?}"),
        Record::Private(Private::Attempted { .. }) => "attempted".into(),
        Record::Private(Private::Entered { step, .. }) => format!("entered {}", id(step)),
        Record::Private(Private::FellBack { step, .. }) => format!("fell back {}", id(step)),
        Record::Private(Private::StepData { .. }) => "data".into(),
        Record::Private(Private::CancelRequested) => "cancel".into(),
        Record::Private(Private::HandedBack) => "handed back".into(),
        Record::Private(Private::Result { .. }) => "result".into(),
        Record::Private(Private::Settled) => "settled".into(),
    }
}

impl Journal for FakeJournal {
    fn survives_restart(&self) -> bool {
        self.survives.load(Ordering::Relaxed)
    }

    fn claim<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Claimed, JournalError>> {
        Box::pin(async {
            self.is_up().inspect_err(|_| self.tape.say(format!("NOT CLAIMED {}", key.run_id)))?;
            let claimed = self.store.claim(key).await;
            let takes = *self.claims_take.lock().unwrap();
            tokio::time::sleep(takes).await;
            claimed
        })
    }

    fn append<'a>(&'a self, lease: &'a mut Lease, batch: Vec<Record>) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            let slow = self.slow.lock().unwrap().pop_front().unwrap_or_default();
            tokio::time::sleep(slow).await;
            let names: Vec<String> = batch.iter().map(name).collect();
            let number = self.appends.fetch_add(1, Ordering::Relaxed) + 1;
            let fails = self.fails_at.lock().unwrap().clone().filter(|(at, _)| *at == number);
            if let Some(error) = fails.map(|(_, error)| error).or(self.is_up().err()) {
                self.tape.say(format!("NOT JOURNALED {}", names.join(" + ")));
                return Err(error);
            }
            self.store.append(lease, batch).await?;
            self.tape.say(format!("journal {}", names.join(" + ")));
            if self.lease_over_after.load(Ordering::Relaxed) == number {
                lease.until = Instant::now();
            }
            Ok(())
        })
    }

    fn renew<'a>(&'a self, lease: &'a mut Lease) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            let next = self.renewals.lock().unwrap().pop_front();
            let (takes, answer) = next.unwrap_or((Duration::ZERO, Ok(())));
            tokio::time::sleep(takes).await;
            self.tape.say("renew");
            answer?;
            self.store.renew(lease).await
        })
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, ()> {
        self.tape.say("release");
        self.store.release(lease)
    }

    fn acknowledged<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, ()> {
        self.tape.say(format!("acknowledged {}", key.run_id));
        self.store.acknowledged(key)
    }

    fn take_over<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), JournalError>> {
        self.store.take_over(queue)
    }

    fn overdue<'a>(
        &'a self,
        queue: &'a str,
        before: Millis,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<RunKey>, JournalError>> {
        self.store.overdue(queue, before, most)
    }

    fn emptied<'a>(&'a self, queue: &'a str, before: Millis) -> BoxFuture<'a, ()> {
        self.tape.say("emptied");
        self.store.emptied(queue, before)
    }

    fn find_assigned<'a>(&'a self, queue: &'a str, definition_hash: &'a str) -> BoxFuture<'a, Option<RunId>> {
        self.store.find_assigned(queue, definition_hash)
    }
}
