//! The shape of an action's fixed request headers.

use std::collections::BTreeMap;

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
        let table = table(given)?;
        if table.len() > MOST {
            return Err(Fault::Says(format!("has {} headers; must have at most {MOST}", table.len())));
        }
        let (mut headers, mut wrong) = (BTreeMap::new(), Vec::new());
        let sorted: BTreeMap<_, _> = table.into_iter().collect();
        for (name, value) in sorted {
            match header(&name, &value) {
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

    fn show(&self, value: &Self::Value) -> toml::Value {
        value
            .iter()
            .map(|(name, value)| (name.clone(), toml::Value::from(value.as_str())))
            .collect::<toml::Table>()
            .into()
    }
}

fn table(given: &Given<'_>) -> Result<std::collections::HashMap<String, Value>, Fault> {
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

/// The value, or what is wrong with the header.
fn header(name: &str, value: &Value) -> Result<String, String> {
    let shown: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(is_name) {
        return Err(format!("{shown} is no header's name: must be 1 to {LONGEST_NAME} letters, digits and hyphens"));
    }
    if is_reserved(name) {
        return Err(format!("{shown} cannot be set: cxchain says it itself"));
    }
    match &value.kind {
        ValueKind::String(value) if printable(value, LONGEST_VALUE) && value.trim() == value => Ok(value.clone()),
        ValueKind::String(_) => Err(format!(
            "{shown} must have a value of 1 to {LONGEST_VALUE} characters of printable ASCII, without spaces around it"
        )),
        _ => Err(format!("{shown} is {}; must be a string", kind_of(value))),
    }
}

fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED.iter().any(|reserved| match reserved.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *reserved,
    })
}
