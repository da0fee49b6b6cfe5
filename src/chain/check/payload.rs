//! The payload of a step.

use serde_json::{Map, Value};

use super::super::json::{Kind, Node, Pointer, Report, to_map};
use super::fields::Field;

/// The payload as it will be sent.
pub(super) fn payload(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<Map<String, Value>> {
    let members = field.members(report)?;
    refuse_expressions(field.node, &field.pointer, report);
    Some(to_map(members))
}

/// An expression that nobody evaluates would go to CXone as text; so it is refused until expressions are there.
fn refuse_expressions(node: &Node<'_>, pointer: &Pointer<'_>, report: &mut Report<'_>) {
    match &node.kind {
        Kind::String(text) if text.contains("${{") => {
            report.add(pointer, node.span, "holds an expression (${{ }}), which is not yet supported");
        }
        Kind::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_expressions(item, &pointer.index(index), report);
            }
        }
        Kind::Object(members) => {
            for member in members {
                refuse_expressions(&member.node, &pointer.key(&member.key), report);
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::String(_) | Kind::Unreadable => {}
    }
}
