//! What an extracted value is made into, without losing anything of it.

use serde_json::{Number, Value};

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
#[error("{found} cannot be made {wanted} without loss")]
pub struct Loss {
    found: &'static str,
    wanted: &'static str,
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
        let loss = |wanted| Loss { found, wanted };
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

/// A number that is whole, as an integer: `3.0` is 3.
fn integer_of(number: &Number) -> Option<Number> {
    if !number.is_f64() {
        return Some(number.clone());
    }
    integer(number.to_string().strip_suffix(".0")?)
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
