//! `extract`: named values out of a step's output.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::coercion::As;
use super::compiled::Expression;
use super::item::{Item, json_length};
use super::meter::{Meter, Trouble};

/// What a step takes out of its output.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extract(BTreeMap<String, Taken>);

/// One value: where it is, and what it shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// JMESPath over the output.
    pub path: Expression,
    /// The kind that it is made into.
    pub kind: As,
}

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
    /// What `taken` says, by the names that the values get.
    #[must_use]
    pub fn new(taken: BTreeMap<String, Taken>) -> Self {
        Self(taken)
    }

    /// Whether nothing is taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Takes the values out of `output`.
    ///
    /// # Errors
    /// [`ExtractError`] for the first value that cannot be made what it shall be without loss, or when all together come to more than
    /// [`MAX_RENDERED`](super::MAX_RENDERED) bytes.
    pub fn apply(&self, output: &Value) -> Result<Map<String, Value>, ExtractError> {
        let output = Item::from(output);
        let mut meter = Meter::new();
        let mut values = Map::new();
        for (name, taken) in &self.0 {
            let failed = |what: String| ExtractError { name: name.clone(), what };
            let value =
                taken.value(name, &output, &mut meter).map_err(|trouble| failed(format!("the path {trouble}")))?;
            values.insert(name.clone(), taken.kind.of(value).map_err(|wanted| failed(wanted.to_string()))?);
        }
        Ok(values)
    }
}

impl Taken {
    fn value(&self, name: &str, output: &Item<'_>, meter: &mut Meter) -> Result<Value, Trouble> {
        meter.room(json_length(name) + ":,".len())?;
        self.path.evaluate(output, meter)?.to_value(1, meter)
    }
}
