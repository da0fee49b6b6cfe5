//! Values whose strings may hold expressions: payloads, and the outputs of fallbacks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::expression::{Holes, MAX_EXPRESSIONS, Scope, Template};
use super::super::json::{Kind, Node, Pointer, Report};
use super::expressions::{self, BEGIN, Place};
use super::fields::Field;

/// The payload as it will be sent, once its expressions are evaluated: an object.
pub(super) fn payload(field: &Field<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Template> {
    field.members(report)?;
    template(field, scope, report)
}

/// Any value. Faults of its expressions are reported, and make it a value without any: the definition is not carried out then.
pub(super) fn template(field: &Field<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Template> {
    let source = field.node.to_value();
    let count = count(field.node);
    if count == 0 {
        return Some(Template::of(source));
    }
    if count > MAX_EXPRESSIONS {
        let what = format_args!("has {count} expressions");
        field.wrong(report, what, format_args!("at most {MAX_EXPRESSIONS} expressions"));
        return None;
    }
    let holes = holes(field.node, &source, &field.pointer, scope, report);
    Some(Template::with(source, holes))
}

/// How many expressions begin in the strings of the value, keys included.
fn count(node: &Node<'_>) -> usize {
    match &node.kind {
        Kind::String(text) => expressions::count(text),
        Kind::Array(items) => items.iter().map(count).sum(),
        Kind::Object(members) => {
            members.iter().map(|member| expressions::count(&member.key) + count(&member.node)).sum()
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Unreadable => 0,
    }
}

/// The expressions in `node`, which is `value` with places.
fn holes(
    node: &Node<'_>,
    value: &Value,
    pointer: &Pointer<'_>,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) -> Option<Holes> {
    match (&node.kind, value) {
        (Kind::String(text), _) => expressions::holes(text, Place { pointer, span: node.span }, scope, report),
        (Kind::Array(nodes), Value::Array(values)) => {
            let entries: Vec<(usize, Holes)> = nodes
                .iter()
                .zip(values)
                .enumerate()
                .filter_map(|(at, (node, value))| Some((at, holes(node, value, &pointer.index(at), scope, report)?)))
                .collect();
            if entries.is_empty() { None } else { Some(Holes::Within(entries)) }
        }
        (Kind::Object(members), Value::Object(values)) => {
            let mut found = BTreeMap::new();
            for member in members {
                let pointer = pointer.key(&member.key);
                if let Some(at) = member.key.find(BEGIN) {
                    let place = Place { pointer: &pointer, span: member.key_span };
                    let allowed = "expressions in values only".to_owned();
                    place.note(&(at..at + BEGIN.len()), "is a key with an expression in it", Some(allowed), report);
                }
                let value = values.get(&*member.key).unwrap_or(&Value::Null);
                if let Some(holes) = holes(&member.node, value, &pointer, scope, report) {
                    found.insert(&*member.key, holes);
                }
            }
            if found.is_empty() { None } else { Some(Holes::of_members(values, found)) }
        }
        _ => None,
    }
}
