//! The shapes of lists.

use std::collections::BTreeMap;
use std::fmt;

use ::config::{Value, ValueKind};

use super::key::{Fault, Given, Shape, kind_of};
use super::problem::Origin;

/// A list of strings, each with the same rule, none twice.
pub(super) struct Strings {
    pub most: usize,
    /// The rule for one of them in words.
    pub rule: &'static str,
    pub valid: fn(&str) -> bool,
    /// Whether one string with spaces between does as well.
    pub spaced: bool,
}

impl Shape for Strings {
    type Value = Vec<String>;

    fn kind(&self) -> &'static str {
        if self.spaced { "a list of strings or one space-separated string," } else { "a list of strings," }
    }

    fn bounds(&self) -> String {
        format!("at most {}, none twice, each {}", self.most, self.rule)
    }

    fn read(&self, given: &Given<'_>) -> Result<Vec<String>, Fault> {
        let texts = match given.text() {
            Some(text) if self.spaced && !(given.env_text().is_some() && text.trim_start().starts_with('[')) => {
                text.split_whitespace().map(str::to_owned).collect()
            }
            _ => each(&given.list()?, |item| match &item.kind {
                ValueKind::String(text) if (self.valid)(text) => Ok(text.clone()),
                ValueKind::String(_) => Err(format!("must be {}", self.rule)),
                _ => Err(format!("is {}; must be a string", kind_of(item))),
            })?,
        };
        if texts.len() > self.most {
            return Err(Fault::Says(format!("has {} entries; must have at most {}", texts.len(), self.most)));
        }
        if !texts.iter().all(|text| (self.valid)(text)) {
            return Err(Fault::Bounds(None));
        }
        distinct(&texts)?;
        Ok(texts)
    }

    fn show(&self, value: &Vec<String>) -> toml::Value {
        value.iter().map(String::as_str).collect::<Vec<_>>().into()
    }
}

/// Reads every entry, and says of each that is wrong what is.
fn each<T>(items: &[Value], read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, Fault> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (at, item) in items.iter().enumerate() {
        match read(item) {
            Ok(value) => good.push(value),
            Err(what) => bad.push(format!("entry {at} {what}")),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(Fault::Says(bad.join("; "))) }
}

/// No entry is there twice; what is, is quoted, with its places.
fn distinct<T: Ord + fmt::Debug>(entries: &[T]) -> Result<(), Fault> {
    let mut first = BTreeMap::new();
    let mut twice = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match first.get(entry) {
            Some(before) => twice.push(format!("entry {at} is {entry:?}, as entry {before} is")),
            None => drop(first.insert(entry, at)),
        }
    }
    if twice.is_empty() { Ok(()) } else { Err(Fault::Says(twice.join("; "))) }
}

/// A list of HTTP statuses that may be tried again.
pub(super) struct Statuses;

impl Shape for Statuses {
    type Value = Vec<u16>;

    fn kind(&self) -> &'static str {
        "a list of HTTP statuses"
    }

    fn bounds(&self) -> String {
        "from 400 to 599, none twice, without 401 (which has a rule of its own)".into()
    }

    fn read(&self, given: &Given<'_>) -> Result<Vec<u16>, Fault> {
        let statuses = each(&given.list()?, |item| {
            let number = Given { value: item, origin: &Origin::Default }.integer();
            match number.map(u16::try_from) {
                Some(Ok(status @ (400 | 402..=599))) => Ok(status),
                Some(_) => Err("must be from 400 to 599 and not 401".to_owned()),
                None => Err(format!("is {}; must be an integer from 400 to 599", kind_of(item))),
            }
        })?;
        distinct(&statuses)?;
        Ok(statuses)
    }

    fn show(&self, value: &Vec<u16>) -> toml::Value {
        value.iter().map(|status| i64::from(*status)).collect::<Vec<_>>().into()
    }
}

/// A list of tables; each is read as a section of its own, which also sees whether it is a table.
pub(super) struct Tables {
    pub min: usize,
    pub max: usize,
    /// The keys of a table, for the reference.
    pub of: &'static str,
}

impl Shape for Tables {
    type Value = Vec<Value>;

    fn kind(&self) -> &'static str {
        "a list of tables"
    }

    fn bounds(&self) -> String {
        format!("{}, {} to {} of them", self.of, self.min, self.max)
    }

    fn read(&self, given: &Given<'_>) -> Result<Vec<Value>, Fault> {
        let items = given.list()?;
        if (self.min..=self.max).contains(&items.len()) {
            Ok(items)
        } else {
            Err(Fault::Bounds(Some(format!("a list of {}", items.len()))))
        }
    }

    /// The sections show themselves.
    fn show(&self, _: &Vec<Value>) -> toml::Value {
        toml::Value::Array(Vec::new())
    }
}
