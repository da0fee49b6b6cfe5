//! The journal that is configured.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::warn;

use crate::config::{Config, JournalKind};
use crate::journal::sqlite::FileError;
use crate::journal::{JournalState, MemoryJournal, MemorySettings, SqliteJournal, SqliteSettings, Watched};
use crate::ports::{Journal, Report};

/// How long a worker that ends waits for its journal.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// A journal, whatever its kind.
pub(super) struct Store {
    kind: Kind,
    report: Report<JournalState>,
}

enum Kind {
    Memory(Arc<Watched<MemoryJournal>>),
    Sqlite(Arc<SqliteJournal>),
}

impl Store {
    /// Opens it.
    ///
    /// # Errors
    /// [`FileError`] when its file cannot be used.
    pub(super) fn open(config: &Config) -> Result<Self, FileError> {
        match config.journal.kind {
            JournalKind::Memory => Ok(Self::memory(config)),
            JournalKind::Sqlite => {
                let settings = SqliteSettings {
                    path: config.journal.path.clone(),
                    lease: config.journal.lease,
                    retention: config.journal.retention,
                    patience: SqliteSettings::PATIENCE,
                };
                let report = Report::default();
                Ok(Self { kind: Kind::Sqlite(Arc::new(SqliteJournal::open(&settings, report.clone())?)), report })
            }
        }
    }

    /// One in memory, whatever is configured.
    pub(super) fn memory(config: &Config) -> Self {
        let report = Report::default();
        let journal = MemoryJournal::new(MemorySettings {
            lease: config.journal.lease,
            retention: config.journal.retention,
            ..MemorySettings::default()
        });
        Self { kind: Kind::Memory(Arc::new(Watched::new(journal, report.clone()))), report }
    }

    pub(super) fn journal(&self) -> Arc<dyn Journal> {
        match &self.kind {
            Kind::Memory(journal) => journal.clone(),
            Kind::Sqlite(journal) => journal.clone(),
        }
    }

    /// How it stands.
    pub(super) fn report(&self) -> Report<JournalState> {
        self.report.clone()
    }

    /// Writes what it was asked to, and closes it: nothing more comes about, whatever still asks. A disk that does not answer is
    /// not waited for.
    pub(super) async fn close(&self) {
        if let Kind::Sqlite(journal) = &self.kind {
            let journal = journal.clone();
            let (closed, ended) = oneshot::channel();
            // A thread of its own, which the runtime does not wait for.
            let closing = thread::Builder::new().spawn(move || {
                journal.end();
                let _ = closed.send(());
            });
            if closing.is_err() || tokio::time::timeout(LAST_WRITE, ended).await.is_err() {
                warn!("the journal was not closed in time: the next worker finds what it has answered all the same");
            }
        }
    }

    /// Waits until it is broken for good.
    pub(super) async fn broken(&self) -> FileError {
        match &self.kind {
            Kind::Memory(_) => std::future::pending().await,
            Kind::Sqlite(journal) => journal.broken().await,
        }
    }
}
