//! `cxchain trace RUN_ID`: one run's log as a timeline.

mod bar;
mod entry;
mod screen;
#[cfg(test)]
mod tests;
mod timeline;
mod totals;

use owo_colors::OwoColorize;
use serde::Serialize;

use super::figures::{broken, count, span};
use super::standing::{Standing, State};
use super::text::{fit_json, plain};
use crate::chain::log::Record;
use crate::chain::stamp::{Millis, millis};
use crate::ports::RunKey;
use entry::{Entry, What};
use totals::Totals;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Trace {
    schema: &'static str,
    run: Standing,
    totals: Totals,
    entries: Vec<Entry>,
}

impl Trace {
    /// `acknowledged`: since when, which is known to the journal only.
    fn of(key: &RunKey, log: &[Record], acknowledged: Option<Millis>) -> Self {
        let run = Standing::of(key, log, acknowledged.is_some());
        let mut entries = timeline::timeline(log);
        if let Some(at) = acknowledged {
            let offset_ms = run.accepted_at.map(|accepted| millis(at.since(accepted)));
            entries.push(Entry { at: Some(at), offset_ms, what: What::Acknowledged });
        }
        Self { schema: "cxchain.trace.v1", run, totals: Totals::of(&entries), entries }
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
            format!("{}{}", run.words(now), self.figures(now)),
        ];
        lines.extend(run.accepted_at.map(|at| format!("began {at}").dimmed().to_string()));
        lines.push(String::new());
        lines.extend(screen::lines(&self.entries, columns));
        lines.push(String::new());
        let (exchanges, waits) = self.totals.words();
        lines.extend(broken(&exchanges, &waits, columns, 0));
        lines
    }

    /// `  2 of 3 steps, 4.2 s`
    fn figures(&self, now: Millis) -> String {
        let Some(total) = self.run.steps_total.filter(|_| self.run.state != State::Damaged) else {
            return String::new();
        };
        let took = self.run.took(now).map(|took| format!(", {}", span(took))).unwrap_or_default();
        format!("  {} of {}{took}", self.run.steps_done, count(total.into(), "step"))
    }
}
