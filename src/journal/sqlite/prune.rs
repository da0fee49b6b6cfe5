//! Forgetting what is over.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::FileError;
use super::fault::Trouble;
use super::file;
use super::schema::{self, MOST_RECORDS, place};
use crate::chain::stamp::Millis;

/// How long the worker's commit is waited for, and how long the worker waits for one of these.
const BUSY: Duration = Duration::from_secs(5);
/// Runs in one transaction: so that the worker waits for milliseconds only.
const AT_ONCE: usize = 64;
/// Pages that are given back to the file system in one transaction.
pub(super) const PAGES_AT_ONCE: usize = 256;

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Runs.
    pub runs: usize,
    /// By how much the file is smaller, in bytes.
    pub bytes: u64,
}

/// Forgets the runs of the journal at `path` whose messages were acknowledged before `before`, and gives their room back to the
/// file system. Works beside a worker.
///
/// # Errors
/// [`FileError`] when the file cannot be written.
pub fn prune(path: &Path, before: Millis, now: Millis) -> Result<Pruned, FileError> {
    let shown = path.display().to_string();
    let (real, size) = file::existing(path)?;
    let work = || -> Result<usize, Trouble> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&real, flags)?;
        connection.busy_timeout(BUSY)?;
        schema::must_be_ours(&connection, &shown)?;
        let mut runs = 0;
        loop {
            let forgotten = forget(&mut connection, before, now, AT_ONCE)?;
            runs += forgotten;
            if forgotten < AT_ONCE {
                break;
            }
        }
        let mut free = free_pages(&connection)?;
        while free > 0 {
            let left = give_back(&connection, PAGES_AT_ONCE)?;
            if left >= free {
                break;
            }
            free = left;
        }
        // What is in the write-ahead log comes to the file, as far as no reader holds it.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
        Ok(runs)
    };
    let runs = work().map_err(|trouble| trouble.into_file_error(&shown))?;
    let left = std::fs::metadata(path).map_or(size, |file| file.len());
    Ok(Pruned { runs, bytes: size.saturating_sub(left) })
}

/// Forgets at most `most` runs that were acknowledged before `before` and that nobody has at `now`, in one transaction: how many?
pub(super) fn forget(connection: &mut Connection, before: Millis, now: Millis, most: usize) -> Result<usize, Trouble> {
    let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let over: Vec<i64> = transaction
        .prepare_cached(
            "SELECT id FROM runs WHERE acknowledged_at <= ?1 AND leased_until <= ?2 ORDER BY acknowledged_at LIMIT ?3",
        )?
        .query_map((before.since_epoch(), now.since_epoch(), i64::try_from(most).unwrap_or(i64::MAX)), |row| {
            row.get(0)
        })?
        .collect::<Result<_, _>>()?;
    for run in &over {
        drop_run(&transaction, *run)?;
    }
    transaction.commit()?;
    Ok(over.len())
}

/// Deletes one run with its log.
pub(super) fn drop_run(connection: &Connection, run: i64) -> Result<(), Trouble> {
    let records = (place(run, 0), place(run, MOST_RECORDS - 1));
    connection.prepare_cached("DELETE FROM records WHERE place BETWEEN ?1 AND ?2")?.execute(records)?;
    connection.prepare_cached("DELETE FROM runs WHERE id = ?1")?.execute((run,))?;
    Ok(())
}

/// Gives at most `most` free pages back to the file system: how many are left?
pub(super) fn give_back(connection: &Connection, most: usize) -> Result<u64, Trouble> {
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({most})"))?;
    let mut rows = vacuum.query(())?;
    while rows.next()?.is_some() {}
    free_pages(connection)
}

/// Pages of the file that hold nothing.
pub(super) fn free_pages(connection: &Connection) -> Result<u64, Trouble> {
    let free: i64 = connection.query_row("PRAGMA freelist_count", (), |row| row.get(0))?;
    Ok(u64::try_from(free).unwrap_or(0))
}
