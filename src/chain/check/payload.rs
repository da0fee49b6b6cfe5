//! Values whose strings may hold expressions: payloads, and the outputs of fallbacks.

use super::super::expression::{Scope, Template};
use super::super::json::{Kind, Node, Pointer, Report};
use super::fields::Field;

/// The payload as it will be sent, once its expressions are evaluated: an object.
pub(super) fn payload(field: &Field<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Template> {
    field.members(report)?;
    template(field, scope, report)
}

/// Any value.
pub(super) fn template(field: &Field<'_, '_>, _scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Template> {
    refuse_expressions(field.node, &field.pointer, report);
    Some(Template::of(field.node.to_value()))
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
