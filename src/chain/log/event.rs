//! Audit events, field for field as the contract lists them. No payload, no response and no text from a response is in any
//! of them.

use serde::{Deserialize, Serialize};

use super::super::definition::OnFailure;
use super::super::ids::{ActionId, ChainId, RunId, TenantName};
use super::super::outcome::{ErrorClass, StepStatus};
use super::super::problem::Problem;
use super::super::result::{FinalStatus, Reason};
use super::super::stamp::Millis;

/// An audit event as published on the audit exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `cxchain.{event}.v1`; the message's `type`, too.
    pub schema: String,
    /// `{run_id}:{seq}`; the message's id, too.
    pub event_id: String,
    /// What happened, with its own fields.
    #[serde(flatten)]
    pub body: EventBody,
    /// Counts the published events of the run from 1.
    pub seq: u64,
    /// The run; `null` only for the rejection of a message that names none.
    pub run_id: Option<RunId>,
    /// The chain that the event is about; `null` only for the rejection of a message that names none.
    pub chain_id: Option<ChainId>,
    /// The tenant.
    pub tenant: TenantName,
    /// The worker that wrote the event.
    pub worker: String,
    /// When.
    pub timestamp: Millis,
    /// The operator's `audit.compliance_tag`.
    pub compliance_tag: String,
    /// The hash of the event before; of the first one: the definition hash; of a rejection: `null`.
    pub prev_hash: Option<String>,
    /// SHA-256 over the RFC 8785 form of this event without this field.
    #[serde(default)]
    pub hash: String,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum EventBody {
    /// The run exists from here on.
    #[serde(rename = "run.accepted")]
    RunAccepted(RunAccepted),
    /// An exchange was made that did not decide the step.
    #[serde(rename = "step.retried")]
    StepRetried(StepRetried),
    /// A step has its outcome.
    #[serde(rename = "step.finished")]
    StepFinished(StepFinished),
    /// A worker goes on with what another one, or itself, had begun and not ended.
    #[serde(rename = "run.resumed")]
    RunResumed(RunResumed),
    /// The run is over.
    #[serde(rename = "run.finished")]
    RunFinished(RunFinished),
    /// A message was no valid chain definition; not part of a run.
    #[serde(rename = "run.rejected")]
    RunRejected(RunRejected),
}

impl EventBody {
    /// `run.accepted`, …
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunAccepted(_) => "run.accepted",
            Self::StepRetried(_) => "step.retried",
            Self::StepFinished(_) => "step.finished",
            Self::RunResumed(_) => "run.resumed",
            Self::RunFinished(_) => "run.finished",
            Self::RunRejected(_) => "run.rejected",
        }
    }
}

/// `run.accepted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAccepted {
    /// SHA-256 over the canonical form of the definition as received.
    pub definition_hash: String,
    /// The steps of the chain, nested ones counted.
    pub steps_total: u32,
    /// When the run clock ends.
    pub deadline: Millis,
    /// Whether the broker had handed the message out before.
    pub redelivered: bool,
    /// Whether the worker gave the run its id.
    pub run_id_assigned: bool,
    /// The run that this one takes up again.
    pub redrive_of: Option<RunId>,
}

/// `step.retried`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRetried {
    /// The index within its own chain, from 0.
    pub step_index: u16,
    /// The step's id.
    pub step_id: String,
    /// The operation.
    pub action_id: ActionId,
    /// Which exchange of the step it was, from 1.
    pub attempt: u32,
    /// Over the body exactly as sent.
    pub payload_hash: String,
    /// Over the body exactly as received, decompressed; `null` when it was not read to its end.
    pub response_hash: Option<String>,
    /// Set where the hashes are not plain SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_alg: Option<String>,
    /// Why it did not decide the step.
    pub error_classification: ErrorClass,
    /// `null` where no status was received.
    pub http_status: Option<u16>,
    /// How long the run waits before the next one (a pause of the tenant included).
    pub delay_ms: u64,
}

/// `step.finished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFinished {
    /// The index within its own chain, from 0.
    pub step_index: u16,
    /// The step's id.
    pub step_id: String,
    /// The operation; `null` for a step with a nested chain.
    pub action_id: Option<ActionId>,
    /// What is known of it.
    pub status: StepStatus,
    /// Of the last exchange; `null` where no status was received.
    pub http_status: Option<u16>,
    /// How many exchanges were made.
    pub attempts: u32,
    /// How often its job was asked after.
    pub polls: u32,
    /// The step clock: exchanges, back-off and token, without the gate.
    pub latency_ms: u64,
    /// What it waited at the gate.
    pub gate_wait_ms: u64,
    /// The job that CXone made of it.
    pub job_id: Option<String>,
    /// Over the body exactly as it was to be sent; `null` when no exchange was tried.
    pub payload_hash: Option<String>,
    /// Over the body exactly as received, decompressed; `null` when it was not read to its end.
    pub response_hash: Option<String>,
    /// Set where the hashes are not plain SHA-256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_alg: Option<String>,
    /// `NONE` on success.
    pub error_classification: ErrorClass,
    /// The `on_failure` directive that was applied.
    pub directive: Option<OnFailure>,
    /// Whether a fallback took the step's place. `status`, `http_status` and the hashes are the fallback call's then, and
    /// `error_classification` says why the step did not succeed itself.
    pub fallback_used: bool,
    /// The operation that the fallback called, where it called one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_action_id: Option<ActionId>,
    /// Whether CXone may have carried it out more than once: it was sent again after an unknown outcome or an answer of no
    /// use.
    pub maybe_repeated: bool,
}

/// `run.resumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {
    /// The id of the first step without an outcome; of the last one when all have one.
    pub from_step: String,
    /// Who wrote the event before this one.
    pub previous_worker: String,
}

/// `run.finished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFinished {
    /// How it ended.
    pub final_status: FinalStatus,
    /// Why, where it did not complete. Its message quotes no response.
    pub reason: Option<Reason>,
    /// Steps reached and not skipped.
    pub steps_executed: u32,
    /// Successful steps among all, in percent, two decimals.
    pub completion_rate_percent: f64,
    /// From `run.accepted` to the end.
    pub total_latency_ms: u64,
}

/// `run.rejected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRejected {
    /// Everything that is wrong with the message.
    pub problems: Vec<Problem>,
}
