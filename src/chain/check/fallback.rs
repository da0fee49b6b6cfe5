//! What takes a step's place when it does not succeed.

use super::super::definition::Fallback;
use super::super::expression::Scope;
use super::super::json::Report;
use super::fields::{Field, Known, Object};
use super::tree::Tree;
use super::{operation, payload};

const KNOWN: Known =
    Known { noun: "a fallback", fields: &["action_id", "payload", "timeout_seconds", "output"], later: &[] };

/// Another call, or an output. `None` where something has been reported.
pub(super) fn walk(
    field: &Field<'_, '_>,
    scope: &Scope<'_>,
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Fallback> {
    let object = Object::open(field, &KNOWN, report)?;
    let Some(output) = object.optional("output") else {
        return operation::of_fallback(&object, scope, tree, report).map(|call| Fallback::Call(Box::new(call)));
    };
    for name in ["action_id", "payload", "timeout_seconds"] {
        if let Some(field) = object.optional(name) {
            field.wrong(
                report,
                "belongs to a call, and this fallback has an output",
                "output alone, or action_id, payload and timeout_seconds",
            );
        }
    }
    payload::template(&output, scope, report).map(Fallback::Output)
}
