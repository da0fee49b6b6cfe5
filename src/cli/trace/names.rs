//! What the steps of a run are called: the definition knows all of them for as long as it is kept, events those that got one.

use std::collections::BTreeMap;

use super::super::check::judge;
use super::entry::Place;
use crate::chain::check::Catalogue;
use crate::chain::log::{EventBody, Private, Record};
use crate::chain::{Chain, StepPath};

/// The names that a log tells.
#[derive(Default)]
pub(super) struct Names {
    chain: Option<Chain>,
    told: BTreeMap<StepPath, (String, Option<String>)>,
}

impl Names {
    pub(super) fn of(log: &[Record]) -> Self {
        let mut names = Self::default();
        // An event of a step has a record before it that says where the step stands.
        let mut at = None;
        for record in log {
            match record {
                Record::Private(Private::Definition { canonical, .. }) => {
                    names.chain = judge(canonical.as_bytes(), &Catalogue::any().trusting()).ok();
                }
                Record::Private(
                    Private::StepData { step, .. } | Private::Attempted { step, .. } | Private::FellBack { step, .. },
                ) => at = Some(step.clone()),
                Record::Event(sealed) => {
                    let (id, action) = match &sealed.event.body {
                        EventBody::StepRetried(step) => (&step.step_id, Some(&step.action_id)),
                        EventBody::StepFinished(step) => (&step.step_id, step.action_id.as_ref()),
                        _ => continue,
                    };
                    if let Some(path) = at.take() {
                        names.told.insert(path, (id.clone(), action.map(ToString::to_string)));
                    }
                }
                Record::Private(_) => {}
            }
        }
        names
    }

    /// What the step at `path` is called, and what is called for it: its fallback, or what it is itself.
    pub(super) fn place(&self, path: &StepPath, fallback: bool) -> Place {
        let defined = self.chain.as_ref().and_then(|chain| Some((chain.step_id(path), chain.step(path)?)));
        let defined = defined.map(|(id, step)| (id, step.operation(fallback).map(|call| call.action.to_string())));
        let (step_id, action_id) =
            defined.or_else(|| self.told.get(path).cloned()).unwrap_or_else(|| (format!("step_{path}"), None));
        Place { step_index: path.index(), step_id, action_id }
    }
}
