//! Makes the result's document out of a run's state.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::cloak::Cloak;
use super::excess::fit;
use super::response::{outputs, response};
use super::{AuditEntry, FinalStatus, RESULT_SCHEMA, Reason, ReasonCode, RunResult};
use crate::chain::definition::Chain;
use crate::chain::ids::{ChainId, RunId, TenantName};
use crate::chain::log::{Head, RunFinished};
use crate::chain::outcome::StepStatus;
use crate::chain::run::{FinishedStep, RunState};
use crate::chain::stamp::{Millis, millis};

/// The figures of a run that both its last event and its result state.
#[must_use]
pub fn summary(
    state: &RunState,
    finished_at: Millis,
    final_status: FinalStatus,
    reason: Option<Reason>,
) -> RunFinished {
    let reached = state.ended();
    let succeeded = reached.iter().filter(|step| step.event.status == StepStatus::Success).count();
    RunFinished {
        final_status,
        reason,
        steps_executed: count(reached.iter().filter(|step| step.event.status != StepStatus::Skipped).count()),
        completion_rate_percent: percent(succeeded, state.steps_total()),
        total_latency_ms: state.started_at().map_or(0, |start| millis(finished_at.since(start))),
    }
}

/// The result of a finished run as it is journaled and published: a JSON document of at most `max_bytes`, as far as leaving
/// out what steps left (the largest first, nested ones among them) gets it there.
#[must_use]
pub fn render(chain: &Chain, state: &RunState, finished: &RunFinished, ending: Ending<'_>, max_bytes: usize) -> String {
    let cloak = Cloak::new(chain, state.steps());
    let result = RunResult {
        schema: RESULT_SCHEMA,
        run_id: Some(ending.run_id.clone()),
        chain_id: Some(chain.chain_id.clone()),
        tenant: chain.tenant.clone(),
        final_status: finished.final_status,
        reason: finished.reason.clone(),
        steps_total: state.steps_total(),
        steps_executed: finished.steps_executed,
        completion_rate_percent: number(finished.completion_rate_percent),
        total_latency_ms: finished.total_latency_ms,
        aggregated_responses: state.steps().iter().map(|step| response(step, Some(&cloak))).collect(),
        outputs: outputs(state.steps(), Some(&cloak)),
        audit_log: state.ended().iter().map(|step| entry(step)).collect(),
        audit_head: Some(ending.head),
        started_at: state.started_at().unwrap_or(ending.finished_at),
        finished_at: ending.finished_at,
        worker: ending.worker.to_owned(),
        metadata: chain.metadata.clone(),
    };
    // What it shares with the result is the result's alone from here on.
    drop(cloak);
    fit(result, max_bytes)
}

/// What a result says of its end and cannot be read off the run's state.
#[derive(Debug)]
pub struct Ending<'a> {
    /// The run.
    pub run_id: &'a RunId,
    /// The hash chain's end: `run.finished`.
    pub head: Head,
    /// The time of `run.finished`.
    pub finished_at: Millis,
    /// Who ended it.
    pub worker: &'a str,
}

/// The result for a message that is no valid chain definition.
#[must_use]
pub fn render_rejected(
    run: (Option<RunId>, Option<ChainId>, TenantName),
    message: String,
    at: Millis,
    worker: &str,
) -> String {
    let (run_id, chain_id, tenant) = run;
    let reason = Reason { code: ReasonCode::Invalid, step_id: None, message };
    text(&RunResult { run_id, chain_id, ..without_steps(tenant, FinalStatus::Rejected, reason, at, worker) })
}

/// The result for a message that was handed out before, and of which nobody knows any more what was done for it.
#[must_use]
pub fn render_lost(chain: &Chain, run_id: Option<RunId>, at: Millis, worker: &str) -> String {
    let message =
        "the message was handed out before, and the journal that knows what was done for it is not there".into();
    let reason = Reason { code: ReasonCode::HistoryLost, step_id: None, message };
    text(&RunResult {
        run_id,
        chain_id: Some(chain.chain_id.clone()),
        steps_total: chain.steps_total(),
        metadata: chain.metadata.clone(),
        ..without_steps(chain.tenant.clone(), FinalStatus::Indeterminate, reason, at, worker)
    })
}

fn without_steps(tenant: TenantName, final_status: FinalStatus, reason: Reason, at: Millis, worker: &str) -> RunResult {
    RunResult {
        schema: RESULT_SCHEMA,
        run_id: None,
        chain_id: None,
        tenant,
        final_status,
        reason: Some(reason),
        steps_total: 0,
        steps_executed: 0,
        completion_rate_percent: Value::from(0),
        total_latency_ms: 0,
        aggregated_responses: Vec::new(),
        outputs: Map::new(),
        audit_log: Vec::new(),
        audit_head: None,
        started_at: at,
        finished_at: at,
        worker: worker.to_owned(),
        metadata: BTreeMap::new(),
    }
}

fn entry(step: &FinishedStep) -> AuditEntry {
    AuditEntry {
        chain_id: step.chain_id.clone(),
        step_index: step.event.step_index,
        action_id: step.event.action_id.clone(),
        status: step.event.status,
        latency_ms: step.event.latency_ms,
        timestamp: step.at,
    }
}

pub(super) fn text(result: &RunResult) -> String {
    serde_json::to_string(result).unwrap_or_else(|error| unreachable!("a result is plain data: {error}"))
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn percent(part: usize, whole: u32) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    (f64::from(count(part)) / f64::from(whole) * 10_000.0).round() / 100.0
}

/// `100` and not `100.0`, as in the event's canonical form.
fn number(percent: f64) -> Value {
    serde_json::from_str(ryu_js::Buffer::new().format(percent)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_have_two_decimals_and_no_needless_ones() {
        assert_eq!(number(percent(3, 3)).to_string(), "100");
        assert_eq!(number(percent(2, 3)).to_string(), "66.67");
        assert_eq!(number(percent(1, 8)).to_string(), "12.5");
        assert_eq!(number(percent(0, 0)).to_string(), "0");
    }
}
