//! The names that a step's payload must have.

use super::super::expression::Template;
use super::super::json::Report;
use super::fields::Field;

/// As many as a payload can sensibly have.
const MOST: usize = 100;
/// No name is longer, in bytes.
const LONGEST: usize = 128;

/// The names, each looked for in `payload`. A value that is `null` is there, and fails the step when it is reached.
pub(super) fn names(field: &Field<'_, '_>, payload: Option<&Template>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let items = field.items(report)?;
    if items.len() > MOST {
        field.wrong(report, format_args!("has {} names", items.len()), format_args!("at most {MOST} names"));
        return None;
    }
    let mut names: Vec<String> = Vec::new();
    for (index, node) in items.iter().enumerate() {
        let item = Field { pointer: field.pointer.index(index), node };
        let Some(name) = item.text(report) else { continue };
        if !(1..=LONGEST).contains(&name.len()) {
            item.wrong(report, "is not a name", format_args!("a string of 1 to {LONGEST} bytes"));
        } else if names.iter().any(|known| known == name) {
            item.wrong(report, "is in the list twice", "each name once");
        } else {
            if payload.is_some_and(|payload| payload.source().get(name).is_none()) {
                item.wrong(report, "is not in the payload", "a name that the step's payload has");
            }
            names.push(name.to_owned());
        }
    }
    Some(names)
}
