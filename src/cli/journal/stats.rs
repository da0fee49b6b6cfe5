//! `cxchain journal stats`.

use serde::Serialize;

use super::super::figures::{bytes, count, span};
use super::super::page;
use super::super::text::{fit_json, plain};
use super::{Exit, absolute, explain, file, now};
use crate::chain::stamp::{Millis, millis};
use crate::config::Config;
use crate::journal::sqlite::{FileError, Filter, Pruned, Reader, Stats};

/// What `--json` prints; docs/OPERATIONS.md lists its fields.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    path: String,
    identity: String,
    schema_version: usize,
    file_bytes: u64,
    wal_bytes: u64,
    free_bytes: u64,
    runs: Runs,
    records: u64,
    oldest_open: Option<Millis>,
    oldest_acknowledged: Option<Millis>,
    retention_seconds: u64,
    prunable: Prunable,
}

/// By how far they are.
#[derive(Debug, Serialize)]
struct Runs {
    claimed: u64,
    open: u64,
    finished: u64,
    settled: u64,
    acknowledged: u64,
    /// Of those that are not settled: a worker has them.
    leased: usize,
}

/// What `journal prune` would forget.
#[derive(Debug, Serialize)]
struct Prunable {
    runs: usize,
    bytes: u64,
}

pub(super) fn stats(config: &Config, json: bool) -> Exit {
    let path = match file(config) {
        Ok(path) => path,
        Err(exit) => return exit,
    };
    let now = now();
    let read = || -> Result<_, FileError> {
        let reader = Reader::open(path)?;
        let unsettled = reader.runs(&Filter { open: true, limit: usize::MAX, ..Filter::default() })?;
        let leased = unsettled.iter().filter(|run| run.leased_until > Some(now)).count();
        let prunable = reader.prunable(now.minus(config.journal.retention), now)?;
        Ok((reader.stats()?, leased, prunable))
    };
    let (stats, leased, prunable) = match read() {
        Ok(read) => read,
        Err(why) => return explain(&why),
    };
    let path = absolute(path).display().to_string();
    let report = Report::of(path, stats, leased, prunable, config.journal.retention.as_secs());
    page::print(&if json { vec![report.json()] } else { report.lines(now) })
}

impl Report {
    fn of(path: String, stats: Stats, leased: usize, prunable: Pruned, retention_seconds: u64) -> Self {
        Self {
            schema: "cxchain.journal-stats.v1",
            path,
            identity: stats.identity,
            schema_version: stats.schema_version,
            file_bytes: stats.file_bytes,
            wal_bytes: stats.wal_bytes,
            free_bytes: stats.free_bytes,
            runs: Runs {
                claimed: stats.claimed,
                open: stats.open,
                finished: stats.finished,
                settled: stats.settled,
                acknowledged: stats.acknowledged,
                leased,
            },
            records: stats.records,
            oldest_open: stats.oldest_open,
            oldest_acknowledged: stats.oldest_acknowledged,
            retention_seconds,
            prunable: Prunable { runs: prunable.runs, bytes: prunable.bytes },
        }
    }

    fn json(&self) -> String {
        fit_json(&serde_json::to_string(self).unwrap_or_else(|why| unreachable!("figures are plain data: {why}")))
    }

    fn lines(&self, now: Millis) -> Vec<String> {
        let age = |at: Option<Millis>| match at {
            Some(at) => format!(", the oldest for {}", span(millis(now.since(at)))),
            None => String::new(),
        };
        let runs = &self.runs;
        let waiting = runs.finished + runs.settled;
        [
            ("file", plain(&self.path)),
            ("identity", format!("{}, schema version {}", plain(&self.identity), self.schema_version)),
            (
                "size",
                format!(
                    "{}, {} of it free; write-ahead log {}",
                    bytes(self.file_bytes),
                    bytes(self.free_bytes),
                    bytes(self.wal_bytes)
                ),
            ),
            ("records", self.records.to_string()),
            ("open", format!("{}{}", count(runs.open, "run"), age(self.oldest_open))),
            ("leased", count(runs.leased as u64, "run")),
            (
                "not yet acknowledged",
                format!("{waiting}: {} to be published, {} published", runs.finished, runs.settled),
            ),
            ("kept for duplicates", format!("{}{}", count(runs.acknowledged, "run"), age(self.oldest_acknowledged))),
            (
                "to be pruned",
                format!(
                    "{} over the retention of {}, {}",
                    count(self.prunable.runs as u64, "run"),
                    span(self.retention_seconds.saturating_mul(1000)),
                    bytes(self.prunable.bytes)
                ),
            ),
        ]
        .map(|(what, value)| format!("{what:<22}{value}"))
        .to_vec()
    }
}
