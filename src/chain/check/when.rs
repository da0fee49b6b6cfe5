//! The condition of a step.

use super::super::expression::{Condition, Scope};
use super::super::json::Report;
use super::expressions::{self, Place};
use super::fields::Field;

/// The condition, compiled.
pub(super) fn when(field: &Field<'_, '_>, scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Condition> {
    let text = field.text(report)?;
    let place = Place { pointer: &field.pointer, span: field.node.span };
    expressions::condition(text, place, scope, report).map(Condition::new)
}
