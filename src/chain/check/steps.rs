//! The list of steps: how many there are, and what one may not share with another.

use std::collections::BTreeMap;

use super::super::definition::Step;
use super::super::ids::StepId;
use super::super::json::{Pointer, Report};
use super::fields::Field;
use super::step::{self, Draft, Given};

/// What the definition says about its steps as a list.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// How many there may be.
    pub(super) max_steps: u64,
    /// Whether an action may be in it twice.
    pub(super) repeats: bool,
}

/// Walks every step. `None` when they do not make a chain, which has been reported then.
pub(super) fn walk(field: &Field<'_, '_>, rules: Rules, report: &mut Report<'_>) -> Option<Vec<Step>> {
    let items = field.items(report)?;
    if !(1..=rules.max_steps).contains(&(items.len() as u64)) {
        let what = if items.is_empty() { "is empty".to_owned() } else { format!("has {} steps", items.len()) };
        field.wrong(report, what, "1 to max_depth steps (10 unless given, 25 at most)");
    }
    let mut drafts = Vec::new();
    for (index, node) in items.iter().enumerate() {
        drafts.push(step::walk(&Field { pointer: field.pointer.index(index), node }, report));
    }
    unique_ids(&drafts, &field.pointer, report);
    if !rules.repeats {
        unique_actions(&drafts, &field.pointer, report);
    }
    drafts.into_iter().enumerate().map(|(index, draft)| draft?.into_step(default_id(index)?)).collect()
}

const UNIQUE: &str = "an id of its own for every step";

fn default_id(index: usize) -> Option<StepId> {
    StepId::parse(&format!("step_{index}")).ok()
}

/// Two steps must not have one id, be it given or the default of a step without one.
fn unique_ids(drafts: &[Option<Draft>], steps: &Pointer<'_>, report: &mut Report<'_>) {
    let mut given = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let Some(Draft { id: Given::Valid(id, span), .. }) = draft else { continue };
        if let Some((first, _)) = given.get(id) {
            let what = format_args!("is the same as /steps/{first}/id");
            report.add_allowing(&steps.index(index).key("id"), *span, what, UNIQUE);
        } else {
            given.insert(id, (index, *span));
        }
    }
    for (index, draft) in drafts.iter().enumerate() {
        let Some(Draft { id: Given::Absent, .. }) = draft else { continue };
        if let Some((owner, span)) = default_id(index).as_ref().and_then(|id| given.get(id)) {
            let what = format_args!("is the id that /steps/{index} has by default");
            report.add_allowing(&steps.index(*owner).key("id"), *span, what, UNIQUE);
        }
    }
}

/// The same action twice is how a chain becomes a loop of side effects; its author has to say that it is meant.
fn unique_actions(drafts: &[Option<Draft>], steps: &Pointer<'_>, report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let Some(Draft { action: Some((action, span)), .. }) = draft else { continue };
        if let Some(first) = seen.get(action) {
            let what = format_args!("is the same as /steps/{first}/action_id");
            let allowed = "each action once, unless allow_repeated_actions is true";
            report.add_allowing(&steps.index(index).key("action_id"), *span, what, allowed);
        } else {
            seen.insert(action, index);
        }
    }
}
