//! The condition of a step.

use super::super::expression::{Condition, Scope};
use super::super::json::Report;
use super::fields::Field;

/// The condition, compiled.
pub(super) fn when(field: &Field<'_, '_>, _scope: &Scope<'_>, report: &mut Report<'_>) -> Option<Condition> {
    field.wrong(report, "is not yet supported", "no condition");
    None
}
