//! A journal file as other processes read it: while a worker writes, and when none runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Row};

use super::error::FileError;
use super::fault::Trouble;
use super::prune::Pruned;
use super::schema::MOST_RECORDS;
use super::{file, log, schema};
use crate::chain::RunId;
use crate::chain::log::Record;
use crate::chain::stamp::Millis;

/// How long a reader waits for a writer that is about to bring the file up to date.
const BUSY: Duration = Duration::from_secs(5);

/// A journal file, to be read. It never holds a worker up.
pub struct Reader {
    connection: Connection,
    path: String,
    write_ahead_log: PathBuf,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunPhase {
    /// A worker has it; nothing is recorded.
    Claimed,
    /// Accepted, and not finished.
    Open,
    /// Finished; not everything is published and confirmed.
    Finished,
    /// Everything is published; its message is not acknowledged.
    Settled,
    /// Over: kept for the retention.
    Acknowledged,
}

/// A run in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// Its work queue.
    pub queue: String,
    /// Its id, unique within the queue.
    pub run_id: String,
    /// The chain; `None` when nothing is recorded.
    pub chain_id: Option<String>,
    /// The tenant; `None` when nothing is recorded.
    pub tenant: Option<String>,
    /// How far it is.
    pub phase: RunPhase,
    /// How it ended: `completed`, …
    pub final_status: Option<String>,
    /// Steps with an outcome.
    pub steps_done: u64,
    /// Steps of the chain; `None` when nothing is recorded.
    pub steps_total: Option<u64>,
    /// When it was accepted.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub finished_at: Option<Millis>,
    /// When its run clock ends.
    pub deadline: Option<Millis>,
    /// When its message was acknowledged.
    pub acknowledged_at: Option<Millis>,
    /// The worker that wrote its last event.
    pub worker: Option<String>,
    /// Until when somebody has it, if anybody; it may be in the past.
    pub leased_until: Option<Millis>,
    /// Records in its log.
    pub records: u64,
}

/// Which runs are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only those that are not settled.
    pub open: bool,
    /// Only those of this work queue.
    pub queue: Option<String>,
    /// Only those of this tenant.
    pub tenant: Option<String>,
    /// Only those that ended like this: `completed`, …
    pub final_status: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Its name for itself.
    pub identity: String,
    /// The version of its tables.
    pub schema_version: usize,
    /// Runs, by [`RunPhase`].
    pub claimed: u64,
    /// As above.
    pub open: u64,
    /// As above.
    pub finished: u64,
    /// As above.
    pub settled: u64,
    /// As above.
    pub acknowledged: u64,
    /// Records of all runs.
    pub records: u64,
    /// When the oldest run that is not settled was accepted.
    pub oldest_open: Option<Millis>,
    /// When the message of the oldest run that is kept was acknowledged.
    pub oldest_acknowledged: Option<Millis>,
    /// The size of the database file in bytes.
    pub file_bytes: u64,
    /// The size of the write-ahead log beside it in bytes.
    pub wal_bytes: u64,
    /// Of the file, what is free for new records, in bytes.
    pub free_bytes: u64,
}

/// Why a run cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{0}")]
    File(#[from] FileError),
    /// No such run.
    #[error("the journal knows no run {0}")]
    NoRun(RunId),
    /// Runs are unique within their queue only.
    #[error("run {run_id} is in several queues: {}", queues.join(", "))]
    Ambiguous {
        /// The id.
        run_id: RunId,
        /// The queues that have a run of this name.
        queues: Vec<String>,
    },
}

const SUMMARY: &str =
    "SELECT queue, run_id, chain_id, tenant, accepted_at, finished_at, settled_at, acknowledged_at, final_status,
    steps_done, steps_total, deadline, worker, leased_until, records, id FROM runs";

impl Reader {
    /// Opens the journal at `path`, which a worker has made.
    ///
    /// # Errors
    /// [`FileError`]: there is none, it is something else, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let shown = path.display().to_string();
        let (real, _) = file::existing(path)?;
        if let Err(why) = rustix::fs::access(path, rustix::fs::Access::READ_OK) {
            let why = format!("{why}: it is for the worker's user to read");
            return Err(FileError::Place { path: shown, why });
        }
        let open = || -> Result<Connection, Trouble> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&real, flags)?;
            connection.busy_timeout(BUSY)?;
            schema::must_be_ours(&connection, &shown)?;
            Ok(connection)
        };
        let connection = open().map_err(|trouble| trouble.into_file_error(&shown))?;
        Ok(Self { connection, path: shown, write_ahead_log: file::beside(&real, "-wal") })
    }

    /// Runs that `filter` lets through, the newest first.
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be read.
    pub fn runs(&self, filter: &Filter) -> Result<Vec<RunSummary>, FileError> {
        self.told(|| {
            // Of each a statement of its own: there is an index of what is in hand.
            let which = if filter.open { "acknowledged_at IS NULL AND settled_at IS NULL AND" } else { "" };
            let which = format!(
                "WHERE {which} (?1 IS NULL OR queue = ?1) AND (?2 IS NULL OR tenant = ?2)
                 AND (?3 IS NULL OR final_status = ?3) ORDER BY id DESC LIMIT ?4"
            );
            let mut runs = self.connection.prepare(&format!("{SUMMARY} {which}"))?;
            let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
            let wanted = (&filter.queue, &filter.tenant, &filter.final_status, limit);
            let found = runs.query_map(wanted, summary)?;
            Ok(found.collect::<Result<_, _>>()?)
        })
    }

    /// A run and its log, by its id; `queue` tells runs of one name apart.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn run(&self, run_id: &RunId, queue: Option<&str>) -> Result<(RunSummary, Vec<Record>), ReadError> {
        // One view of the file for all that is read.
        let read = || -> Result<_, Trouble> {
            let view = self.connection.unchecked_transaction()?;
            let mut runs =
                view.prepare(&format!("{SUMMARY} WHERE run_id = ?1 AND (?2 IS NULL OR queue = ?2) ORDER BY queue"))?;
            let both = |row: &Row<'_>| Ok((summary(row)?, row.get(15)?));
            let mut found: Vec<(RunSummary, i64)> =
                runs.query_map((run_id.as_str(), queue), both)?.collect::<Result<_, _>>()?;
            let queues: Vec<String> = found.iter().map(|(run, _)| run.queue.clone()).collect();
            let (1, Some((run, row))) = (found.len(), found.pop()) else { return Ok(Err(queues)) };
            let log = log::read(&view, row, run.records, &run.run_id)?;
            Ok(Ok((run, log)))
        };
        match self.told(read)? {
            Ok(run) => Ok(run),
            Err(queues) if queues.is_empty() => Err(ReadError::NoRun(run_id.clone())),
            Err(queues) => Err(ReadError::Ambiguous { run_id: run_id.clone(), queues }),
        }
    }

    /// Counts and sizes.
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be read.
    pub fn stats(&self) -> Result<Stats, FileError> {
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        let (file_bytes, wal_bytes) = (size(Path::new(&self.path)), size(&self.write_ahead_log));
        self.told(|| {
            let view = self.connection.unchecked_transaction()?;
            let identity = view.query_row("SELECT identity FROM journal", (), |row| row.get(0))?;
            let pragma = |name: &str| view.query_row(&format!("PRAGMA {name}"), (), |row| row.get::<_, i64>(0));
            let free_bytes = count(pragma("freelist_count")?.saturating_mul(pragma("page_size")?));
            let mut stats = Stats {
                identity,
                schema_version: schema::LATEST,
                claimed: 0,
                open: 0,
                finished: 0,
                settled: 0,
                acknowledged: 0,
                records: 0,
                oldest_open: None,
                oldest_acknowledged: None,
                file_bytes,
                wal_bytes,
                free_bytes,
            };
            let mut runs = view.prepare(SUMMARY)?;
            for run in runs.query_map((), summary)? {
                stats.count(&run?);
            }
            Ok(stats)
        })
    }

    /// What [`prune`](super::prune()) would forget with the same arguments: runs, and the bytes of their records.
    ///
    /// # Errors
    /// [`FileError`] when the file cannot be read.
    pub fn prunable(&self, before: Millis, now: Millis) -> Result<Pruned, FileError> {
        self.told(|| {
            let sql = "SELECT count(DISTINCT runs.id), coalesce(sum(length(records.body)), 0) FROM runs
                LEFT JOIN records ON records.place BETWEEN runs.id << 20 AND (runs.id << 20) + ?3
                WHERE acknowledged_at <= ?1 AND leased_until <= ?2";
            let wanted = (before.since_epoch(), now.since_epoch(), MOST_RECORDS - 1);
            let sums = |row: &Row<'_>| Ok((row.get(0)?, count(row.get(1)?)));
            let (runs, bytes) = self.connection.query_row(sql, wanted, sums)?;
            Ok(Pruned { runs: usize::try_from(count(runs)).unwrap_or(usize::MAX), bytes })
        })
    }

    fn told<T>(&self, read: impl FnOnce() -> Result<T, Trouble>) -> Result<T, FileError> {
        read().map_err(|trouble| trouble.into_file_error(&self.path))
    }
}

impl Stats {
    fn count(&mut self, run: &RunSummary) {
        let earlier = |known: Option<Millis>, other: Option<Millis>| known.into_iter().chain(other).min();
        *match run.phase {
            RunPhase::Claimed => &mut self.claimed,
            RunPhase::Open => &mut self.open,
            RunPhase::Finished => &mut self.finished,
            RunPhase::Settled => &mut self.settled,
            RunPhase::Acknowledged => &mut self.acknowledged,
        } += 1;
        self.records += run.records;
        if run.phase < RunPhase::Settled {
            self.oldest_open = earlier(self.oldest_open, run.started_at);
        }
        self.oldest_acknowledged = earlier(self.oldest_acknowledged, run.acknowledged_at);
    }
}

fn summary(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Millis::from_epoch));
    let [accepted, finished, settled, acknowledged] = [time(4)?, time(5)?, time(6)?, time(7)?];
    let phase = match (accepted, finished, settled, acknowledged) {
        (_, _, _, Some(_)) => RunPhase::Acknowledged,
        (_, _, Some(_), _) => RunPhase::Settled,
        (_, Some(_), _, _) => RunPhase::Finished,
        (Some(_), _, _, _) => RunPhase::Open,
        (None, None, None, None) => RunPhase::Claimed,
    };
    Ok(RunSummary {
        queue: row.get(0)?,
        run_id: row.get(1)?,
        chain_id: row.get(2)?,
        tenant: row.get(3)?,
        phase,
        final_status: row.get(8)?,
        steps_done: count(row.get(9)?),
        steps_total: row.get::<_, Option<i64>>(10)?.map(count),
        started_at: accepted,
        finished_at: finished,
        deadline: time(11)?,
        acknowledged_at: acknowledged,
        worker: row.get(12)?,
        leased_until: time(13)?.filter(|until| *until > Millis::EPOCH),
        records: count(row.get(14)?),
    })
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
