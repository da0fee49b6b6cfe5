//! The sqlite journal: the contract, and what is its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cxchain::journal::{JournalState, SqliteJournal, SqliteSettings};
use cxchain::ports::Report;
use tempfile::TempDir;

use super::Bench;

const LEASE: Duration = Duration::from_secs(2);
const RETENTION: Duration = Duration::from_secs(2);

/// A journal's own directory.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("cxchain.db")
    }

    pub(crate) fn beside(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("cxchain.db{suffix}"))
    }
}

pub(crate) fn settings(path: &Path) -> SqliteSettings {
    SqliteSettings { path: path.to_owned(), lease: LEASE, retention: RETENTION, patience: Duration::from_secs(1) }
}

pub(crate) fn open(place: &Place) -> SqliteJournal {
    SqliteJournal::open(&settings(&place.path()), Report::<JournalState>::default()).expect("it can be opened")
}

/// A journal for the contract, with its directory, which outlives it.
struct Kept {
    bench: Bench,
    _place: Place,
}

impl std::ops::Deref for Kept {
    type Target = Bench;
    fn deref(&self) -> &Bench {
        &self.bench
    }
}

fn kept() -> Kept {
    let place = Place::new();
    let bench = Bench { journal: Arc::new(open(&place)), lease: LEASE, retention: RETENTION };
    Kept { bench, _place: place }
}

contract! { #[tokio::test] kept() }
