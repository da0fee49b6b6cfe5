//! What a step takes out of its output.

use super::super::expression::Extract;
use super::super::json::{Kind, Report};
use super::fields::Field;

/// The names and paths, compiled.
pub(super) fn extract(field: &Field<'_, '_>, report: &mut Report<'_>) -> Option<Extract> {
    field.wrong(report, "is not yet supported", "no extract");
    None
}

/// The names alone, as far as they can be told: what later steps may refer to. Reports nothing.
pub(super) fn names(field: &Field<'_, '_>) -> Vec<String> {
    match &field.node.kind {
        Kind::Object(members) => members.iter().map(|member| member.key.clone().into_owned()).collect(),
        _ => Vec::new(),
    }
}
