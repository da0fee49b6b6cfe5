//! What a step takes out of its output.

use std::collections::BTreeMap;

use super::super::expression::{As, Expression, Extract, Scope, Taken};
use super::super::json::{Kind, Node, Report};
use super::expressions::{BEGIN, Place};
use super::fields::{Field, Known, Object};

/// As many values as anyone will name.
const MOST: usize = 50;
/// The most characters of a name.
const LONGEST: usize = 64;
const NAME: &str = "1 to 64 of A-Z a-z 0-9 _, no digit first";

const KNOWN: Known = Known { noun: "an extract", fields: &["path", "as"], later: &[] };

/// The names and paths of the step that `scope` is at, compiled.
pub(super) fn extract(field: &Field<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Extract> {
    let members = field.members(report)?;
    if members.len() > MOST {
        field.wrong(report, format_args!("has {} names", members.len()), format_args!("at most {MOST} names"));
        return None;
    }
    let mut taken = BTreeMap::new();
    let mut sound = true;
    for member in members {
        let entry = Field { pointer: field.pointer.key(&member.key), node: &member.node };
        let name = is_name(&member.key);
        if !name {
            report.add_allowing(&entry.pointer, member.key_span, "is not a valid name", NAME);
        }
        match self::taken(&entry, scope, report) {
            Some(one) if name => {
                taken.insert(member.key.clone().into_owned(), one);
            }
            _ => sound = false,
        }
    }
    sound.then(|| Extract::new(taken))
}

/// A path, or an object with one.
fn taken(field: &Field<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Taken> {
    match &field.node.kind {
        Kind::String(text) => Some(Taken { path: path(text, field, scope, report)?, kind: As::Auto }),
        Kind::Object(_) => {
            let object = Object::open(field, &KNOWN, report)?;
            let kind = object.optional("as").map(|field| field.choice(&As::NAMES, report));
            let field = object.required("path", "a JMESPath expression, seen from the output of the step", report)?;
            let path = path(field.text(report)?, &field, scope, report)?;
            Some(Taken { path, kind: kind.unwrap_or(Some(As::Auto))? })
        }
        // Reported by the reader.
        Kind::Unreadable => None,
        kind => {
            field.wrong(report, format_args!("is {}", kind.noun()), r#"a path, or {"path": a path, "as": a kind}"#);
            None
        }
    }
}

fn path(text: &str, field: &Field<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Expression> {
    let place = Place { pointer: &field.pointer, span: field.node.span };
    // In quotes it may be meant.
    if text.trim_start().starts_with(BEGIN) {
        let at = text.find(BEGIN).unwrap_or_default();
        let allowed = "the bare path, seen from the output of the step".to_owned();
        place.note(&(at..at + BEGIN.len()), "is a path, which stands without ${{ }}", Some(allowed), report);
        return None;
    }
    Expression::compile_path(text, scope).map_err(|faults| place.faults(&faults, 0, report)).ok()
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= LONGEST
}

/// The names alone, as far as they can be told: what later steps may refer to. Reports nothing.
pub(super) fn names(node: &Node<'_>) -> Vec<String> {
    match &node.kind {
        Kind::Object(members) => {
            let names = members.iter().map(|member| &member.key).filter(|name| is_name(name)).take(MOST);
            names.map(|name| name.clone().into_owned()).collect()
        }
        _ => Vec::new(),
    }
}
