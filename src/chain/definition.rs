//! What upstream asks for, once it has been checked. A [`Chain`] that exists is valid; only
//! [`check`](fn@super::check::check) makes one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::action::ActionRules;
use super::expression::{Condition, Extract, Template};
use super::ids::{ActionId, ChainId, RunId, StepId, TenantName};

/// A checked chain definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The definition's own name.
    pub chain_id: ChainId,
    /// The run id in the body, else the AMQP `message_id`, if there is either.
    pub run_id: Option<RunId>,
    /// The tenant that the calls go to: the body's, else the queue's.
    pub tenant: TenantName,
    /// The run's clock: from acceptance to the end, all waiting included. 60–900 s.
    pub global_timeout: Duration,
    /// Not started by then: the run ends `expired`, no call made.
    pub expires_at: Option<Timestamp>,
    /// Echoed in the result, never in events.
    pub metadata: BTreeMap<String, String>,
    /// The steps in their order; at least one, at most 25.
    pub steps: Vec<Step>,
    /// The definition as received (before defaults) in canonical form: what the definition hash is over.
    pub canonical: String,
}

/// One checked step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The given id, else `step_{index}`.
    pub id: StepId,
    /// What is done.
    pub work: Work,
    /// Not met: the step is skipped.
    pub when: Option<Condition>,
    /// What is taken out of its output.
    pub extract: Extract,
    /// What happens to the chain when the step does not succeed.
    pub on_failure: OnFailure,
    /// What happens when nobody knows whether the step was carried out.
    pub on_unknown: OnUnknown,
    /// What takes its place with `on_failure: fallback`.
    pub fallback: Option<Fallback>,
}

impl Step {
    /// Its call; `None` where it has a chain instead.
    #[must_use]
    pub fn call(&self) -> Option<&Operation> {
        match &self.work {
            Work::Call(operation) => Some(operation),
            Work::Chain(_) => None,
        }
    }

    /// Its call, to be made what a test needs.
    #[cfg(test)]
    pub(crate) fn call_mut(&mut self) -> &mut Operation {
        match &mut self.work {
            Work::Call(operation) => operation,
            Work::Chain(_) => panic!("the step has a chain"),
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Work {
    /// An operation of the platform.
    Call(Box<Operation>),
    /// A chain of its own.
    Chain(Nested),
}

/// A call of the platform, with all that is known of it before anything of it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// The CXone operation.
    pub action: ActionId,
    /// The JSON object that is sent; its strings may hold expressions.
    pub payload: Template,
    /// How the operation is carried out.
    pub mode: Mode,
    /// Names that must be in the payload, and not `null`: else the step fails before anything is sent. The step's and the
    /// action's, each once.
    pub required_params: Vec<String>,
    /// The step's own clock (4.4 of the contract): 5–120 s for a sync call, 5–900 s for a job.
    pub timeout: Duration,
    /// Whether sending it twice is harmless.
    pub idempotent: bool,
    /// How many exchanges may be made at most (429s and the repeat after a 401 left out); `None`: the tenant's.
    pub max_attempts: Option<u8>,
    /// What is configured of the action; what it says of the fields above is in them already.
    pub rules: Option<Arc<ActionRules>>,
}

/// What takes the place of a step that did not succeed.
#[derive(Debug, Clone, PartialEq)]
pub enum Fallback {
    /// Another call. Boxed, for most steps have none.
    Call(Box<Operation>),
    /// A fixed output; its strings may hold expressions.
    Output(Template),
}

/// A chain in the place of an action: a child run inside its parent's.
#[derive(Debug, Clone, PartialEq)]
pub struct Nested {
    /// The nested definition's own name.
    pub chain_id: ChainId,
    /// The child's clock, from its first step on; `None`: the run's alone. 60–900 s.
    pub global_timeout: Option<Duration>,
    /// Its steps in their order; at least one.
    pub steps: Vec<Step>,
}

/// How an operation is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// One exchange: the answer is the output.
    Sync,
    /// Submitted once, then polled until it is over.
    Job(JobOptions),
}

/// What the platform is told about a job besides its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOptions {
    /// The version of the operation; `None`: the platform's choice. 2–64 of `[A-Za-z0-9._-]`, `v` first.
    pub version_id: Option<String>,
    /// Passed on as it is.
    pub environment_context: BTreeMap<String, String>,
    /// How long the platform may work on it: 1–60 s.
    pub execution_timeout: Duration,
}

/// The author's directive for a step that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The run ends here.
    #[default]
    Abort,
    /// The chain goes on with the next step.
    Continue,
    /// The fallback takes the step's place; without one the directive is recorded and the chain goes on.
    Fallback,
}

impl OnFailure {
    /// As in definitions and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Continue => "continue",
            Self::Fallback => "fallback",
        }
    }
}

/// The author's directive for a step whose outcome is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// `on_failure` applies; an abort ends the run `indeterminate`.
    #[default]
    AsFailure,
    /// It is sent again.
    Retry,
    /// The run ends `indeterminate`, whatever `on_failure` says.
    Stop,
}
