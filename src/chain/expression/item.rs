//! The values that an evaluation works with. What the steps left is borrowed, never copied: only what an expression makes itself is new.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Number, Value};

use super::super::json::MAX_DEPTH;
use super::meter::{Meter, Trouble};
use super::number;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Item<'e> {
    Null,
    Bool(bool),
    Number(Number),
    /// A string as it stands in the context or the expression.
    Text(&'e str),
    /// A string that was made.
    Made(Rc<str>),
    /// An array as it stands.
    Array(&'e [Value]),
    /// An array that was made.
    List(Rc<Vec<Item<'e>>>),
    /// An object as it stands.
    Object(&'e Map<String, Value>),
    /// An object that was made.
    Fields(Rc<BTreeMap<&'e str, Item<'e>>>),
}

impl<'e> From<&'e Value> for Item<'e> {
    fn from(value: &'e Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::Array(items),
            Value::Object(members) => Self::Object(members),
        }
    }
}

impl<'e> Item<'e> {
    pub(super) fn list(items: Vec<Item<'e>>) -> Self {
        Self::List(Rc::new(items))
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// False are `false`, `null`, and empty strings, arrays and objects.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(flag) => *flag,
            Self::Number(_) => true,
            Self::Text(text) => !text.is_empty(),
            Self::Made(text) => !text.is_empty(),
            Self::Array(_) | Self::List(_) | Self::Object(_) | Self::Fields(_) => self.len() > 0,
        }
    }

    /// The kind in words, with its article.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) | Self::Made(_) => "a string",
            Self::Array(_) | Self::List(_) => "an array",
            Self::Object(_) | Self::Fields(_) => "an object",
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Made(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self, Self::Array(_) | Self::List(_))
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_) | Self::Fields(_))
    }

    /// How many entries it has; of others than arrays and objects 0.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Array(items) => items.len(),
            Self::List(items) => items.len(),
            Self::Object(members) => members.len(),
            Self::Fields(members) => members.len(),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Made(_) => 0,
        }
    }

    /// The entry of an array, else null.
    pub(super) fn at(&self, index: usize) -> Self {
        match self {
            Self::Array(items) => items.get(index).map_or(Self::Null, Self::from),
            Self::List(items) => items.get(index).cloned().unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    /// The entries of an array; of others none.
    pub(super) fn entries(&self) -> impl Iterator<Item = Self> + Clone + use<'e, '_> {
        (0..if self.is_array() { self.len() } else { 0 }).map(|index| self.at(index))
    }

    /// The member of an object, else null.
    pub(super) fn field(&self, name: &str) -> Self {
        match self {
            Self::Object(members) => members.get(name).map_or(Self::Null, Self::from),
            Self::Fields(members) => members.get(name).cloned().unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    /// The members of an object, in the order of their names; of others none.
    pub(super) fn members(&self) -> Box<dyn Iterator<Item = (&'e str, Self)> + '_> {
        match self {
            Self::Object(members) => Box::new(members.iter().map(|(name, value)| (name.as_str(), Self::from(value)))),
            Self::Fields(members) => Box::new(members.iter().map(|(name, value)| (*name, value.clone()))),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// Whether both are the same value. Numbers are compared by what they are worth: `1` is `1.0`.
    pub(super) fn equals(&self, other: &Self, meter: &mut Meter) -> Result<bool, Trouble> {
        meter.work(1)?;
        if let (Some(a), Some(b)) = (self.text(), other.text()) {
            let same_length = a.len() == b.len();
            meter.text(if same_length { a.len() } else { 0 })?;
            return Ok(same_length && a == b);
        }
        if self.is_array() && other.is_array() {
            if self.len() != other.len() {
                return Ok(false);
            }
            for (a, b) in self.entries().zip(other.entries()) {
                if !a.equals(&b, meter)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if self.is_object() && other.is_object() {
            if self.len() != other.len() {
                return Ok(false);
            }
            for ((a_name, a), (b_name, b)) in self.members().zip(other.members()) {
                meter.text(a_name.len().min(b_name.len()))?;
                if a_name != b_name || !a.equals(&b, meter)? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Number(a), Self::Number(b)) => number::compare(a, b) == Ordering::Equal,
            _ => false,
        })
    }

    /// The order of two numbers, or of two strings by their code points.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => Some(number::compare(a, b)),
            _ => Some(self.text()?.cmp(other.text()?)),
        }
    }

    /// The value as JSON, inside of `depth` arrays and objects: for what is sent, journaled and published. It takes room.
    pub(super) fn to_value(&self, depth: usize, meter: &mut Meter) -> Result<Value, Trouble> {
        let value = match self {
            Self::Null => {
                meter.room("null".len())?;
                Value::Null
            }
            Self::Bool(flag) => {
                meter.room(if *flag { "true".len() } else { "false".len() })?;
                Value::Bool(*flag)
            }
            Self::Number(number) => {
                meter.room(number.to_string().len())?;
                Value::Number(number.clone())
            }
            Self::Text(_) | Self::Made(_) => {
                let text = self.text().unwrap_or_default();
                meter.text(text.len())?;
                meter.room(json_length(text))?;
                Value::String(text.to_owned())
            }
            Self::Array(_) | Self::List(_) => {
                let mut items = Vec::new();
                meter.room("[]".len() + self.len().saturating_sub(1))?;
                for entry in self.entries() {
                    items.push(entry.to_value(deeper(depth)?, meter)?);
                }
                Value::Array(items)
            }
            Self::Object(_) | Self::Fields(_) => {
                let mut members = Map::new();
                meter.room("{}".len() + self.len().saturating_sub(1))?;
                // The map takes half a kibibyte at least.
                meter.work(16)?;
                for (name, entry) in self.members() {
                    meter.work(2)?;
                    meter.room(json_length(name) + ":".len())?;
                    members.insert(name.to_owned(), entry.to_value(deeper(depth)?, meter)?);
                }
                Value::Object(members)
            }
        };
        meter.work(1)?;
        Ok(value)
    }

    /// The value as text: a string as it is, everything else as compact JSON.
    pub(super) fn to_text(&self, meter: &mut Meter) -> Result<Item<'e>, Trouble> {
        if self.text().is_some() {
            return Ok(self.clone());
        }
        let mut json = String::new();
        self.write(&mut json, 0, meter)?;
        Ok(Self::Made(json.into()))
    }

    fn write(&self, json: &mut String, depth: usize, meter: &mut Meter) -> Result<(), Trouble> {
        meter.work(1)?;
        match self {
            Self::Null => json.push_str("null"),
            Self::Bool(flag) => json.push_str(if *flag { "true" } else { "false" }),
            Self::Number(number) => json.push_str(&number.to_string()),
            Self::Text(_) | Self::Made(_) => quote(self.text().unwrap_or_default(), json, meter)?,
            Self::Array(_) | Self::List(_) => {
                json.push('[');
                for (index, entry) in self.entries().enumerate() {
                    json.push_str(if index == 0 { "" } else { "," });
                    entry.write(json, deeper(depth)?, meter)?;
                }
                json.push(']');
            }
            Self::Object(_) | Self::Fields(_) => {
                json.push('{');
                for (index, (name, entry)) in self.members().enumerate() {
                    json.push_str(if index == 0 { "" } else { "," });
                    quote(name, json, meter)?;
                    json.push(':');
                    entry.write(json, deeper(depth)?, meter)?;
                }
                json.push('}');
            }
        }
        Ok(())
    }
}

/// One level further in, as long as what is made can still be read back.
fn deeper(depth: usize) -> Result<usize, Trouble> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(Trouble::TooDeep) }
}

fn quote(text: &str, json: &mut String, meter: &mut Meter) -> Result<(), Trouble> {
    meter.text(json_length(text))?;
    // A string can always be written as JSON.
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
    Ok(())
}

/// How many bytes the string takes as JSON, quotes included.
pub(super) fn json_length(text: &str) -> usize {
    let escapes: usize = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
            0..0x20 => 5,
            _ => 0,
        })
        .sum();
    text.len() + escapes + "\"\"".len()
}
