//! `when`: whether a step is carried out.

use super::compiled::Expression;
use super::context::Context;
use super::meter::Meter;
use super::template::EvaluationError;

/// A step's `when`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Expression);

impl Condition {
    /// The condition that `expression` has a value other than `false`, `null`, `""`, `[]` and `{}`.
    #[must_use]
    pub fn new(expression: Expression) -> Self {
        Self(expression)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// The ids of the steps whose values it looks at.
    #[must_use]
    pub fn references(&self) -> &[String] {
        self.0.references()
    }

    /// Whether it is met.
    ///
    /// # Errors
    /// [`EvaluationError`] when it has no value.
    pub fn is_met(&self, context: &Context<'_>) -> Result<bool, EvaluationError> {
        let root = context.to_item();
        let value = self.0.evaluate(&root, &mut Meter::new());
        value
            .map(|value| value.is_true())
            .map_err(|trouble| EvaluationError { pointer: String::new(), what: trouble.to_string() })
    }
}
