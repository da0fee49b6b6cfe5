//! What one configuration key is: its name, its shape, its default and its meaning. The reader, the reference and the
//! sample file all go by these, so that none can say what another does not.

use ::config::{Value, ValueKind};

use super::inline;
use super::presets::{Api, ByApi};
use super::problem::Origin;

/// One key of a section.
pub(super) struct Key<S> {
    pub name: &'static str,
    pub shape: S,
    pub fallback: Fallback,
    /// One or two sentences for the reference.
    pub about: &'static str,
    /// Whether this release can act on it. One that it cannot is checked all the same, and then refused.
    pub built: bool,
}

impl<S> Key<S> {
    /// A key that is built.
    pub(super) const fn new(name: &'static str, shape: S, fallback: Fallback, about: &'static str) -> Self {
        Self { name, shape, fallback, about, built: true }
    }

    /// A key that is not built yet.
    pub(super) const fn later(name: &'static str, shape: S, fallback: Fallback, about: &'static str) -> Self {
        Self { name, shape, fallback, about, built: false }
    }
}

/// What holds when a key is not given.
#[derive(Clone, Copy)]
pub(super) enum Fallback {
    /// This TOML value.
    Value(&'static str),
    /// No value; in words, what then. An empty string counts as not given.
    Else(&'static str),
    /// One of the two, by the tenant's `api`.
    ByApi(&'static ByApi),
}

impl Fallback {
    /// What holds for a tenant with this API.
    pub(super) fn of(self, api: Api) -> Self {
        match self {
            Self::ByApi(by) => by.of(api),
            Self::Value(_) | Self::Else(_) => self,
        }
    }
}

/// What a value may look like.
pub(super) trait Shape {
    type Value;

    /// The type with its article: `an integer`.
    fn kind(&self) -> &'static str;

    /// The bounds, to be read after the type: `from 1 to 25`. May be empty.
    fn bounds(&self) -> String;

    /// Reads a given value.
    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Fault>;

    /// The value as `config show` prints it; masked where it is secret.
    fn show(&self, value: &Self::Value) -> toml::Value;

    /// Type and bounds, to be read after "must be".
    fn allowed(&self) -> String {
        format!("{} {}", self.kind(), self.bounds()).trim_end().to_owned()
    }
}

/// What is wrong with a value.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is of another type, or a text that does not read as the wanted type.
    Type,
    /// It is out of bounds; the value, where it may be shown.
    Bounds(Option<String>),
    /// Something that needs words of its own.
    Says(String),
    /// It will be allowed one day: the value, and what there is now.
    NotBuilt { value: String, has: String },
}

/// A value as its layer gave it. What came from the environment is text, and is read as what the key wants.
pub(super) struct Given<'a> {
    pub value: &'a Value,
    pub origin: &'a Origin,
}

impl Given<'_> {
    /// The text of a string.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value.kind {
            ValueKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text, if it came from the environment.
    pub(super) fn env_text(&self) -> Option<&str> {
        self.text().filter(|_| matches!(self.origin, Origin::Env(_)))
    }

    /// An integer; from the environment also one in decimal digits.
    pub(super) fn integer(&self) -> Option<i128> {
        match self.value.kind {
            ValueKind::I64(n) => Some(n.into()),
            ValueKind::U64(n) => Some(n.into()),
            ValueKind::I128(n) => Some(n),
            ValueKind::U128(n) => Some(i128::try_from(n).unwrap_or(i128::MAX)),
            _ => self.env_text()?.trim().parse().ok(),
        }
    }

    /// A list; from the environment also one as inline TOML.
    pub(super) fn list(&self) -> Result<Vec<Value>, Fault> {
        if let ValueKind::Array(items) = &self.value.kind {
            return Ok(items.clone());
        }
        let text = self.env_text().ok_or(Fault::Type)?;
        match inline::value(text.trim(), self.origin).map(|value| value.kind) {
            Ok(ValueKind::Array(items)) => Ok(items),
            Ok(_) => Err(Fault::Type),
            Err(error) => Err(Fault::Says(format!("must be a list as inline TOML: {}", error.message))),
        }
    }
}

/// The wrong type in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value.kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "an integer",
        ValueKind::Float(_) => "a number with a fraction",
        ValueKind::String(_) => "a string",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}

/// A key as the reference shows it.
pub(super) struct Row {
    pub name: &'static str,
    pub kind: &'static str,
    pub bounds: String,
    pub fallback: Fallback,
    pub about: &'static str,
    pub built: bool,
}

/// Any key, whatever its shape.
pub(super) trait Documented {
    fn row(&self) -> Row;
}

impl<S: Shape> Documented for Key<S> {
    fn row(&self) -> Row {
        Row {
            name: self.name,
            kind: self.shape.kind(),
            bounds: self.shape.bounds(),
            fallback: self.fallback,
            about: self.about,
            built: self.built,
        }
    }
}

/// One section of the reference.
pub(super) struct Part {
    /// Its path: `tenants.NAME.auth`, `queues[]`.
    pub pattern: &'static str,
    pub about: &'static str,
    pub keys: &'static [&'static dyn Documented],
}
