//! Which step uses which earlier step's data.

use serde::Serialize;

use super::super::definition::{Fallback, Step};
use super::super::expression::Condition;

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

    /// Whose data `step` uses, each once for each place.
    pub(super) fn uses(&self, step: &Step) -> Vec<Use> {
        let when = step.when.iter().flat_map(Condition::references).map(String::as_str);
        let when = self.all(when, Place::When);
        let payload = step.call().map(|operation| self.all(operation.payload.references(), Place::Payload));
        let fallback = step.fallback.as_ref().map(|fallback| match fallback {
            Fallback::Call(operation) => self.all(operation.payload.references(), Place::Fallback),
            Fallback::Output(output) => self.all(output.references(), Place::Fallback),
        });
        [when, payload.unwrap_or_default(), fallback.unwrap_or_default()].concat()
    }

    fn all<'n>(&self, names: impl IntoIterator<Item = &'n str>, place: Place) -> Vec<Use> {
        let mut uses: Vec<Use> = Vec::new();
        for step in names.into_iter().filter_map(|name| self.resolve(name)) {
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
