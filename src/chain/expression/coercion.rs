//! What an extracted value is made into, without losing anything of it.

use serde_json::{Number, Value};

use super::number;

/// `as`: the kind that an extracted value shall have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum As {
    /// A string that is the text of an integer, a decimal or a boolean becomes that; everything else stays as it is.
    #[default]
    Auto,
    /// A string.
    String,
    /// A 64-bit integer.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// The value cannot be made what it shall be without loss. Quotes no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// Something would be lost, or there is nothing that could be made this.
    #[error("{found} cannot be made {wanted} without loss")]
    Kind {
        /// What it is, with its article.
        found: &'static str,
        /// What it shall be, with its article.
        wanted: &'static str,
    },
    /// A number that no integer of 64 bits holds: whether it was written as one, whose digits are gone, nobody can tell any more.
    #[error("a number beyond 64 bits may have lost digits; only a string keeps them")]
    Digits,
}

impl As {
    /// The kinds by their names in a definition.
    pub const NAMES: [(&'static str, As); 5] = [
        ("auto", As::Auto),
        ("string", As::String),
        ("integer", As::Integer),
        ("number", As::Number),
        ("boolean", As::Boolean),
    ];

    /// `value` as this kind.
    ///
    /// # Errors
    /// [`Loss`] where something would be lost, or there is nothing that could be made this.
    pub fn of(self, value: Value) -> Result<Value, Loss> {
        let found = noun(&value);
        let loss = |wanted| Loss::Kind { found, wanted };
        if value.as_number().is_some_and(number::is_beyond_64_bits) {
            return Err(Loss::Digits);
        }
        match self {
            Self::Auto => Ok(match value {
                Value::String(text) => automatic(text),
                other => other,
            }),
            Self::String => match value {
                Value::String(text) => Ok(Value::String(text)),
                Value::Number(number) => Ok(Value::String(number.to_string())),
                Value::Bool(flag) => Ok(Value::String(flag.to_string())),
                Value::Null | Value::Array(_) | Value::Object(_) => Err(loss("a string")),
            },
            Self::Integer => match &value {
                Value::Number(number) => integer_of(number),
                Value::String(text) => integer(text),
                _ => None,
            }
            .map(Value::Number)
            .ok_or_else(|| loss("an integer")),
            Self::Number => match value {
                Value::Number(number) => Some(number),
                Value::String(text) => integer(&text).or_else(|| decimal(&text)),
                _ => None,
            }
            .map(Value::Number)
            .ok_or_else(|| loss("a number")),
            Self::Boolean => match value {
                Value::Bool(flag) => Some(flag),
                Value::String(text) => boolean(&text),
                _ => None,
            }
            .map(Value::Bool)
            .ok_or_else(|| loss("a boolean")),
        }
    }
}

fn automatic(text: String) -> Value {
    if let Some(flag) = boolean(&text) {
        return Value::Bool(flag);
    }
    // "1.0" is a version or a price as often as a number.
    let fraction = || decimal(&text).filter(|_| !text.ends_with(".0"));
    integer(&text).or_else(fraction).map_or(Value::String(text), Value::Number)
}

/// The 64-bit integer whose text this is.
fn integer(text: &str) -> Option<Number> {
    let number = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from)).ok()?;
    (number.to_string() == text).then_some(number)
}

/// The decimal fraction whose text this is.
fn decimal(text: &str) -> Option<Number> {
    // The names of infinities, exponents and what has no digits before the point are not written back as they came.
    let number = Number::from_f64(text.parse().ok()?)?;
    (text.contains('.') && !text.contains('e') && number.to_string() == text).then_some(number)
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A number that is whole, as an integer: `3.0` is 3. Of a float beyond 2^53 nobody knows which one it was written as.
fn integer_of(number: &Number) -> Option<Number> {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(float) => number::exact(float),
        None => Some(number.clone()),
    }
}

fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "this number",
        Value::Number(_) => "an integer",
        Value::String(_) => "this string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
