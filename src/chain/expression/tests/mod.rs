//! What expressions mean, what is said of those that mean nothing, and what hostile ones may cost.

mod hostile;
mod suite;

use serde_json::Value;

use super::compiled::Expression;
use super::item::Item;
use super::meter::{Meter, Trouble};

/// The value of a path over `data`.
fn value_of(path: &str, data: &Value) -> Result<Value, Trouble> {
    let expression = Expression::compile_path(path).unwrap_or_else(|faults| panic!("{path}: {faults:?}"));
    let mut meter = Meter::new();
    expression.evaluate(&Item::from(data), &mut meter)?.to_value(0, &mut meter)
}
