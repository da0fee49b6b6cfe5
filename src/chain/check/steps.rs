//! The list of steps: how many there are, and what one may not share with another.

use std::collections::BTreeMap;

use super::super::definition::Step;
use super::super::expression::{Name, Scope};
use super::super::ids::StepId;
use super::super::json::{Kind, Pointer, Report, Span};
use super::depth::Depth;
use super::fields::Field;
use super::tree::{self, Place, Tree};
use super::{names, step};

/// As many entries of one list are looked at: four times as many as there may be.
const MOST_LOOKED_AT: usize = 100;

/// What the definition says about its steps as a list, and where they stand.
pub(super) struct Rules<'r> {
    /// How many there may be, nested ones counted.
    pub(super) depth: Depth,
    /// The place of their chain.
    pub(super) place: &'r Place,
    /// What the step sees that their chain is nested in.
    pub(super) outer: Option<&'r Scope<'r>>,
}

/// The id of a step as its author left it.
enum Given {
    Absent,
    /// Reported.
    Invalid,
    Valid(StepId, Span),
}

/// Walks every step. `None` when they do not make a chain, which has been reported then.
pub(super) fn walk(
    field: &Field<'_, '_>,
    rules: &Rules<'_>,
    tree: &mut Tree<'_>,
    report: &mut Report<'_>,
) -> Option<Vec<Step>> {
    let items = field.items(report)?;
    let count = tree::count(items);
    if !rules.depth.allows(count) {
        let what = match (count, items.len()) {
            (0, _) => "is empty".to_owned(),
            (count, own) if count == own => format!("has {count} steps"),
            (count, _) => format!("has {count} steps, nested ones counted"),
        };
        field.wrong(report, what, rules.depth);
    }
    // That there are too many has been said. What is wrong with the others is not worth the time that hostile ones would take.
    let items = &items[..items.len().min(MOST_LOOKED_AT)];
    let entries = || items.iter().enumerate().map(|(i, node)| Field { pointer: field.pointer.index(i), node });
    let ids: Vec<Given> = entries().map(|entry| given(&entry, report)).collect();
    unique_ids(&ids, &field.pointer, report);
    let names: Vec<Option<Name>> =
        entries().zip(&ids).enumerate().map(|(i, (entry, id))| name(&entry, id, i)).collect();
    let mut steps = Vec::new();
    for (index, (entry, id)) in entries().zip(ids).enumerate() {
        let id = match id {
            Given::Absent => default_id(index),
            Given::Invalid => None,
            Given::Valid(id, _) => Some(id),
        };
        let scope = Scope::new(rules.outer, &names, index);
        steps.push(step::walk(&entry, id, (rules.place, &scope), tree, report));
    }
    steps.into_iter().collect()
}

const UNIQUE: &str = "an id of its own for every step";

fn default_id(index: usize) -> Option<StepId> {
    StepId::parse(&format!("step_{index}")).ok()
}

fn given(entry: &Field<'_, '_>, report: &mut Report<'_>) -> Given {
    let Some(field) = peek(entry, "id") else { return Given::Absent };
    match field.name(StepId::parse, report) {
        Some(id) => Given::Valid(id, field.node.span),
        None => Given::Invalid,
    }
}

/// What expressions call the step.
fn name(entry: &Field<'_, '_>, id: &Given, index: usize) -> Option<Name> {
    let id = match id {
        Given::Absent => default_id(index)?.to_string(),
        Given::Invalid => return None,
        Given::Valid(id, _) => id.to_string(),
    };
    Some(names::of(id, entry.node))
}

/// A field of a step that may not even be an object, which is reported elsewhere.
fn peek<'w, 'a>(entry: &'w Field<'w, 'a>, key: &'w str) -> Option<Field<'w, 'a>> {
    let Kind::Object(members) = &entry.node.kind else { return None };
    let member = members.iter().find(|member| member.key == key)?;
    Some(Field { pointer: entry.pointer.key(key), node: &member.node })
}

/// Two steps must not have one id, be it given or the default of a step without one.
fn unique_ids(ids: &[Given], steps: &Pointer<'_>, report: &mut Report<'_>) {
    let mut given = BTreeMap::new();
    for (index, id) in ids.iter().enumerate() {
        let Given::Valid(id, span) = id else { continue };
        if let Some((first, _)) = given.get(id) {
            let what = format_args!("is the same as {}/{first}/id", steps.render());
            report.add_allowing(&steps.index(index).key("id"), *span, what, UNIQUE);
        } else {
            given.insert(id, (index, *span));
        }
    }
    for (index, id) in ids.iter().enumerate() {
        let Given::Absent = id else { continue };
        if let Some((owner, span)) = default_id(index).as_ref().and_then(|id| given.get(id)) {
            let what = format_args!("is the id that {}/{index} has by default", steps.render());
            report.add_allowing(&steps.index(*owner).key("id"), *span, what, UNIQUE);
        }
    }
}
