//! What of a run's values leaves the worker: everything but what the `redact` of its actions names, and what was made of that.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Data;
use super::response::nested;
use crate::chain::action::Redaction;
use crate::chain::definition::{Chain, Fallback, Step, Work};
use crate::chain::expression::Template;
use crate::chain::ids::StepPath;
use crate::chain::outcome::StepStatus;
use crate::chain::run::FinishedStep;

/// What may be shown of the steps of one run.
pub(super) struct Cloak<'c> {
    chain: &'c Chain,
    /// Whether anything is masked in the answer of any step.
    redacts: bool,
    shown: HashMap<StepPath, Shown>,
}

/// What may be shown of one step.
struct Shown {
    data: Option<Data>,
    extracted: Map<String, Value>,
}

impl<'c> Cloak<'c> {
    pub(super) fn new(chain: &'c Chain, steps: &[Arc<FinishedStep>]) -> Self {
        let redacts = redacts(&chain.steps) || redacted(steps);
        let mut cloak = Self { chain, redacts, shown: HashMap::new() };
        cloak.cover(steps);
        cloak
    }

    /// What the step left.
    pub(super) fn data(&self, step: &FinishedStep) -> Option<Data> {
        self.shown.get(&step.path).and_then(|shown| shown.data.clone())
    }

    /// What the step extracted.
    pub(super) fn extracted(&self, step: &FinishedStep) -> Map<String, Value> {
        self.shown.get(&step.path).map(|shown| shown.extracted.clone()).unwrap_or_default()
    }

    /// Every step once, the innermost first: what a nested chain left is made of what its steps left.
    fn cover(&mut self, steps: &[Arc<FinishedStep>]) {
        for step in steps {
            if let Some(child) = &step.child {
                self.cover(&child.steps);
            }
            let data = self.covered(step);
            let extracted = self.covered_extract(step, data.as_ref());
            // It is part of what was just made of it.
            step.child.iter().flat_map(|child| &child.steps).for_each(|step| drop(self.shown.remove(&step.path)));
            self.shown.insert(step.path.clone(), Shown { data, extracted });
        }
    }

    fn covered(&self, step: &FinishedStep) -> Option<Data> {
        if let Some(child) = &step.child {
            return Some(Data::Chain(Arc::new(nested(child, Some(self)))));
        }
        self.covered_value(step).map(Data::Value)
    }

    fn covered_value(&self, step: &FinishedStep) -> Option<Arc<Value>> {
        let data = step.data.as_ref()?;
        match self.redaction(step) {
            Some(redaction) => Some(Arc::new(redaction.mask(data))),
            // It may have been made of any answer before it, in any way that an expression can.
            None if self.redacts => {
                Some(self.output(step).map_or_else(
                    || Arc::clone(data),
                    |template| Arc::new(without_expressions(template.source(), data)),
                ))
            }
            None => Some(Arc::clone(data)),
        }
    }

    fn covered_extract(&self, step: &FinishedStep, shown: Option<&Data>) -> Map<String, Value> {
        if step.extracted.is_empty() || !self.redacts {
            return step.extracted.clone();
        }
        let again = self.chain.step(&step.path).and_then(|rules| match shown? {
            Data::Value(value) => rules.extract.apply(value).ok(),
            Data::Chain(chain) => rules.extract.apply(&serde_json::to_value(chain).ok()?).ok(),
        });
        Redaction::mask_extracted(&step.extracted, again.as_ref())
    }

    /// What is masked in the step's answer, if anything is: what was when it came, and what is today.
    fn redaction(&self, step: &FinishedStep) -> Option<Redaction> {
        if self.output(step).is_some() || step.event.status != StepStatus::Success {
            return None;
        }
        let operation = self.chain.step(&step.path)?.operation(step.event.fallback_action_id.is_some())?;
        let today = operation.rules.as_ref().map(|rules| &rules.redaction);
        let both = today.map_or_else(|| step.redaction.clone(), |today| step.redaction.and(today));
        (!both.is_empty()).then_some(both)
    }

    /// What the step left was made of, where that is its fallback's fixed output.
    fn output(&self, step: &FinishedStep) -> Option<&'c Template> {
        match self.chain.step(&step.path)?.fallback.as_ref()? {
            Fallback::Output(template) if step.event.fallback_used => Some(template),
            Fallback::Output(_) | Fallback::Call(_) => None,
        }
    }
}

/// Whether an action of these steps, or of their fallbacks, masks anything.
fn redacts(steps: &[Step]) -> bool {
    steps.iter().any(|step| {
        let calls = [step.operation(false), step.operation(true)].into_iter().flatten();
        let nested = match &step.work {
            Work::Chain(nested) => redacts(&nested.steps),
            Work::Call(_) => false,
        };
        nested || calls.filter_map(|call| call.rules.as_ref()).any(|rules| !rules.redaction.is_empty())
    })
}

/// Whether anything is masked in what these steps left.
fn redacted(steps: &[Arc<FinishedStep>]) -> bool {
    let nested = |step: &FinishedStep| step.child.as_ref().is_some_and(|child| redacted(&child.steps));
    steps.iter().any(|step| !step.redaction.is_empty() || nested(step))
}

/// `value` with a mask wherever `source`, which it was made of, has an expression.
fn without_expressions(source: &Value, value: &Value) -> Value {
    match (source, value) {
        (Value::String(text), _) if text.contains("${{") => Redaction::MASK.into(),
        (Value::Array(sources), Value::Array(values)) => {
            sources.iter().zip(values).map(|(source, value)| without_expressions(source, value)).collect()
        }
        (Value::Object(sources), Value::Object(values)) => {
            let shown = |(name, value): (&String, &Value)| {
                let source = sources.get(name).unwrap_or(&Value::Null);
                (name.clone(), without_expressions(source, value))
            };
            values.iter().map(shown).collect::<Map<_, _>>().into()
        }
        _ => value.clone(),
    }
}
