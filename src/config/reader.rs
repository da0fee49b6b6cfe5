//! Walks the layered values section by section: takes each key out, checks it, writes down what is wrong and goes on.
//! What is left in a section at the end is unknown.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::config::{Value, ValueKind};

use super::inline;
use super::key::{Fallback, Fault, Given, Key, Shape, kind_of};
use super::lists::Tables;
use super::path::Path;
use super::presets::Api;
use super::problem::{Origin, Problem};
use super::shown::Entry;
use super::suggest::nearest;

/// What the walk writes down.
#[derive(Default)]
pub(super) struct Notes {
    pub problems: RefCell<Vec<Problem>>,
    /// Every value that holds, in reading order.
    pub shown: RefCell<Vec<Entry>>,
    /// Every key that was asked for, as the reference writes it.
    pub asked: RefCell<BTreeSet<String>>,
}

impl Notes {
    /// Something is wrong with the value at `key`.
    pub(super) fn blame(&self, key: &Path, origin: Origin, what: &str) {
        let text = if key.is_root() { what.to_owned() } else { format!("{key}: {what}") };
        self.problems.borrow_mut().push(Problem { origin, key: key.to_string(), text });
    }

    /// A problem whose text names the key itself.
    pub(super) fn add(&self, origin: Origin, key: &str, text: String) {
        self.problems.borrow_mut().push(Problem { origin, key: key.to_owned(), text });
    }

    fn not_built(&self, key: &Path, origin: Origin, value: &str, has: &str) {
        let text = format!("not built yet: {key}{value}; {has}");
        self.problems.borrow_mut().push(Problem { origin, key: key.to_string(), text });
    }

    /// The string that holds at `key`, and where it came from; `None` when it was refused.
    pub(super) fn text_at(&self, key: &str) -> Option<(String, Origin)> {
        let shown = self.shown.borrow();
        let entry = shown.iter().find(|entry| entry.path().to_string() == key)?;
        Some((entry.value.as_str()?.to_owned(), entry.origin.clone()))
    }
}

/// One table of the configuration.
pub(super) struct Section<'n> {
    pub notes: &'n Notes,
    pub path: Path,
    /// The path as the reference writes it.
    pattern: String,
    /// Where it was given, as far as that can be said.
    pub origin: Origin,
    /// The API of the tenant that it is about, which decides about defaults.
    pub api: Api,
    /// Whether it was given as something else than a table, so that nothing in it can be missed.
    faulty: bool,
    table: HashMap<String, Value>,
    asked: Vec<&'static str>,
    /// Whether its values stand in `config show` one by one.
    shown: bool,
}

impl<'n> Section<'n> {
    /// The whole configuration.
    pub(super) fn root(notes: &'n Notes, value: Value) -> Self {
        Self::open(notes, Path::root(), String::new(), value, (true, Api::default()))
    }

    fn open(notes: &'n Notes, path: Path, pattern: String, value: Value, (shown, api): (bool, Api)) -> Self {
        let origin = Origin::of(&value).unwrap_or(Origin::Default);
        let mut faulty = false;
        let table = match value.kind {
            ValueKind::Table(table) => table,
            ValueKind::Nil => HashMap::new(),
            _ => {
                notes.blame(&path, origin.clone(), &format!("is {}; must be a table", kind_of(&value)));
                faulty = true;
                HashMap::new()
            }
        };
        Self { notes, path, pattern, origin, api, faulty, table, asked: Vec::new(), shown }
    }

    /// The section `name` below this one; empty when it is not given.
    pub(super) fn section(&mut self, name: &'static str) -> Section<'n> {
        self.asked.push(name);
        let value = self.table.remove(name).unwrap_or_default();
        let pattern = if self.pattern.is_empty() { name.to_owned() } else { format!("{}.{name}", self.pattern) };
        Self::open(self.notes, self.path.key(name), pattern, value, (self.shown, self.api))
    }

    /// The names in the section `name`, which is yet to be read.
    pub(super) fn names_in(&self, name: &str) -> Vec<&str> {
        match self.table.get(name).map(|value| &value.kind) {
            Some(ValueKind::Table(table)) => table.keys().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Makes sure that the section `name` is there, empty if need be.
    pub(super) fn ensure(&mut self, name: &str) {
        self.table.entry(name.to_owned()).or_insert_with(|| Value::new(None, ValueKind::Nil));
    }

    /// The sections that this one holds by names of the operator's choice, sorted; `word` stands for the names in
    /// the reference.
    pub(super) fn named(&mut self, word: &str) -> Vec<(String, Section<'n>)> {
        let named: BTreeMap<_, _> = std::mem::take(&mut self.table).into_iter().collect();
        let open = |(name, value): (String, Value)| {
            let path = self.path.key(&name);
            (name, Self::open(self.notes, path, format!("{}.{word}", self.pattern), value, (self.shown, self.api)))
        };
        named.into_iter().map(open).collect()
    }

    /// The tables of a list, each as a section. `shown`: whether they show themselves one by one.
    pub(super) fn tables(&mut self, key: &Key<Tables>, shown: bool) -> Vec<Section<'n>> {
        let Some((items, _)) = self.take(key) else { return Vec::new() };
        let open = |(at, value)| {
            let path = self.path.key(key.name).index(at);
            let pattern = [self.pattern.as_str(), key.name].into_iter().filter(|part| !part.is_empty());
            let pattern = format!("{}[]", pattern.collect::<Vec<_>>().join("."));
            Self::open(self.notes, path, pattern, value, (shown && self.shown, self.api))
        };
        items.into_iter().enumerate().map(open).collect()
    }

    /// Whether the key is given, and where. An empty string is not given where the key may be left out.
    pub(super) fn given<S>(&self, key: &Key<S>) -> Option<Origin> {
        let value = self.table.get(key.name)?;
        let blank = matches!(&value.kind, ValueKind::String(text) if text.is_empty());
        if blank && matches!(key.fallback.of(self.api), Fallback::Else(_)) {
            return None;
        }
        Some(Origin::of(value).unwrap_or(Origin::Default))
    }

    /// The value that holds for `key`: the given one, else the default. `None` when there is neither, or a problem.
    pub(super) fn get<S: Shape>(&mut self, key: &Key<S>) -> Option<S::Value> {
        let (value, origin) = self.take(key)?;
        self.show(key.name, key.shape.show(&value), origin);
        Some(value)
    }

    /// [`get`](Self::get) for a key with a default. After a problem any value will do, since nobody will see it.
    pub(super) fn value<S: Shape<Value: Default>>(&mut self, key: &Key<S>) -> S::Value {
        self.get(key).unwrap_or_default()
    }

    /// [`get`](Self::get) for a key that must be given.
    pub(super) fn required<S: Shape>(&mut self, key: &Key<S>) -> Option<S::Value> {
        if self.given(key).is_none() {
            self.missing(key);
        }
        self.get(key)
    }

    /// The key must be given, and is not.
    pub(super) fn missing<S: Shape>(&self, key: &Key<S>) {
        if !self.faulty {
            self.blame(key.name, self.origin.clone(), &format!("is missing; must be {}", key.shape.allowed()));
        }
    }

    /// Something is wrong with the section as a whole.
    pub(super) fn blame_all(&self, what: &str) {
        self.notes.blame(&self.path, self.origin.clone(), what);
    }

    /// Writes down for `config show` what holds.
    pub(super) fn show(&self, name: &str, value: toml::Value, origin: Origin) {
        if self.shown {
            let entry = Entry { section: self.path.clone(), key: name.to_owned(), value, origin };
            self.notes.shown.borrow_mut().push(entry);
        }
    }

    /// A key that this release cannot act on: checked, and refused when it is given.
    pub(super) fn later<S: Shape>(&mut self, key: &Key<S>) {
        let origin = self.given(key);
        let checked = self.take(key);
        if let (Some(origin), Some(_)) = (origin, checked) {
            self.not_built(key.name, origin);
        }
    }

    /// A key that has no effect as things are: refused when it is given.
    pub(super) fn idle<S>(&mut self, key: &Key<S>, why: &str) {
        if let Some(origin) = self.given(key) {
            self.blame(key.name, origin, why);
        }
        self.drop_key(key);
    }

    /// Takes the key out unread: something else stands in its place.
    pub(super) fn drop_key<S>(&mut self, key: &Key<S>) {
        self.ask(key.name);
        self.table.remove(key.name);
    }

    /// Refuses the key.
    pub(super) fn not_built(&self, name: &str, origin: Origin) {
        self.notes.not_built(&self.path.key(name), origin, "", "leave it out");
    }

    /// Something is wrong with the value of `name`.
    pub(super) fn blame(&self, name: &str, origin: Origin, what: &str) {
        self.notes.blame(&self.path.key(name), origin, what);
    }

    /// The given value, else the default, and where it came from.
    pub(super) fn take<S: Shape>(&mut self, key: &Key<S>) -> Option<(S::Value, Origin)> {
        self.ask(key.name);
        let origin = self.given(key);
        let value = self.table.remove(key.name);
        let (value, origin) = match (origin, key.fallback.of(self.api)) {
            (Some(origin), _) => (value?, origin),
            (None, Fallback::Value(text)) => (inline::value(text, &Origin::Default).ok()?, Origin::Default),
            (None, Fallback::Else(_) | Fallback::ByApi(_)) => return None,
        };
        let read = self.check(key, &Given { value: &value, origin: &origin })?;
        Some((read, origin))
    }

    /// Reads a value for `key` that came from elsewhere, and blames the key.
    pub(super) fn check<S: Shape>(&self, key: &Key<S>, given: &Given<'_>) -> Option<S::Value> {
        let (path, origin) = (self.path.key(key.name), given.origin.clone());
        let must = format!("must be {}", key.shape.allowed());
        match key.shape.read(given) {
            Ok(read) => return Some(read),
            Err(Fault::Type) if given.text().is_none() => {
                self.notes.blame(&path, origin, &format!("is {}; {must}", kind_of(given.value)));
            }
            Err(Fault::Type | Fault::Bounds(None)) => self.notes.blame(&path, origin, &must),
            Err(Fault::Bounds(Some(value))) => self.notes.blame(&path, origin, &format!("is {value}; {must}")),
            Err(Fault::Says(what)) => self.notes.blame(&path, origin, &what),
            Err(Fault::NotBuilt { value, has }) => {
                self.notes.not_built(&path, origin, &format!(" = {value}"), &format!("this release has {has}"));
            }
        }
        None
    }

    /// Takes out the tables that stand under other names than `known`.
    pub(super) fn strange_tables(&mut self, known: &[&str]) -> BTreeMap<String, Value> {
        let strange = |name: &String, value: &mut Value| {
            !known.contains(&name.as_str()) && matches!(value.kind, ValueKind::Table(_))
        };
        self.table.extract_if(strange).collect()
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn ask(&mut self, name: &'static str) {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
        let pattern = if self.pattern.is_empty() { name.to_owned() } else { format!("{}.{name}", self.pattern) };
        self.notes.asked.borrow_mut().insert(pattern);
    }

    /// Everything that nobody asked for is unknown.
    pub(super) fn finish(self) {
        let left: BTreeMap<_, _> = self.table.iter().collect();
        for (name, value) in left {
            let path = self.path.key(name);
            let hint = match nearest(name, &self.asked) {
                Some(near) => format!("did you mean {}?", self.path.key(near)),
                None if self.asked.is_empty() => "no key is known here".to_owned(),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            let origin = Origin::of(value).unwrap_or(Origin::Default);
            self.notes.blame(&path, origin, &format!("unknown key; {hint}"));
        }
    }
}
