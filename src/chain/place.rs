//! Where a step stands in the tree of chains, as its definition tells it.

use std::time::Duration;

use super::definition::{Chain, Fallback, Operation, Step, Work};
use super::ids::{ChainId, StepPath};

/// One chain of the tree: the outermost, or one that is nested in a step.
#[derive(Debug, Clone, Copy)]
pub struct Level<'c> {
    /// Its name.
    pub chain_id: &'c ChainId,
    /// Its own steps.
    pub steps: &'c [Step],
    /// The clock of a nested chain, where it has one of its own.
    pub timeout: Option<Duration>,
}

impl Chain {
    /// The outermost chain; with a step, the one that is nested in it. `None` where there is none.
    #[must_use]
    pub fn level(&self, within: Option<&StepPath>) -> Option<Level<'_>> {
        let mut level = Level { chain_id: &self.chain_id, steps: &self.steps, timeout: None };
        for index in within.map(StepPath::indices).unwrap_or_default() {
            let Work::Chain(nested) = &level.steps.get(usize::from(*index))?.work else { return None };
            level = Level { chain_id: &nested.chain_id, steps: &nested.steps, timeout: nested.global_timeout };
        }
        Some(level)
    }

    /// The step at `path`, if there is one.
    #[must_use]
    pub fn step(&self, path: &StepPath) -> Option<&Step> {
        self.level(path.parent().as_ref())?.steps.get(usize::from(path.index()))
    }

    /// The step's id with those of the steps around it: `parent.child`.
    #[must_use]
    pub fn step_id(&self, path: &StepPath) -> String {
        let mut ids = Vec::new();
        let mut next = Some(path.clone());
        while let Some(path) = next {
            ids.push(self.step(&path).map_or_else(|| format!("step_{}", path.index()), |step| step.id.to_string()));
            next = path.parent();
        }
        ids.reverse();
        ids.join(".")
    }

    /// All steps, nested ones counted.
    #[must_use]
    pub fn steps_total(&self) -> u32 {
        fn count(steps: &[Step]) -> usize {
            let nested = |step: &Step| match &step.work {
                Work::Call(_) => 0,
                Work::Chain(nested) => count(&nested.steps),
            };
            steps.iter().map(|step| 1 + nested(step)).sum()
        }
        u32::try_from(count(&self.steps)).unwrap_or(u32::MAX)
    }
}

impl Step {
    /// What is called for it: its own action, or its fallback's. `None` where there is no such call.
    #[must_use]
    pub fn operation(&self, fallback: bool) -> Option<&Operation> {
        match (&self.work, &self.fallback) {
            (Work::Call(operation), _) if !fallback => Some(operation),
            (_, Some(Fallback::Call(operation))) if fallback => Some(operation),
            _ => None,
        }
    }
}
