//! `extract`: named values out of a step's output.

use serde_json::{Map, Value};

/// What a step takes out of its output.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extract(());

/// Why a value could not be had. Quotes no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("extract {name}: {what}")]
pub struct ExtractError {
    /// The name that it would have got.
    pub name: String,
    /// What is wrong.
    pub what: String,
}

impl Extract {
    /// Whether nothing is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }

    /// Takes the values out of `output`.
    ///
    /// # Errors
    /// [`ExtractError`] for a value that cannot be made what it shall be.
    pub fn apply(&self, _output: &Value) -> Result<Map<String, Value>, ExtractError> {
        Ok(Map::new())
    }
}
