//! The sqlite journal: the contract, and what is its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cxchain::chain::log::Record;
use cxchain::journal::{JournalState, SqliteJournal, SqliteSettings};
use cxchain::ports::{Claimed, Journal, Lease, Report};
use tempfile::TempDir;

use super::Bench;
use super::run::{Writer, key};

const LEASE: Duration = Duration::from_secs(2);
const RETENTION: Duration = Duration::from_secs(2);

mod damage;
mod group;
mod life;
mod reading;
mod room;

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

/// Claims the run and writes these batches; gives it back.
async fn write(journal: &SqliteJournal, run: &str, batches: Vec<Vec<Record>>) {
    let (mut lease, _) = ours(journal, run).await;
    for batch in batches {
        journal.append(&mut lease, batch).await.expect("it writes");
    }
    journal.release(&lease).await;
}

/// Writes a run from its beginning to its end, and acknowledges it.
async fn write_whole(journal: &SqliteJournal, run: &str) {
    write(journal, run, Writer::whole(run, false)).await;
    journal.acknowledged(&key("q", run)).await;
}

/// The run of queue `q`, which is free.
async fn ours(journal: &SqliteJournal, run: &str) -> (Lease, Vec<Record>) {
    match journal.claim(&key("q", run)).await.expect("it answers") {
        Claimed::Ours { lease, log } => (lease, log),
        Claimed::Elsewhere { retry_after } => panic!("{run} is leased for {retry_after:?}"),
    }
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
