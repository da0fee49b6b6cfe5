//! What of a run's values leaves the worker: everything but what the `redact` of its actions names, and what was made of that.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::response::nested;
use crate::chain::action::Redaction;
use crate::chain::definition::{Chain, Fallback};
use crate::chain::ids::StepPath;
use crate::chain::outcome::StepStatus;
use crate::chain::run::FinishedStep;

/// What may be shown of the steps of one run.
pub(super) struct Cloak<'c> {
    chain: &'c Chain,
    /// What is masked in any of its answers; looked for where a value can come from any of them.
    texts: Vec<String>,
    shown: HashMap<StepPath, Shown>,
}

/// What may be shown of one step.
struct Shown {
    data: Option<Arc<Value>>,
    extracted: Map<String, Value>,
}

impl<'c> Cloak<'c> {
    pub(super) fn new(chain: &'c Chain, steps: &[Arc<FinishedStep>]) -> Self {
        let mut cloak = Self { chain, texts: Vec::new(), shown: HashMap::new() };
        cloak.collect(steps);
        cloak.cover(steps);
        cloak
    }

    /// What the step left.
    pub(super) fn data(&self, step: &FinishedStep) -> Option<Arc<Value>> {
        self.shown.get(&step.path).and_then(|shown| shown.data.clone())
    }

    /// What the step extracted.
    pub(super) fn extracted(&self, step: &FinishedStep) -> Map<String, Value> {
        self.shown.get(&step.path).map(|shown| shown.extracted.clone()).unwrap_or_default()
    }

    fn collect(&mut self, steps: &[Arc<FinishedStep>]) {
        for step in steps {
            if let (Some(redaction), Some(data)) = (self.redaction(step), &step.data) {
                self.texts.extend(redaction.texts(data));
            }
            if let Some(child) = &step.child {
                self.collect(&child.steps);
            }
        }
    }

    /// Every step once, the innermost first: what a nested chain left is made of what its steps left.
    fn cover(&mut self, steps: &[Arc<FinishedStep>]) {
        for step in steps {
            if let Some(child) = &step.child {
                self.cover(&child.steps);
            }
            let data = self.covered(step);
            let extracted = self.covered_extract(step, data.as_deref());
            self.shown.insert(step.path.clone(), Shown { data, extracted });
        }
    }

    fn covered(&self, step: &FinishedStep) -> Option<Arc<Value>> {
        if let Some(child) = &step.child {
            return Some(Arc::new(nested(child, Some(self))));
        }
        let data = step.data.as_ref()?;
        match self.redaction(step) {
            Some(redaction) => Some(Arc::new(redaction.mask(data))),
            // A fixed output may have been made of any answer before it.
            None if self.is_output(step) && !self.texts.is_empty() => Some(Arc::new(self.scrubbed(data))),
            None => Some(Arc::clone(data)),
        }
    }

    fn covered_extract(&self, step: &FinishedStep, shown: Option<&Value>) -> Map<String, Value> {
        if step.extracted.is_empty() || step.data.as_deref() == shown {
            return step.extracted.clone();
        }
        let again = self.chain.step(&step.path).and_then(|rules| rules.extract.apply(shown?).ok());
        Redaction::mask_extracted(&step.extracted, again.as_ref())
    }

    /// What is masked in the step's answer, if anything is.
    fn redaction(&self, step: &FinishedStep) -> Option<&'c Redaction> {
        if self.is_output(step) || step.event.status != StepStatus::Success {
            return None;
        }
        let operation = self.chain.step(&step.path)?.operation(step.event.fallback_action_id.is_some())?;
        operation.rules.as_ref().map(|rules| &rules.redaction).filter(|redaction| !redaction.is_empty())
    }

    /// Whether what the step left is its fallback's fixed output.
    fn is_output(&self, step: &FinishedStep) -> bool {
        let fallback = self.chain.step(&step.path).and_then(|step| step.fallback.as_ref());
        step.event.fallback_used && matches!(fallback, Some(Fallback::Output(_)))
    }

    fn scrubbed(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Redaction::scrub(text, &self.texts).into(),
            Value::Number(number) if self.texts.contains(&number.to_string()) => Redaction::MASK.into(),
            Value::Array(items) => items.iter().map(|item| self.scrubbed(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, member)| (name.clone(), self.scrubbed(member))).collect::<Map<_, _>>().into()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }
}
