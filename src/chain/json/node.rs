//! What the reader makes of the text: a tree that remembers where it stood.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// Bytes of the text, from `start` up to `end`, which is no longer part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a value is. At most [`MAX_DEPTH`](super::MAX_DEPTH) of arrays and objects lie in one another.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An i64, a u64, or a finite f64; whatever was written without fraction and exponent is an integer (but `-0`).
    Number(Number),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Node<'a>>),
    /// An object, in the order of the text. No key is in it twice: of equal ones, the first is kept.
    Object(Vec<Member<'a>>),
    /// A value with a fault that has been reported already.
    Unreadable,
}

/// One entry of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member<'a> {
    /// The key, unescaped.
    pub key: Cow<'a, str>,
    /// Where the key stands, quotes included.
    pub key_span: Span,
    /// The value.
    pub node: Node<'a>,
}

impl Node<'_> {
    /// The same value without places. What was unreadable becomes null: ask the report first.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null | Kind::Unreadable => Value::Null,
            Kind::Bool(flag) => Value::Bool(*flag),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone().into_owned()),
            Kind::Array(items) => Value::Array(items.iter().map(Node::to_value).collect()),
            Kind::Object(members) => Value::Object(to_map(members)),
        }
    }
}

/// The members of an object without places.
fn to_map(members: &[Member<'_>]) -> Map<String, Value> {
    members.iter().map(|member| (member.key.clone().into_owned(), member.node.to_value())).collect()
}

impl Kind<'_> {
    /// The kind in words, with its article.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Number(number) if number.is_f64() => "a number with a fraction or an exponent",
            Kind::Number(_) => "an integer",
            Kind::String(_) => "a string",
            Kind::Array(_) => "an array",
            Kind::Object(_) => "an object",
            Kind::Unreadable => "unreadable",
        }
    }
}
