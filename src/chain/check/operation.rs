//! What a step, or its fallback, calls.

use std::time::Duration;

use serde_json::{Map, Value};

use super::super::definition::{Mode, Operation};
use super::super::expression::{Scope, Template};
use super::super::ids::ActionId;
use super::super::json::Report;
use super::fields::{Field, Known, Object};
use super::tree::{Place, Tree};
use super::{job, payload, required};

/// The fields of a step that belong to its action.
const FIELDS: [&str; 10] = [
    "action_id",
    "payload",
    "mode",
    "timeout_seconds",
    "idempotent",
    "retry",
    "required_params",
    "version_id",
    "environment_context",
    "execution_timeout_ms",
];

const RETRY: Known = Known { noun: "retry", fields: &["max_attempts"], later: &[] };

/// Says of every field of an action that a step with a nested chain has none.
pub(super) fn refuse(object: &Object<'_, '_>, report: &mut Report<'_>) {
    for name in FIELDS {
        if let Some(field) = object.optional(name) {
            field.wrong(report, "belongs to a call, and this step has a nested chain", "either chain or action_id");
        }
    }
}

/// The call of a step.
pub(super) fn of_step(
    object: &Object<'_, '_>,
    (place, scope): (&Place, &Scope<'_>),
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Operation> {
    let field = object.required("action_id", report);
    let action = field.as_ref().and_then(|field| action(field, tree, report));
    if let (Some(field), Some(action)) = (&field, &action) {
        tree.visit(action, place, field, report);
    }
    let mode = job::mode(object, report);
    let timeout = timeout(object, &mode, report);
    let payload = payload(object, scope, report);
    let required = object.optional("required_params");
    let required = required.and_then(|field| required::names(&field, payload.as_ref(), report));
    Some(Operation {
        action: action?,
        payload: payload?,
        mode,
        required_params: required.unwrap_or_default(),
        timeout,
        idempotent: object.optional("idempotent").and_then(|field| field.flag(report)).unwrap_or_default(),
        max_attempts: object.optional("retry").and_then(|field| max_attempts(&field, report)),
    })
}

/// The call of a fallback.
pub(super) fn of_fallback(
    object: &Object<'_, '_>,
    scope: &Scope<'_>,
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Operation> {
    let action = object.required("action_id", report).and_then(|field| action(&field, tree, report));
    let mode = Mode::Sync;
    let timeout = timeout(object, &mode, report);
    let payload = payload(object, scope, report);
    Some(Operation {
        action: action?,
        payload: payload?,
        mode,
        required_params: Vec::new(),
        timeout,
        idempotent: false,
        max_attempts: None,
    })
}

fn action(field: &Field<'_, '_>, _tree: &Tree<'_>, report: &mut Report<'_>) -> Option<ActionId> {
    field.name(ActionId::parse, report)
}

fn timeout(object: &Object<'_, '_>, mode: &Mode, report: &mut Report<'_>) -> Duration {
    let (bounds, default) = job::timeouts(mode);
    let given = object.optional("timeout_seconds").and_then(|field| field.integer(bounds, report));
    Duration::from_secs(given.unwrap_or(default))
}

/// An absent one is empty.
fn payload(object: &Object<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Template> {
    match object.optional("payload") {
        Some(field) => payload::payload(&field, scope, report),
        None => Some(Template::of(Value::Object(Map::new()))),
    }
}

fn max_attempts(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<u8> {
    let object = Object::open(field, &RETRY, report)?;
    let attempts = object.required("max_attempts", report)?.integer(1..=10, report)?;
    u8::try_from(attempts).ok()
}
