//! The result of a run: the one message that upstream waits for.

mod cloak;
mod excess;
mod render;
mod response;

pub use render::{Ending, render, render_lost, render_rejected, summary};
pub use response::child_output;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::chain::definition::OnFailure;
use crate::chain::ids::{ActionId, ChainId, RunId, TenantName};
use crate::chain::log::Head;
use crate::chain::outcome::{ErrorClass, StepStatus};
use crate::chain::stamp::Millis;

/// The `schema` of a result, and its message's `type`.
pub const RESULT_SCHEMA: &str = "cxchain.result.v1";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalStatus {
    /// Every step was reached.
    Completed,
    /// A step failed and its directive was `abort`.
    TerminatedEarly,
    /// The run clock was over.
    TimedOut,
    /// Stopped at a step of which nobody knows whether it was carried out.
    Indeterminate,
    /// Somebody asked for its end.
    Cancelled,
    /// Not started by `expires_at`; no call was made.
    Expired,
    /// The message was no valid chain definition; no call was made.
    Rejected,
}

impl FinalStatus {
    /// As in the result and in routing keys.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::TerminatedEarly => "terminated_early",
            Self::TimedOut => "timed_out",
            Self::Indeterminate => "indeterminate",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
        }
    }
}

/// Why a run did not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For machines.
    pub code: ReasonCode,
    /// The step at which it ended, where there is one.
    pub step_id: Option<String>,
    /// For people. Quotes no response.
    pub message: String,
}

/// The kinds of [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// A step failed.
    StepFailed,
    /// A step's outcome is unknown.
    OutcomeUnknown,
    /// The run clock was over.
    GlobalTimeout,
    /// Somebody asked for its end.
    Cancelled,
    /// Not started by `expires_at`.
    Expired,
    /// Resumed again and again without progress.
    CrashLoop,
    /// What had been done of it is not known any more.
    HistoryLost,
    /// The message was no valid chain definition.
    Invalid,
}

impl ReasonCode {
    /// As in the result.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StepFailed => "step_failed",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::GlobalTimeout => "global_timeout",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::CrashLoop => "crash_loop",
            Self::HistoryLost => "history_lost",
            Self::Invalid => "invalid",
        }
    }
}

/// The result as published.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunResult {
    /// [`RESULT_SCHEMA`].
    pub schema: &'static str,
    /// The run; `null` only for a message that names none and is rejected, or has lost its history.
    pub run_id: Option<RunId>,
    /// The chain; `null` only for the rejection of a message that names none.
    pub chain_id: Option<ChainId>,
    /// The tenant.
    pub tenant: TenantName,
    /// How it ended.
    pub final_status: FinalStatus,
    /// Why, where it did not complete.
    pub reason: Option<Reason>,
    /// The steps of the chain, nested ones counted.
    pub steps_total: u32,
    /// Steps reached and not skipped.
    pub steps_executed: u32,
    /// Successful steps among all, in percent, two decimals.
    pub completion_rate_percent: Value,
    /// `finished_at` − `started_at`.
    pub total_latency_ms: u64,
    /// One entry per step reached.
    pub aggregated_responses: Vec<StepResponse>,
    /// `{step_id: extracted}`.
    pub outputs: Map<String, Value>,
    /// The step events in short.
    pub audit_log: Vec<AuditEntry>,
    /// Where the run's hash chain ends; `null` for a rejection, and where the history is lost.
    pub audit_head: Option<Head>,
    /// When it was accepted.
    pub started_at: Millis,
    /// When it was over.
    pub finished_at: Millis,
    /// The worker that ended it.
    pub worker: String,
    /// The definition's `metadata`.
    pub metadata: BTreeMap<String, String>,
}

/// One step reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepResponse {
    /// The index within its own chain, from 0.
    pub step_index: u16,
    /// The step's id.
    pub step_id: String,
    /// The operation; `null` for a step with a nested chain.
    pub action_id: Option<ActionId>,
    /// What is known of it.
    pub status: StepStatus,
    /// Of the last exchange.
    pub http_status: Option<u16>,
    /// `response_data` on success, else `error_message`; both where a nested chain did not complete.
    #[serde(flatten)]
    pub content: Content,
    /// `NONE` on success.
    pub error_classification: ErrorClass,
    /// The step clock.
    pub latency_ms: u64,
    /// What it waited at the gate.
    pub gate_wait_ms: u64,
    /// How many exchanges were made.
    pub attempts: u32,
    /// The job that CXone made of it.
    pub job_id: Option<String>,
    /// What the step's `extract` found.
    pub extracted: Map<String, Value>,
    /// The `on_failure` directive that was applied.
    pub directive: Option<OnFailure>,
    /// Whether a fallback took the step's place.
    pub fallback_used: bool,
    /// Over the response's body as received.
    pub response_hash: Option<String>,
    /// The body was too large for the worker or for the result: only its hash is kept, if that.
    pub response_omitted: bool,
    /// When the step was over.
    pub timestamp: Millis,
}

/// What a step left.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Content {
    /// It succeeded.
    Data {
        /// What it left; `null` when the body was empty or not kept.
        response_data: Data,
    },
    /// It did not.
    Error {
        /// For people; from the response where there is one, 300 characters at most.
        error_message: String,
    },
    /// Its nested chain did not complete: what it came to, and why.
    Both {
        /// As of a chain that completed.
        response_data: Data,
        /// For people.
        error_message: String,
    },
}

/// What there is to show of what a step left.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// Of a response or a fallback's output: JSON, text, or `null`.
    Value(Arc<Value>),
    /// Of a step with a nested chain: how that went.
    Chain(Arc<ChainData>),
}

/// How a nested chain went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChainData {
    /// How it ended.
    pub final_status: FinalStatus,
    /// One entry per step reached.
    pub aggregated_responses: Vec<StepResponse>,
    /// `{step_id: extracted}`, each step by its id within the nested chain.
    pub outputs: Map<String, Value>,
}

impl Default for Data {
    fn default() -> Self {
        Self::Value(Arc::default())
    }
}

/// A step event in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditEntry {
    /// The chain that the step belongs to.
    pub chain_id: ChainId,
    /// The index within its own chain, from 0.
    pub step_index: u16,
    /// The operation; `null` for a step with a nested chain.
    pub action_id: Option<ActionId>,
    /// What is known of the step.
    pub status: StepStatus,
    /// The step clock.
    pub latency_ms: u64,
    /// When the step was over.
    pub timestamp: Millis,
}
