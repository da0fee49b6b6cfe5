//! The journal that is configured.

use std::sync::Arc;

use crate::config::{Config, JournalKind};
use crate::journal::sqlite::FileError;
use crate::journal::{JournalState, MemoryJournal, MemorySettings, SqliteJournal, SqliteSettings, Watched};
use crate::ports::{Journal, Report};

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

    /// Waits until it is broken for good.
    pub(super) async fn broken(&self) -> FileError {
        match &self.kind {
            Kind::Memory(_) => std::future::pending().await,
            Kind::Sqlite(journal) => journal.broken().await,
        }
    }
}
