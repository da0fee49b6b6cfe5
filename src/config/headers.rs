//! The shapes of an action's fixed request headers: with their values, and with the files that hold them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use ::config::{Value, ValueKind};

use super::inline;
use super::key::{Fault, Given, Shape, kind_of};
use super::shapes::printable;

const MOST: usize = 20;
const LONGEST_NAME: usize = 64;
const LONGEST_VALUE: usize = 1024;

/// What cxchain or its HTTP client says itself: who calls, which call it is, how the message is framed and what may come back.
const RESERVED: [&str; 23] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "idempotency-key",
    "keep-alive",
    "proxy-*",
    "range",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-request-id",
];

/// Header names with their values.
pub(super) struct Headers;

impl Shape for Headers {
    type Value = BTreeMap<String, String>;

    fn kind(&self) -> &'static str {
        "a table of strings,"
    }

    fn bounds(&self) -> String {
        format!(
            "at most {MOST}, each name of 1 to {LONGEST_NAME} letters, digits and hyphens, each value of 1 to {LONGEST_VALUE} \
             characters of printable ASCII; not one of {}",
            RESERVED.join(", ")
        )
    }

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Fault> {
        read(given, |name, value| match &value.kind {
            ValueKind::String(value) if is_value(value) => Ok(value.clone()),
            ValueKind::String(_) => Err(format!("{name} must have a value of {VALUE}")),
            _ => Err(format!("{name} is {}; must be a string", kind_of(value))),
        })
    }

    fn show(&self, value: &Self::Value) -> toml::Value {
        shown(value.iter().map(|(name, value)| (name, value.clone())))
    }
}

/// Header names with the files that hold their values.
pub(super) struct HeaderFiles;

impl Shape for HeaderFiles {
    type Value = BTreeMap<String, PathBuf>;

    fn kind(&self) -> &'static str {
        "a table of file paths,"
    }

    fn bounds(&self) -> String {
        "absolute or from the working directory; names and values as in `headers`, no name that `headers` has".into()
    }

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Fault> {
        read(given, |name, value| match &value.kind {
            ValueKind::String(path) if !path.is_empty() => Ok(PathBuf::from(path)),
            _ => Err(format!("{name} must be a file path")),
        })
    }

    fn show(&self, value: &Self::Value) -> toml::Value {
        shown(value.iter().map(|(name, path)| (name, path.display().to_string())))
    }
}

/// What a header's value must be.
pub(super) const VALUE: &str = "1 to 1024 characters of printable ASCII, without spaces around it";

/// Whether a header may have this value.
pub(super) fn is_value(text: &str) -> bool {
    printable(text, LONGEST_VALUE) && text.trim() == text
}

/// The headers by name, what each has being read by `item`; its name, fit to be shown, comes with it.
fn read<T>(given: &Given<'_>, item: impl Fn(&str, &Value) -> Result<T, String>) -> Result<BTreeMap<String, T>, Fault> {
    let table = table(given)?;
    if table.len() > MOST {
        return Err(Fault::Says(format!("has {} headers; must have at most {MOST}", table.len())));
    }
    let (mut headers, mut wrong) = (BTreeMap::new(), Vec::new());
    let sorted: BTreeMap<_, _> = table.into_iter().collect();
    for (name, value) in sorted {
        match check_name(&name).and_then(|shown| item(&shown, &value)) {
            Ok(_) if headers.keys().any(|known: &String| known.eq_ignore_ascii_case(&name)) => {
                wrong.push(format!("{name} is there twice"));
            }
            Ok(value) => {
                headers.insert(name, value);
            }
            Err(what) => wrong.push(what),
        }
    }
    if wrong.is_empty() { Ok(headers) } else { Err(Fault::Says(wrong.join("; "))) }
}

fn shown<'n>(headers: impl Iterator<Item = (&'n String, String)>) -> toml::Value {
    headers.map(|(name, text)| (name.clone(), toml::Value::from(text))).collect::<toml::Table>().into()
}

fn table(given: &Given<'_>) -> Result<HashMap<String, Value>, Fault> {
    match &given.value.kind {
        ValueKind::Table(table) => Ok(table.clone()),
        _ => {
            let text = given.env_text().ok_or(Fault::Type)?;
            match inline::value(text.trim(), given.origin).map(|value| value.kind) {
                Ok(ValueKind::Table(table)) => Ok(table),
                Ok(_) | Err(_) => Err(Fault::Type),
            }
        }
    }
}

/// The name as it can be shown, or what is wrong with it.
fn check_name(name: &str) -> Result<String, String> {
    let shown: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(is_name) {
        return Err(format!("{shown} is no header's name: must be 1 to {LONGEST_NAME} letters, digits and hyphens"));
    }
    if is_reserved(name) {
        return Err(format!("{shown} cannot be set: cxchain says it itself"));
    }
    Ok(shown)
}

fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED.iter().any(|reserved| match reserved.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *reserved,
    })
}
