//! Comparisons whose outcome is certain before a run, and never the one that was meant: `steps.a.status == 'sucess'`.

use std::ops::Range;

use serde_json::Value;

use super::super::outcome::StepStatus;
use super::fault::{Fault, Wrong};
use super::node::{Head, Link, Node};

/// One side of a comparison.
type Side<'n> = (&'n Head, &'n [Link]);

/// The fault of `==` or `!=` between these two, seen from the root, where one is a literal that the other can never be. Only of a path that
/// leads straight to a field of a step: whatever else may have any value.
pub(super) fn never(one: Side<'_>, other: Side<'_>) -> Option<Fault<'static>> {
    let (field, (value, at)) = match (literal(one), literal(other)) {
        (None, Some(literal)) => (field_of_step(one)?, literal),
        (Some(literal), None) => (field_of_step(other)?, literal),
        _ => return None,
    };
    let wrong = match (field, value) {
        // Of http_status it is one of the values, and what it is of status is for the run to tell.
        (_, Value::Null) => return None,
        ("status", Value::String(text)) if StepStatus::ALL.iter().any(|status| status.as_str() == text) => return None,
        ("status", Value::String(text)) => Wrong::NoStatus(Some(text.clone())),
        ("status", _) => Wrong::NoStatus(None),
        ("http_status", Value::Number(_)) => return None,
        ("http_status", _) => Wrong::NoHttpStatus,
        _ => return None,
    };
    Some(Fault { at: at.clone(), wrong })
}

fn literal<'n>((head, links): Side<'n>) -> Option<(&'n Value, &'n Range<usize>)> {
    match (head, links) {
        (Head::Literal { value, at }, []) => Some((value, at)),
        _ => None,
    }
}

/// `field` of the path `steps.<id>.field`.
fn field_of_step<'n>((head, links): Side<'n>) -> Option<&'n str> {
    match (head, links) {
        (Head::Field { name, .. }, [Link::Then(step), Link::Then(field)]) if name == "steps" => {
            plain(step)?;
            plain(field)
        }
        _ => None,
    }
}

/// The name, where the node is nothing else.
fn plain(node: &Node) -> Option<&str> {
    match (&node.head, node.links.as_slice()) {
        (Head::Field { name, .. }, []) => Some(name),
        _ => None,
    }
}
