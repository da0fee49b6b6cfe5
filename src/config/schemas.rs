//! Schema files: JSON Schemas that the configuration names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::places::absolute;
use crate::chain::action::PayloadSchema;

/// More than any schema that people write.
const MOST_BYTES: u64 = 1024 * 1024;

/// The schema in the file at `path`.
///
/// # Errors
/// What is wrong with it, the path and the place in it included.
pub(super) fn read(path: &Path) -> Result<PayloadSchema, String> {
    let path = absolute(path);
    let file = path.display();
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|open| open.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("{file} cannot be read: {error}"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(format!("{file} has more than {MOST_BYTES} bytes"));
    }
    if let Some(mark) = mark(&bytes) {
        return Err(format!(
            "{file} begins with a byte order mark ({mark}), which JSON does not have: save it as UTF-8 without one"
        ));
    }
    let schema = serde_json::from_slice(&bytes).map_err(|error| format!("{file} is no JSON: {error}"))?;
    PayloadSchema::compile(schema).map_err(|what| format!("{file} {what}"))
}

/// The encoding whose byte order mark the file begins with. Editors put it there, and it is not to be seen.
fn mark(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => Some("UTF-8"),
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => Some("UTF-16"),
        _ => None,
    }
}
