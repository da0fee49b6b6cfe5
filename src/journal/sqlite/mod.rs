//! The journal in a SQLite file: one process writes it, everybody may read it.
//!
//! [`SqliteJournal`] hands every request to one thread (`writer`), which commits all that wait together; an answer means that the
//! commit is on disk. While the file cannot be written (a full disk, say), requests wait in there, so that runs stand still and
//! nothing is sent; after [`SqliteSettings::patience`], or at once where no waiting helps, the journal is broken for good and its
//! worker has to end. Other processes look at the file through [`Reader`].

mod connection;
mod encoding;
mod error;
mod fault;
mod file;
mod lease;
mod log;
mod prune;
mod queue;
mod reader;
mod request;
mod schema;
mod upkeep;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot, watch};
use uuid::Uuid;

pub use error::FileError;
pub use file::check_place;
pub use prune::{Pruned, prune};
pub use reader::{Filter, ReadError, Reader, RunPhase, RunSummary, Stats};

use super::JournalState;
use crate::chain::RunId;
use crate::chain::log::Record;
use crate::chain::stamp::Millis;
use crate::ports::{BoxFuture, Claimed, Journal, JournalError, Lease, Report, RunKey};
use encoding::Batch;
use file::JournalFile;
use lease::{Append, Claim, Release};
use queue::{Acknowledged, Emptied, FindAssigned, Overdue, TakeOver};
use request::{Asked, Pending, Request};
use upkeep::Upkeep;
use writer::{Line, Writer};

/// How many requests wait at most before whoever asks has to wait for room.
const ROOM: usize = 4096;

/// Where a journal is, and its terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteSettings {
    /// The database file. Beside it lie `-wal` and `-shm`, which are parts of it, and `-lock`.
    pub path: PathBuf,
    /// How long a lease lasts without renewal.
    pub lease: Duration,
    /// How long an acknowledged run is kept for duplicates of its message.
    pub retention: Duration,
    /// How long a fault that may pass is waited for.
    pub patience: Duration,
}

impl SqliteSettings {
    /// How long a worker waits for a disk that is full, unless it is told otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(60);
}

/// What the writer goes by.
struct Terms {
    lease: Duration,
    retention: Duration,
    patience: Duration,
    /// Tells the leases of this process from those of others that had the file before.
    owner: String,
}

impl Terms {
    fn retention_millis(&self) -> i64 {
        i64::try_from(self.retention.as_millis()).unwrap_or(i64::MAX)
    }
}

/// A journal in a file. Closed or dropped, it writes what it was asked to before.
pub struct SqliteJournal {
    path: String,
    identity: String,
    /// `None` when it is closed.
    line: Mutex<Option<mpsc::Sender<Box<dyn Pending>>>>,
    room: Arc<Semaphore>,
    broken: watch::Receiver<Option<FileError>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteJournal {
    /// Opens the journal, or makes it. It tells `report` how it stands. Reads the whole file once, to see whether it is damaged.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(settings: &SqliteSettings, report: Report<JournalState>) -> Result<Self, FileError> {
        let mut file = JournalFile::take(&settings.path)?;
        let (connection, identity) = connection::open(&mut file)?;
        let (line, incoming) = mpsc::channel();
        let (broken, breakage) = watch::channel(None);
        let terms = Terms {
            lease: settings.lease,
            retention: settings.retention,
            patience: settings.patience,
            owner: Uuid::now_v7().to_string(),
        };
        let line_of_writer = Line::new(incoming);
        let path = file.shown().to_owned();
        let writer = Writer { file, connection, terms, report, broken, line: line_of_writer, upkeep: Upkeep::new() };
        let thread = thread::Builder::new().name("cxchain-journal".into()).spawn(move || writer.run());
        let thread =
            thread.map_err(|why| FileError::Failing { path: path.clone(), why: format!("no thread for it: {why}") })?;
        Ok(Self {
            path,
            identity,
            line: Mutex::new(Some(line)),
            room: Arc::new(Semaphore::new(ROOM)),
            broken: breakage,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Waits until the journal is broken for good, and says why. Nothing that it is asked for comes about after that.
    pub fn broken(&self) -> impl Future<Output = FileError> + Send + use<> {
        let (mut broken, path) = (self.broken.clone(), self.path.clone());
        async move {
            match broken.wait_for(Option::is_some).await.map(|broken| broken.clone()) {
                Ok(Some(error)) => error,
                Ok(None) | Err(_) => {
                    FileError::Failing { path, why: "a fault in cxchain itself has ended its thread".to_owned() }
                }
            }
        }
    }

    /// Writes what it was asked to, and closes the file; whatever is asked for afterwards does not come about. Blocks.
    pub fn end(&self) {
        *lock(&self.line) = None;
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }

    /// Puts a request into the line; the answer comes after its commit.
    async fn put<R: Request>(&self, request: R) -> Option<oneshot::Receiver<Result<R::Answer, JournalError>>> {
        let room = self.room.clone().acquire_owned().await.ok()?;
        let (asked, answer) = Asked::pending(request, room);
        lock(&self.line).as_ref()?.send(asked).ok()?;
        Some(answer)
    }

    async fn ask<R: Request>(&self, request: R) -> Result<R::Answer, JournalError> {
        let gone = || JournalError::Unavailable("the journal is closed".into());
        let answer = self.put(request).await.ok_or_else(gone)?;
        answer.await.map_err(|_| gone())?
    }

    async fn append_encoded(&self, lease: &mut Lease, batch: Batch) -> Result<(), JournalError> {
        let (key, fence) = (lease.key.clone(), lease.fence);
        lease.until = self.ask(Append { key, fence, batch }).await??;
        Ok(())
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is held can be left half done.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Journal for SqliteJournal {
    fn survives_restart(&self) -> bool {
        true
    }

    fn claim<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, Result<Claimed, JournalError>> {
        Box::pin(self.ask(Claim { key: key.clone() }))
    }

    fn append<'a>(&'a self, lease: &'a mut Lease, batch: Vec<Record>) -> BoxFuture<'a, Result<(), JournalError>> {
        // Encoded here, by whoever asks: the writer has enough to do.
        Box::pin(async move { self.append_encoded(lease, Batch::of(batch)?).await })
    }

    fn renew<'a>(&'a self, lease: &'a mut Lease) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(self.append_encoded(lease, Batch::default()))
    }

    fn release<'a>(&'a self, lease: &'a Lease) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.put(Release { key: lease.key.clone(), fence: lease.fence }).await;
        })
    }

    fn acknowledged<'a>(&'a self, key: &'a RunKey) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.put(Acknowledged { key: key.clone() }).await;
        })
    }

    fn identity(&self) -> Option<&str> {
        Some(&self.identity)
    }

    fn take_over<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(self.ask(TakeOver { queue: queue.to_owned() }))
    }

    fn overdue<'a>(
        &'a self,
        queue: &'a str,
        before: Millis,
        most: usize,
    ) -> BoxFuture<'a, Result<Vec<RunKey>, JournalError>> {
        Box::pin(async move {
            let found = self.ask(Overdue { queue: queue.to_owned(), before, most }).await?;
            let queue: Arc<str> = queue.into();
            Ok(found.into_iter().map(|run_id| RunKey { queue: queue.clone(), run_id }).collect())
        })
    }

    fn emptied<'a>(&'a self, queue: &'a str, before: Millis) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            self.put(Emptied { queue: queue.to_owned(), before }).await;
        })
    }

    fn find_assigned<'a>(&'a self, queue: &'a str, definition_hash: &'a str) -> BoxFuture<'a, Option<RunId>> {
        Box::pin(async move {
            let wanted = FindAssigned { queue: queue.to_owned(), definition_hash: definition_hash.to_owned() };
            self.ask(wanted).await.unwrap_or(None)
        })
    }
}
