//! `cxchain journal prune`.

use std::time::Duration;

use clap::Args;
use owo_colors::OwoColorize;
use serde_json::json;

use super::super::figures::{bytes, count, span};
use super::super::page;
use super::super::text::json_line;
use super::{Exit, explain, file, now};
use crate::chain::stamp::millis;
use crate::config::Config;
use crate::journal::sqlite::{Reader, prune as forget};

/// Forget runs whose messages were acknowledged long enough ago, never others
///
/// A worker does it by itself after journal.retention. It may run meanwhile.
#[derive(Debug, Args)]
pub(in super::super) struct PruneArgs {
    /// How long ago at least (else journal.retention)
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    older_than: Option<Duration>,
    /// Only say what would be forgotten
    #[arg(long)]
    dry_run: bool,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn prune(config: &Config, args: &PruneArgs) -> Exit {
    let path = match file(config) {
        Ok(path) => path,
        Err(exit) => return exit,
    };
    let now = now();
    let age = args.older_than.unwrap_or(config.journal.retention);
    let before = now.minus(age);
    let pruned = if args.dry_run {
        Reader::open(path).and_then(|reader| reader.prunable(before, now))
    } else {
        forget(path, before, now)
    };
    let pruned = match pruned {
        Ok(pruned) => pruned,
        Err(why) => return explain(&why),
    };
    if args.json {
        let done = json!({
            "schema": "cxchain.journal-prune.v1",
            "dry_run": args.dry_run,
            "older_than_seconds": age.as_secs(),
            "runs": pruned.runs,
            "bytes": pruned.bytes,
        });
        return page::print(&[json_line(&done)]);
    }
    let runs = count(pruned.runs as u64, "run");
    let (size, age) = (bytes(pruned.bytes), span(millis(age)));
    page::print(&[if args.dry_run {
        format!("{} {runs} acknowledged more than {age} ago would be forgotten, with {size} of records", "…".yellow())
    } else {
        format!("{} {runs} acknowledged more than {age} ago forgotten; the file is {size} smaller", "✔".green())
    }])
}
