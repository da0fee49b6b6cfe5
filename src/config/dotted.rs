//! Names with dots that should have stood in quotes: to TOML, a dot leads into a table.

use ::config::{Value, ValueKind};

use super::problem::Origin;
use super::reader::Section;

/// Refuses the tables in `section` that are none of the `known` keys: what was meant is the next part of its own name. Answers whether
/// there were any.
pub(super) fn refuse(section: &mut Section<'_>, known: &[&str]) -> bool {
    let strange = section.strange_tables(known);
    for (name, value) in &strange {
        let meant = section.path.dotted(&rest(name, value, known)).header();
        let what = format!("unknown key; an id with dots stands in quotes: {meant}");
        section.blame(name, Origin::of(value).unwrap_or(Origin::Default), &what);
    }
    !strange.is_empty()
}

/// The name from here on: it ends where there is more than one way on, or something that is known.
fn rest(name: &str, value: &Value, known: &[&str]) -> String {
    let ValueKind::Table(table) = &value.kind else { return name.to_owned() };
    match Vec::from_iter(table)[..] {
        [(next, below)] if matches!(below.kind, ValueKind::Table(_)) && !known.contains(&next.as_str()) => {
            format!("{name}.{}", rest(next, below, known))
        }
        _ => name.to_owned(),
    }
}
