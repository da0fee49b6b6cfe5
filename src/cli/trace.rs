//! `cxchain trace RUN_ID`: one run's log as a timeline.

mod bar;
mod entry;
mod names;
mod screen;
#[cfg(test)]
mod tests;
mod timeline;
mod totals;

use clap::Args;
use owo_colors::OwoColorize;
use serde::Serialize;

use super::figures::{broken, count, span};
use super::journal::{explain, now, open};
use super::standing::Standing;
use super::submit::run_id;
use super::text::{fit_json, plain};
use super::{Exit, page};
use crate::chain::RunId;
use crate::chain::log::Record;
use crate::chain::stamp::{Millis, millis};
use crate::config::Config;
use crate::journal::sqlite::{FileError, Filter, ReadError, Reader, RunSummary};
use entry::{Entry, What};
use totals::Totals;

/// Among so many runs, the newest, one of a similar name is looked for.
const LOOKED_AT: usize = 10_000;
/// So many similar names are told at most.
const TOLD: usize = 5;

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// The run's id
    #[arg(value_name = "RUN_ID", value_parser = run_id)]
    run_id: RunId,
    /// The work queue, where several have a run of this id
    #[arg(long)]
    queue: Option<String>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn trace(config: &Config, args: &TraceArgs) -> Exit {
    let reader = match open(config) {
        Ok(reader) => reader,
        Err(exit) => return exit,
    };
    match reader.run(&args.run_id, args.queue.as_deref()) {
        Ok((run, log)) => {
            let trace = Trace::of(&run, &log);
            page::print(&if args.json { vec![trace.json()] } else { trace.lines(now(), page::columns()) })
        }
        Err(ReadError::File(why)) => explain(&why),
        Err(why @ ReadError::NoRun(_)) => {
            say!("{} {}", "error:".red().bold(), plain(why));
            similar(&reader, args).map_or_else(|why| explain(&why), |()| Exit::NotCompleted)
        }
        Err(why @ ReadError::Ambiguous { .. }) => {
            say!("{} {}: say which with --queue", "error:".red().bold(), plain(why));
            Exit::Usage
        }
    }
}

/// Says what there is instead.
fn similar(reader: &Reader, args: &TraceArgs) -> Result<(), FileError> {
    let all = reader.runs(&Filter { limit: LOOKED_AT, ..Filter::default() })?;
    if all.is_empty() {
        say!("It holds no runs.");
        return Ok(());
    }
    let wanted = args.run_id.as_str();
    let name = |run: &RunSummary| plain(format!("{} in {}", run.run_id, run.queue));
    let near: Vec<String> = all.iter().filter(|run| is_near(wanted, &run.run_id)).map(name).take(TOLD).collect();
    let (what, names) = if near.is_empty() {
        ("The newest runs", all.iter().map(name).take(TOLD).collect())
    } else {
        ("Runs of a similar name", near)
    };
    say!("{what}: {}", names.join(", "));
    Ok(())
}

/// A part of the other one, or a slip or two away from it.
fn is_near(wanted: &str, there: &str) -> bool {
    let (wanted, there) = (wanted.to_ascii_lowercase(), there.to_ascii_lowercase());
    let slips = if wanted.len() < 6 { 1 } else { 2 };
    there.contains(&wanted) || wanted.contains(&there) || strsim::osa_distance(&wanted, &there) <= slips
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Trace {
    schema: &'static str,
    run: Standing,
    totals: Totals,
    entries: Vec<Entry>,
}

impl Trace {
    fn of(run: &RunSummary, log: &[Record]) -> Self {
        let mut entries = timeline::timeline(log);
        if let Some(at) = run.acknowledged_at {
            let offset_ms = run.started_at.map(|accepted| millis(at.since(accepted)));
            entries.push(Entry { at: Some(at), offset_ms, what: What::Acknowledged });
        }
        Self { schema: "cxchain.trace.v1", run: Standing::with_log(run, log), totals: Totals::of(&entries), entries }
    }

    fn json(&self) -> String {
        fit_json(&serde_json::to_string(self).unwrap_or_else(|why| unreachable!("a trace is plain data: {why}")))
    }

    /// For so many columns.
    fn lines(&self, now: Millis, columns: usize) -> Vec<String> {
        let run = &self.run;
        let chain = run.chain_id.as_ref().map(|chain| format!(" of {}", plain(chain).bold())).unwrap_or_default();
        let tenant = run.tenant.as_ref().map(|tenant| format!(" for tenant {}", plain(tenant))).unwrap_or_default();
        let mut lines = vec![
            format!("Run {}{chain}{tenant}, in {}", plain(&run.run_id).bold(), plain(&run.queue)),
            format!("{} {}{}", run.sign(), run.words(now), self.figures(now)),
        ];
        lines.extend(run.accepted_at.map(|at| format!("began {at}").dimmed().to_string()));
        lines.push(String::new());
        lines.extend(screen::lines(&self.entries, columns));
        lines.push(String::new());
        let (exchanges, waits) = self.totals.words();
        lines.extend(broken(&exchanges, &waits, columns, 0));
        lines
    }

    /// `  2 of 3 steps, 4.2 s`; `  5 done, 1 skipped of 6 steps, 4.2 s`
    fn figures(&self, now: Millis) -> String {
        let Some(total) = self.run.steps_total else { return String::new() };
        let took = self.run.took(now).map(|took| format!(", {}", span(took))).unwrap_or_default();
        let done = match (self.run.steps_done, self.totals.skipped) {
            (done, 0) => done.to_string(),
            (done, skipped) => format!("{} done, {skipped} skipped", done.saturating_sub(skipped)),
        };
        format!("  {done} of {}{took}", count(total, "step"))
    }
}
