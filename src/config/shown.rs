//! What holds, and where it came from, for `config show`. Secrets were masked before they came here.

use std::fmt::Write;

use serde_json::{Map, Value};

use super::path::{Part, Path};
use super::problem::Origin;

/// One value that holds.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub section: Path,
    pub key: String,
    pub value: toml::Value,
    pub origin: Origin,
}

impl Entry {
    pub(super) fn path(&self) -> Path {
        self.section.key(&self.key)
    }
}

/// The values as TOML, each with its origin.
pub(super) fn toml(entries: &[Entry]) -> String {
    let mut text = String::new();
    let mut open = None;
    for entry in entries {
        if open != Some(&entry.section) {
            let gap = if open.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", entry.section.header());
            open = Some(&entry.section);
        }
        let _ = writeln!(text, "{} = {}  # {}", entry.key, entry.value, entry.origin);
    }
    text
}

/// The values as JSON.
pub(super) fn json(entries: &[Entry]) -> Value {
    let mut root = Value::Object(Map::new());
    for entry in entries {
        let value = serde_json::to_value(&entry.value).unwrap_or_default();
        *place(&mut root, entry.path().parts()) = value;
    }
    root
}

fn place<'v>(mut at: &'v mut Value, parts: &[Part]) -> &'v mut Value {
    for part in parts {
        at = match part {
            Part::Key(name) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                at.as_object_mut().expect("an object by now").entry(name.clone()).or_insert(Value::Null)
            }
            Part::Index(index) => {
                if !at.is_array() {
                    *at = Value::Array(Vec::new());
                }
                let list = at.as_array_mut().expect("an array by now");
                if list.len() <= *index {
                    list.resize(index + 1, Value::Null);
                }
                &mut list[*index]
            }
        };
    }
    at
}
