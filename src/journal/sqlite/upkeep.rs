//! What the writer does between transactions: forgets what is past its retention, gives room back, empties the write-ahead log.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::Terms;
use super::fault::Trouble;
use super::prune::{PAGES_AT_ONCE, forget, free_pages, give_back};
use crate::chain::stamp::Millis;
use crate::ports::{Clock, SystemClock};

/// How often it is looked whether there is anything to do.
const EVERY: Duration = Duration::from_secs(1);
/// How soon again where there was more than could be done at once: runs are let go faster than any worker makes them.
const SOON: Duration = Duration::from_millis(50);
/// Runs that are forgotten in one transaction.
const RUNS_AT_ONCE: usize = 128;
/// Free pages that are kept for what comes next.
const PAGES_KEPT: u64 = 256;
/// How long a claim without a record is left alone after its lease: whoever has it may only be slow.
const ABANDONED: Duration = Duration::from_secs(3600);

pub(super) struct Upkeep {
    next: Instant,
    /// Whether anything may lie in the write-ahead log that is not in the file.
    unwritten: bool,
    /// Whether it did not come about the last time.
    pub(super) failed: bool,
}

impl Upkeep {
    pub(super) fn new() -> Self {
        Self { next: Instant::now() + EVERY, unwritten: true, failed: false }
    }

    /// How long the writer may wait for requests.
    pub(super) fn due_in(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Does a part of what there is to do, if it is time. `idle`: nobody has asked for anything.
    pub(super) fn keep_up(&mut self, connection: &mut Connection, terms: &Terms, idle: bool) -> Result<(), Trouble> {
        self.unwritten |= !idle;
        if !self.due_in().is_zero() {
            return Ok(());
        }
        self.next = Instant::now() + EVERY;
        let now = Millis::of(SystemClock.now());
        let before = Millis::from_epoch(now.since_epoch() - terms.retention_millis());
        let runs = if anything_over(connection, before)? { forget(connection, before, now, RUNS_AT_ONCE)? } else { 0 };
        let left = self.shrink(connection)?;
        self.unwritten |= runs > 0;
        if runs == RUNS_AT_ONCE || left {
            self.next = Instant::now() + SOON;
        } else if idle && self.unwritten {
            abandon(connection, now)?;
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()))?;
            self.unwritten = false;
        }
        Ok(())
    }

    /// Gives a part of the free room back where there is more than the next runs will need: is there still?
    fn shrink(&mut self, connection: &Connection) -> Result<bool, Trouble> {
        let free = free_pages(connection)?;
        let pages: i64 = connection.query_row("PRAGMA page_count", (), |row| row.get(0))?;
        let much = |free: u64| free > PAGES_KEPT && free > u64::try_from(pages).unwrap_or(0) / 4;
        if !much(free) {
            return Ok(false);
        }
        self.unwritten = true;
        let left = give_back(connection, PAGES_AT_ONCE)?;
        Ok(left < free && much(left))
    }
}

/// A look that takes no lock for writing.
fn anything_over(connection: &Connection, before: Millis) -> Result<bool, Trouble> {
    let mut select = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE acknowledged_at <= ?1)")?;
    Ok(select.query_row((before.since_epoch(),), |row| row.get(0))?)
}

/// Forgets claims of which nothing came: of a task that died between its claim and its first record.
fn abandon(connection: &Connection, now: Millis) -> Result<(), Trouble> {
    let long_ago = now.since_epoch() - i64::try_from(ABANDONED.as_millis()).unwrap_or(i64::MAX);
    connection
        .prepare_cached("DELETE FROM runs WHERE acknowledged_at IS NULL AND records = 0 AND leased_until < ?1")?
        .execute((long_ago,))?;
    Ok(())
}
