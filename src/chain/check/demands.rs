//! What an action demands of a payload, as far as that can be told before its expressions are evaluated.

use serde_json::Value;

use super::super::action::{ActionRules, Part, PathTemplate, Violation};
use super::super::expression::Template;
use super::super::json::{Kind, Node, Pointer, Report};
use super::expressions::BEGIN;
use super::fields::{Field, Object};

/// Reports everything that the action of `object` demands and its `payload` does not have.
pub(super) fn check(object: &Object<'_, '_>, payload: &Template, rules: &ActionRules, report: &mut Report<'_>) {
    for name in rules.required_params.iter().filter(|name| payload.source().get(name).is_none()) {
        object.wrong(report, "payload", format_args!("has no {name}, which its action requires"));
    }
    for name in rules.path.iter().flat_map(PathTemplate::parameters) {
        path_value(object, payload, name, report);
    }
    // An expression that is wrong has been told, and what its value would have been nobody knows.
    let literal = payload.literal().filter(|literal| !may_hold_expression(literal));
    if let (Some(schema), Some(literal)) = (&rules.schema, literal) {
        // What is missing has been told.
        let told = |violation: &Violation| {
            violation.place.is_empty()
                && violation.missing.as_ref().is_some_and(|name| rules.required_params.contains(name))
        };
        for violation in schema.violations(literal).iter().filter(|violation| !told(violation)) {
            tell(object, violation, report);
        }
    }
}

fn path_value(object: &Object<'_, '_>, payload: &Template, name: &str, report: &mut Report<'_>) {
    let known = payload.source().get(name).filter(|value| !value.is_null() && !may_hold_expression(value));
    if let Some(Err(what)) = known.map(PathTemplate::segment) {
        let Some(payload) = object.optional("payload") else { return };
        let Some((node, pointer)) = child(&payload.pointer, payload.node, &Part::Key(name.to_owned())) else { return };
        let allowed = "a text, number or boolean of 1 to 512 bytes that can be a part of a path";
        Field { pointer, node }.wrong(report, format_args!("{what}: it goes into the path"), allowed);
    }
}

fn may_hold_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(BEGIN),
        Value::Array(items) => items.iter().any(may_hold_expression),
        Value::Object(members) => members.values().any(may_hold_expression),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn tell(object: &Object<'_, '_>, violation: &Violation, report: &mut Report<'_>) {
    match object.optional("payload") {
        Some(payload) => at_place(&payload.pointer, payload.node, &violation.place, violation, report),
        None => object.wrong(report, "payload", &violation.what),
    }
}

/// Walks down to the place, as far as there is one.
fn at_place(pointer: &Pointer<'_>, node: &Node<'_>, place: &[Part], violation: &Violation, report: &mut Report<'_>) {
    if let Some((part, rest)) = place.split_first()
        && let Some((node, pointer)) = child(pointer, node, part)
    {
        return at_place(&pointer, node, rest, violation, report);
    }
    match &violation.allowed {
        Some(allowed) => report.add_allowing(pointer, node.span, &violation.what, allowed),
        None => report.add(pointer, node.span, &violation.what),
    }
}

fn child<'n, 'a>(pointer: &'n Pointer<'n>, node: &'n Node<'a>, part: &Part) -> Option<(&'n Node<'a>, Pointer<'n>)> {
    match (&node.kind, part) {
        (Kind::Object(members), Part::Key(key)) => {
            let member = members.iter().find(|member| member.key == *key)?;
            Some((&member.node, pointer.key(&member.key)))
        }
        (Kind::Array(items), Part::Index(index)) => Some((items.get(*index)?, pointer.index(*index))),
        _ => None,
    }
}
