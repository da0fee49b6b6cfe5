//! What an action demands of a payload, as far as that can be told before its expressions are evaluated.

use std::fmt::{self, Display};

use serde_json::{Map, Value};

use super::super::action::{ActionRules, Misfit, Part, PathTemplate, Query, Violation, encoded};
use super::super::expression::Template;
use super::super::json::{Kind, Node, Pointer, Report};
use super::expressions::BEGIN;
use super::fields::{Field, Object};

/// Reports everything that the action of `object` demands and its `payload` does not have.
pub(super) fn check(object: &Object<'_, '_>, payload: &Template, rules: &ActionRules, report: &mut Report<'_>) {
    for name in rules.required_params.iter().filter(|name| payload.source().get(name).is_none()) {
        let allowed = Required(&rules.required_params);
        object.wrong(report, "payload", format_args!("has no {name}, which its action requires"), Some(allowed));
    }
    if let Some(field) = object.optional("payload") {
        places(&field, payload.source(), rules, report);
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

/// What an action requires, in words.
struct Required<'r>(&'r [String]);

impl Display for Required<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a payload with {}", self.0.join(", "))
    }
}

/// Reports every member of `payload` that cannot be where it goes in a request. What an expression will be is not known yet; that a list
/// or an object is one, is.
fn places(field: &Field<'_, '_>, payload: &Value, rules: &ActionRules, report: &mut Report<'_>) {
    let Some(members) = payload.as_object() else { return };
    let in_path = |name: &str| rules.path.iter().flat_map(PathTemplate::parameters).any(|taken| taken == name);
    for (name, value) in members.iter().filter(|(_, value)| !is_expression(value)) {
        let part = [Part::Key(name.clone())];
        if in_path(name) {
            if let Err(what) = PathTemplate::segment(value) {
                let allowed = "a text, number or boolean of 1 to 512 bytes that can be a part of a path";
                at_place(field, &part, report, format_args!("{what}: it goes into the path"), Some(allowed));
            }
        } else if rules.query.takes(name)
            && let Err(misfit) = Query::texts(value)
        {
            let place = Vec::from_iter(part.into_iter().chain(misfit.at.map(Part::Index)));
            let what = format_args!("{}: it goes into the query", misfit.what);
            at_place(field, &place, report, what, Some(Misfit::ALLOWED));
        }
    }
    if target(members, rules) > Query::LONGEST_TARGET {
        let most = Query::LONGEST_TARGET;
        field.wrong(
            report,
            format_args!("makes a path and query of more than {most} bytes"),
            format_args!("at most {most} bytes for both, percent-encoded"),
        );
    }
}

/// How many bytes of a request's path and query are certain, however its expressions turn out: as many as are needed to know that they
/// are too many.
fn target(members: &Map<String, Value>, rules: &ActionRules) -> usize {
    let parameters = || rules.path.iter().flat_map(PathTemplate::parameters);
    let taken = |name: &str| parameters().any(|taken| taken == name);
    let sure = || parameters().all(|name| members.get(name).is_some_and(|value| !is_expression(value)));
    let path = rules.path.as_ref().filter(|_| sure()).and_then(|path| path.fill(members).ok());
    // The question mark is no part of either.
    let (mut length, mut gap) = (path.map_or(0, |path| path.len()), 0);
    let query = members.iter().filter(|(name, value)| !is_expression(value) && !taken(name) && rules.query.takes(name));
    for (name, value) in query {
        for text in Query::texts(value).unwrap_or_default().iter().filter(|text| !text.contains(BEGIN)) {
            if length > Query::LONGEST_TARGET {
                return length;
            }
            length += gap + encoded(name).len() + 1 + encoded(text).len();
            gap = 1;
        }
    }
    length
}

fn is_expression(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(BEGIN))
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
    let Violation { place, what, allowed, missing } = violation;
    let allowed = match (allowed, missing) {
        (None, Some(name)) => Some(format!("an object with {name}: the schema of the action requires it")),
        (allowed, _) => allowed.clone(),
    };
    match (object.optional("payload"), allowed) {
        (Some(field), allowed) => at_place(&field, place, report, what, allowed),
        (None, allowed) => object.wrong(report, "payload", what, allowed),
    }
}

/// Walks down to the place, as far as there is one.
fn at_place(
    Field { pointer, node }: &Field<'_, '_>,
    place: &[Part],
    report: &mut Report<'_>,
    what: impl Display,
    allowed: Option<impl Display>,
) {
    if let Some((part, rest)) = place.split_first()
        && let Some((node, pointer)) = child(pointer, node, part)
    {
        return at_place(&Field { pointer, node }, rest, report, what, allowed);
    }
    match allowed {
        Some(allowed) => report.add_allowing(pointer, node.span, what, allowed),
        None => report.add(pointer, node.span, what),
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
