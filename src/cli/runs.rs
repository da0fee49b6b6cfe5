//! `cxchain runs`: what the journal holds, the newest first.

mod table;

use clap::Args;
use serde::Serialize;

use super::journal::{absolute, explain, now, open};
use super::run::tenant_name;
use super::standing::Standing;
use super::text::{fit_json, plain};
use super::{Exit, page};
use crate::chain::result::FinalStatus;
use crate::chain::{RunId, TenantName};
use crate::config::Config;
use crate::journal::sqlite::{FileError, Filter, ReadError, Reader, RunPhase, RunSummary};

#[derive(Debug, Args)]
pub(super) struct RunsArgs {
    /// Only those that are not settled: their result is not yet published
    #[arg(long)]
    open: bool,
    /// Only this tenant's
    #[arg(long, value_name = "NAME", value_parser = tenant_name)]
    tenant: Option<TenantName>,
    /// Only those that ended like this: completed, terminated_early, timed_out, indeterminate, cancelled, expired
    #[arg(long, value_name = "STATUS", value_parser = final_status, conflicts_with = "open")]
    status: Option<FinalStatus>,
    /// Only those of this work queue
    #[arg(long)]
    queue: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

fn final_status(text: &str) -> Result<FinalStatus, String> {
    let status = serde_json::from_value(text.into()).ok().filter(|status| *status != FinalStatus::Rejected);
    status
        .ok_or_else(|| "a run ends completed, terminated_early, timed_out, indeterminate, cancelled or expired".into())
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Listed {
    schema: &'static str,
    runs: Vec<Standing>,
}

pub(super) fn runs(config: &Config, args: &RunsArgs) -> Exit {
    let reader = match open(config) {
        Ok(reader) => reader,
        Err(exit) => return exit,
    };
    let filter = Filter {
        open: args.open,
        queue: args.queue.clone(),
        tenant: args.tenant.as_ref().map(ToString::to_string),
        final_status: args.status.map(|status| status.as_str().to_owned()),
        limit: args.limit,
    };
    let found = reader.runs(&filter).and_then(|found| standings(&reader, &found));
    let runs = match found {
        Ok(runs) => runs,
        Err(why) => return explain(&why),
    };
    if args.json {
        let listed = Listed { schema: "cxchain.runs.v1", runs };
        let json = serde_json::to_string(&listed).unwrap_or_else(|why| unreachable!("runs are plain data: {why}"));
        return page::print(&[fit_json(&json)]);
    }
    if runs.is_empty() {
        let all = filter == (Filter { limit: filter.limit, ..Filter::default() }) && filter.limit > 0;
        let path = plain(absolute(&config.journal.path).display());
        return page::print(&[if all {
            format!("{path} holds no runs.")
        } else {
            format!("No run in {path} is like that.")
        }]);
    }
    let mut lines = table::lines(&runs, now(), page::columns());
    if runs.len() == args.limit {
        lines.push(format!("There may be more: these are the newest {}; --limit shows others, too.", args.limit));
    }
    page::print(&lines)
}

/// Of those that are open, the log says what they wait for.
fn standings(reader: &Reader, found: &[RunSummary]) -> Result<Vec<Standing>, FileError> {
    found.iter().map(|run| standing(reader, run)).collect()
}

fn standing(reader: &Reader, run: &RunSummary) -> Result<Standing, FileError> {
    let id = RunId::parse(&run.run_id).ok().filter(|_| run.phase == RunPhase::Open);
    let Some(id) = id else { return Ok(Standing::of(run)) };
    match reader.run(&id, Some(&run.queue)) {
        Ok((run, log)) => Ok(Standing::with_log(&run, &log)),
        Err(ReadError::File(FileError::Damaged { why, .. })) => Ok(Standing { damage: Some(why), ..Standing::of(run) }),
        Err(ReadError::File(why)) => Err(why),
        // It was forgotten in the meantime.
        Err(ReadError::NoRun(_) | ReadError::Ambiguous { .. }) => Ok(Standing::of(run)),
    }
}
