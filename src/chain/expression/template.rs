//! JSON whose strings may hold expressions.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::json::Pointer;
use super::compiled::Expression;
use super::context::Context;
use super::item::{Item, json_length};
use super::meter::{Meter, Trouble};

/// A JSON value whose strings may hold expressions.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    source: Value,
    holes: Option<Holes>,
}

/// Where in a value expressions stand.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Holes {
    /// The whole string is one expression: its value takes the place of the string.
    Value(Expression),
    /// A string with expressions in it.
    Text(Vec<Piece>),
    /// In some entries of an array or an object, by their positions, in order.
    Within(Vec<(usize, Holes)>),
}

/// A part of a string.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Piece {
    Plain(String),
    Expression(Expression),
}

/// Why an expression has no value. Quotes no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: the expression {what}")]
pub struct EvaluationError {
    /// The string that it stands in, as a JSON pointer below the template; empty for a condition.
    pub pointer: String,
    /// What is wrong, as a phrase that follows "the expression".
    pub what: String,
}

impl Template {
    /// A value without expressions.
    #[must_use]
    pub fn of(value: Value) -> Self {
        Self { source: value, holes: None }
    }

    pub(in super::super) fn with(source: Value, holes: Option<Holes>) -> Self {
        Self { source, holes }
    }

    /// The value, where nothing in it is an expression.
    #[must_use]
    pub fn literal(&self) -> Option<&Value> {
        if self.holes.is_none() { Some(&self.source) } else { None }
    }

    /// The value as written, expressions and all.
    #[must_use]
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// The ids of the steps whose values its expressions look at, each once.
    #[must_use]
    pub fn references(&self) -> BTreeSet<&str> {
        let mut ids = BTreeSet::new();
        if let Some(holes) = &self.holes {
            holes.note_references(&mut ids);
        }
        ids
    }

    /// The value with every expression evaluated. Takes time and memory in proportion to what it makes, up to a bound.
    ///
    /// # Errors
    /// [`EvaluationError`] for the first expression that has no value, or when all together come to more than
    /// [`MAX_RENDERED`](super::MAX_RENDERED) bytes or 64 levels.
    pub fn render(&self, context: &Context<'_>) -> Result<Value, EvaluationError> {
        let Some(holes) = &self.holes else { return Ok(self.source.clone()) };
        let root = context.to_item();
        Rendering { root: &root, meter: Meter::new() }.value(&self.source, Some(holes), &Pointer::ROOT, 0)
    }
}

impl Holes {
    /// Those of an object: `holes` by the names of its members.
    pub(in super::super) fn of_members(members: &Map<String, Value>, mut holes: BTreeMap<&str, Holes>) -> Self {
        let positions = members.keys().enumerate();
        Self::Within(positions.filter_map(|(at, name)| Some((at, holes.remove(name.as_str())?))).collect())
    }

    fn note_references<'h>(&'h self, ids: &mut BTreeSet<&'h str>) {
        match self {
            Self::Value(expression) => ids.extend(expression.references().iter().map(String::as_str)),
            Self::Text(pieces) => {
                for piece in pieces {
                    if let Piece::Expression(expression) = piece {
                        ids.extend(expression.references().iter().map(String::as_str));
                    }
                }
            }
            Self::Within(entries) => entries.iter().for_each(|(_, holes)| holes.note_references(ids)),
        }
    }
}

struct Rendering<'r, 'e> {
    root: &'r Item<'e>,
    meter: Meter,
}

impl<'e> Rendering<'_, 'e> {
    fn value(
        &mut self,
        source: &'e Value,
        holes: Option<&'e Holes>,
        pointer: &Pointer<'_>,
        depth: usize,
    ) -> Result<Value, EvaluationError> {
        match (holes, source) {
            (Some(Holes::Value(expression)), _) => {
                let value = expression.evaluate(self.root, &mut self.meter);
                value
                    .and_then(|value| value.to_value(depth, &mut self.meter))
                    .map_err(|trouble| failed(trouble, pointer))
            }
            (Some(Holes::Text(pieces)), _) => self.text(pieces).map_err(|trouble| failed(trouble, pointer)),
            (Some(Holes::Within(holes)), Value::Array(items)) => {
                self.room("[]".len() + items.len(), pointer)?;
                let mut holes = holes.iter().peekable();
                let mut rendered = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    let hole = holes.next_if(|(position, _)| *position == at).map(|(_, hole)| hole);
                    rendered.push(self.value(item, hole, &pointer.index(at), depth + 1)?);
                }
                Ok(Value::Array(rendered))
            }
            (Some(Holes::Within(holes)), Value::Object(members)) => {
                self.room("{}".len() + members.len(), pointer)?;
                let mut holes = holes.iter().peekable();
                let mut rendered = Map::new();
                for (at, (name, member)) in members.iter().enumerate() {
                    self.room(json_length(name) + ":".len(), pointer)?;
                    let hole = holes.next_if(|(position, _)| *position == at).map(|(_, hole)| hole);
                    rendered.insert(name.clone(), self.value(member, hole, &pointer.key(name), depth + 1)?);
                }
                Ok(Value::Object(rendered))
            }
            (_, literal) => {
                self.room(compact_length(literal), pointer)?;
                Ok(literal.clone())
            }
        }
    }

    /// A string, with the values of its expressions in it: a string as it is, null as nothing, everything else as compact JSON.
    fn text(&mut self, pieces: &'e [Piece]) -> Result<Value, Trouble> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Plain(plain) => {
                    self.meter.room(json_length(plain))?;
                    text.push_str(plain);
                }
                Piece::Expression(expression) => {
                    let value = expression.evaluate(self.root, &mut self.meter)?;
                    if value.is_null() {
                        continue;
                    }
                    let value = value.to_text(&mut self.meter)?;
                    let value = value.text().unwrap_or_default();
                    self.meter.room(json_length(value))?;
                    self.meter.text(value.len())?;
                    text.push_str(value);
                }
            }
        }
        Ok(Value::String(text))
    }

    fn room(&mut self, bytes: usize, pointer: &Pointer<'_>) -> Result<(), EvaluationError> {
        self.meter.room(bytes).map_err(|trouble| failed(trouble, pointer))
    }
}

fn failed(trouble: Trouble, pointer: &Pointer<'_>) -> EvaluationError {
    EvaluationError { pointer: pointer.render(), what: trouble.to_string() }
}

/// How many bytes the value takes as compact JSON.
fn compact_length(value: &Value) -> usize {
    match value {
        Value::Null => "null".len(),
        Value::Bool(flag) => "false".len() - usize::from(*flag),
        Value::Number(number) => number.to_string().len(),
        Value::String(text) => json_length(text),
        Value::Array(items) => "[]".len() + items.iter().map(|item| compact_length(item) + ",".len()).sum::<usize>(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| json_length(name) + compact_length(value) + ":,".len());
            "{}".len() + members.sum::<usize>()
        }
    }
}
