//! What a run's log says of a step that is over.

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};

use super::super::action::Redaction;
use super::super::ids::{ChainId, StepPath};
use super::super::log::StepFinished;
use super::super::result::{self, FinalStatus};
use super::super::stamp::Millis;

/// A step with an outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedStep {
    /// Where it stands.
    pub path: StepPath,
    /// Its event.
    pub event: StepFinished,
    /// The chain that it belongs to.
    pub chain_id: ChainId,
    /// When it was over.
    pub at: Millis,
    /// What it left: the response's body, or the fallback's output. What a nested chain left is its [`Child`]'s to say.
    pub data: Option<Arc<Value>>,
    /// What its `extract` found.
    pub extracted: Map<String, Value>,
    /// How the chain that is nested in it ended, and its steps.
    pub child: Option<Child>,
    /// For people: why it did not succeed.
    pub message: Option<String>,
    /// The body was too large to be kept.
    pub omitted: bool,
    /// What of its data is masked wherever it is shown, by what was configured when it was over.
    pub redaction: Redaction,
}

impl FinishedStep {
    /// What it leaves to later steps.
    #[must_use]
    pub fn output(&self) -> Option<&Value> {
        self.child.as_ref().map(Child::output).or(self.data.as_deref())
    }
}

/// A nested chain that is over.
#[derive(Debug, Clone)]
pub struct Child {
    /// How it ended.
    pub final_status: FinalStatus,
    /// Its steps with an outcome, in order.
    pub steps: Vec<Arc<FinishedStep>>,
    /// Made of the two above when somebody looks at it: each level holds all below.
    output: OnceLock<Value>,
}

impl Child {
    /// A chain that ended so, after these steps.
    #[must_use]
    pub fn new(final_status: FinalStatus, steps: Vec<Arc<FinishedStep>>) -> Self {
        Self { final_status, steps, output: OnceLock::new() }
    }

    /// What it leaves to later steps.
    #[must_use]
    pub fn output(&self) -> &Value {
        self.output.get_or_init(|| result::child_output(self))
    }
}

impl PartialEq for Child {
    fn eq(&self, other: &Self) -> bool {
        (self.final_status, &self.steps) == (other.final_status, &other.steps)
    }
}
