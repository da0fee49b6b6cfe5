//! Which step uses which earlier step's data.

use serde::Serialize;
use serde_json::Value;

use super::super::definition::{Fallback, Step, Work};
use super::super::expression::Template;

/// That a step uses the data of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Use {
    /// The earlier step; `parent.child` where it is nested.
    pub step: String,
    /// What needs it.
    #[serde(rename = "in")]
    pub place: Place,
}

/// What of a step needs data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Its condition.
    When,
    /// Its payload.
    Payload,
    /// Its fallback.
    Fallback,
}

/// The steps that a step sees: the earlier ones of its own chain, then those of the chains around it.
pub(super) struct Sight<'a> {
    outer: Option<&'a Sight<'a>>,
    steps: &'a [Step],
    prefix: &'a str,
    at: usize,
}

impl<'a> Sight<'a> {
    /// Of the first step of the outermost chain.
    pub(super) fn outermost(steps: &'a [Step]) -> Self {
        Self { outer: None, steps, prefix: "", at: 0 }
    }

    /// Of another step of the same chain.
    pub(super) fn at(&self, at: usize) -> Self {
        Self { at, ..*self }
    }

    /// Of the first step of the chain `steps`, which is nested in this one's; their ids begin with `prefix`.
    pub(super) fn within(&'a self, steps: &'a [Step], prefix: &'a str) -> Self {
        Self { outer: Some(self), steps, prefix, at: 0 }
    }

    /// Whose data `step` uses: each once for each place, the outermost first.
    pub(super) fn uses(&self, step: &Step) -> Vec<Use> {
        let payload = match &step.work {
            Work::Call(operation) => self.all(&operation.payload, Place::Payload),
            Work::Chain(_) => Vec::new(),
        };
        let fallback = match &step.fallback {
            Some(Fallback::Call(operation)) => self.all(&operation.payload, Place::Fallback),
            Some(Fallback::Output(output)) => self.all(output, Place::Fallback),
            None => Vec::new(),
        };
        [payload, fallback].concat()
    }

    fn all(&self, template: &Template, place: Place) -> Vec<Use> {
        let mut names = Vec::new();
        in_value(template.source(), &mut names);
        let mut uses: Vec<Use> = Vec::new();
        for step in names.iter().filter_map(|name| self.resolve(name)) {
            if uses.iter().all(|known| known.step != step) {
                uses.push(Use { step, place });
            }
        }
        uses
    }

    /// The step that is meant: a name belongs to the innermost chain that has a step of that name.
    fn resolve(&self, name: &str) -> Option<String> {
        match self.steps.iter().position(|step| step.id.as_str() == name) {
            Some(index) => (index < self.at).then(|| format!("{}{name}", self.prefix)),
            None => self.outer?.resolve(name),
        }
    }
}

/// The names of steps in the expressions of `value`.
fn in_value(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for expression in text.split("${{").skip(1) {
                in_expression(expression.split("}}").next().unwrap_or_default(), names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| in_value(item, names)),
        Value::Object(members) => members.values().for_each(|member| in_value(member, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn in_expression(expression: &str, names: &mut Vec<String>) {
    for rest in expression.split("steps.").skip(1) {
        let rest = rest.trim_start_matches('"');
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        names.push(rest[..end].to_owned());
    }
}
