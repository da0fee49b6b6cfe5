//! What expressions may call the steps of a nested chain from outside of it, as far as they can be told. Reports nothing.

use super::super::expression::Name;
use super::super::ids::StepId;
use super::super::json::{Kind, Node};
use super::extract;
use super::tree::member;

/// As many steps are looked at, whatever the depth: a chain with more than a quarter of them is refused, nested ones counted.
const MOST: usize = 100;

/// What the step `id` leaves.
pub(super) fn of(id: String, step: &Node<'_>) -> Name {
    let mut left = MOST;
    name(id, step, &mut left)
}

/// The steps of the chain that is nested in `step`, and of those that are nested in them.
fn inner(step: &Node<'_>, left: &mut usize) -> Vec<Option<Name>> {
    let steps = member(step, "chain").and_then(|chain| member(chain, "steps"));
    let Some(Kind::Array(steps)) = steps.map(|steps| &steps.kind) else { return Vec::new() };
    let mut names = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        if *left == 0 {
            break;
        }
        *left -= 1;
        names.push(id(step, index).map(|id| name(id, step, left)));
    }
    names
}

fn id(step: &Node<'_>, index: usize) -> Option<String> {
    match member(step, "id").map(|id| &id.kind) {
        None => Some(format!("step_{index}")),
        Some(Kind::String(id)) if StepId::parse(id).is_ok() => Some(id.clone().into_owned()),
        Some(_) => None,
    }
}

fn name(id: String, step: &Node<'_>, left: &mut usize) -> Name {
    Name {
        id,
        extracted: member(step, "extract").map(extract::names).unwrap_or_default(),
        inner: inner(step, left),
        has_fallback: member(step, "fallback").is_some(),
    }
}
