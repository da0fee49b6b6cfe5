//! The path of an operation, with places that the payload fills: `/contacts/{contactId}/signal`.
//!
//! Invariant: what comes out lies below the place where the path is put, whatever the payload holds. No value is empty or a
//! dot segment, in whatever spelling, and all but letters, digits and `-._~` are percent-encoded.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

/// What stays as it is: RFC 3986 section 2.3.
const ENCODED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// As long as a template may be, in bytes.
const LONGEST: usize = 1024;
/// As long as a value may be, in bytes and before it is encoded.
const LONGEST_VALUE: usize = 512;
const LONGEST_NAME: usize = 128;

/// A checked path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathTemplate {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Parameter(String),
}

/// `text` as it can stand in a path segment, or in a name or value of a query.
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &ENCODED).to_string()
}

impl PathTemplate {
    /// The rule in words, to be read after "a path template".
    pub const ALLOWED: &'static str = "of 1 to 1024 bytes: a slash first, then segments of A-Z a-z 0-9 and -._~!$&'()*+,;=:@ with \
                                       places such as {contactId}; no segment is empty, . or ..";

    /// Reads a template.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase that follows its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !(1..=LONGEST).contains(&text.len()) || !text.starts_with('/') {
            return Err(format!("must be a path {}", Self::ALLOWED));
        }
        let segments = text[1..].split('/');
        let last = segments.clone().count() - 1;
        for (index, segment) in segments.enumerate() {
            if matches!(segment, "." | "..") || (segment.is_empty() && index < last) {
                return Err("has a segment that is empty, . or ..".into());
            }
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (before, name, after) = match rest.split_once('{') {
                None => (rest, None, ""),
                Some((before, after)) => {
                    let (name, after) = after.split_once('}').ok_or("has a { without its }")?;
                    (before, Some(name), after)
                }
            };
            if let Some(c) = before.chars().find(|&c| !is_literal(c)) {
                return Err(format!("has {c:?} in it, which cannot stand there"));
            }
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            if let Some(name) = name {
                if !is_name(name) {
                    return Err("has a place whose name is not 1 to 128 of A-Z a-z 0-9 _ . -".into());
                }
                pieces.push(Piece::Parameter(name.to_owned()));
            }
            rest = after;
        }
        Ok(Self { pieces })
    }

    /// The names of what it takes from the payload.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The path with every place filled.
    ///
    /// # Errors
    /// What is wrong with the payload. Quotes no value.
    pub fn fill(&self, payload: &Map<String, Value>) -> Result<String, String> {
        let mut path = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Parameter(name) => {
                    let value = payload.get(name).unwrap_or(&Value::Null);
                    let text =
                        Self::segment(value).map_err(|what| format!("{name} {what}: {name} goes into the path"))?;
                    path.push_str(&encoded(&text));
                }
            }
        }
        // Two places side by side could still make a dot segment of halves.
        if path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err("the values that go into the path make a segment of dots alone".into());
        }
        Ok(path)
    }

    /// A value as a part of a path, not yet encoded.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase that follows its name. Quotes no value.
    pub fn segment(value: &Value) -> Result<String, &'static str> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null => return Err("is null"),
            Value::Array(_) | Value::Object(_) => return Err("is neither a string nor a number nor a boolean"),
        };
        if text.is_empty() {
            return Err("is empty");
        }
        if text.len() > LONGEST_VALUE {
            return Err("has more than 512 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("has a control character in it");
        }
        // Encoded as it will be, none of it would leave its segment here; but servers decode a path once too often, and take a
        // backslash for a slash.
        let decoded = text.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
        if decoded.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
            return Err("is a way to another directory");
        }
        Ok(text)
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Parameter(name) => write!(f, "{{{name}}}"),
        })
    }
}

/// `pchar` of RFC 3986 without percent-encoding, and the slash.
fn is_literal(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@/".contains(c)
}

fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn filled(template: &str, payload: &Value) -> Result<String, String> {
        PathTemplate::parse(template).unwrap().fill(payload.as_object().unwrap())
    }

    #[test]
    fn a_template_names_what_it_takes() {
        let text = "/incontactapi/services/v31.0/interactions/{contactId}/signal";
        let template = PathTemplate::parse(text).unwrap();
        assert_eq!(template.parameters().collect::<Vec<_>>(), ["contactId"]);
        assert_eq!(template.to_string(), text);
        for good in ["/", "/a/", "/{a}{b}", "/v{version}/x;y=1", "/a:b@c", "/..a"] {
            assert_eq!(PathTemplate::parse(good).unwrap().to_string(), good);
        }
    }

    #[test]
    fn a_template_that_could_lead_elsewhere_is_refused() {
        for bad in [
            "",
            "a",
            "//host/x",
            "/a//b",
            "/..",
            "/a/../b",
            "/./a",
            "http://h/x",
            "/a?b",
            "/a#b",
            "/a\\b",
            "/a b",
            "/ä",
            "/%2e",
            "/a\r\nb",
            "/{",
            "/{}",
            "/{a b}",
            "/a}",
            "/{a/b}",
            &format!("/{}", "a".repeat(1024)),
            &format!("/{{{}}}", "a".repeat(129)),
        ] {
            assert!(PathTemplate::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn values_are_encoded_as_they_are() {
        for (value, path) in [
            (json!("4711"), "/c/4711/x"),
            (json!(9_007_199_254_740_993_u64), "/c/9007199254740993/x"),
            (json!(-0.5), "/c/-0.5/x"),
            (json!(true), "/c/true/x"),
            (json!("a b+c"), "/c/a%20b%2Bc/x"),
            (json!("ä/ö"), "/c/%C3%A4%2F%C3%B6/x"),
            (json!("//host"), "/c/%2F%2Fhost/x"),
            (json!("a?b#c"), "/c/a%3Fb%23c/x"),
            (json!("a\\b"), "/c/a%5Cb/x"),
            (json!("100%"), "/c/100%25/x"),
            (json!("..."), "/c/.../x"),
            (json!("{id}"), "/c/%7Bid%7D/x"),
        ] {
            assert_eq!(filled("/c/{id}/x", &json!({"id": value})).unwrap(), path);
        }
    }

    #[test]
    fn a_value_that_could_lead_elsewhere_is_refused_and_not_quoted() {
        for value in [
            json!(null),
            json!([]),
            json!({}),
            json!(""),
            json!("."),
            json!(".."),
            json!("%2e%2E"),
            json!("a/../canary"),
            json!("..\\canary"),
            json!("..%2fcanary"),
            json!("%2e%2e%5ccanary"),
            json!("canary\r\nX: y"),
            json!("canary\0"),
            json!("\u{85}"),
            json!("canary".repeat(100)),
        ] {
            let why = filled("/c/{id}/x", &json!({"id": value})).unwrap_err();
            assert!(why.starts_with("id ") && !why.contains("canary"), "{value}: {why}");
        }
        assert!(filled("/c/{id}/x", &json!({})).is_err());
        assert!(filled("/c/{a}.", &json!({"a": "x"})).is_ok());
    }

    proptest! {
        /// Whatever the values are, the path has as many segments as its template, and none of them leads upwards.
        #[test]
        fn no_value_leaves_its_segment(a in ".{1,40}", b in "[./\\\\%2eEfF5c]{1,12}") {
            if let Ok(path) = filled("/base/{a}/{b}/end", &json!({"a": a, "b": b})) {
                let segments: Vec<&str> = path.split('/').collect();
                prop_assert_eq!(segments.len(), 5);
                prop_assert!(segments[1..].iter().all(|segment| !matches!(*segment, "" | "." | "..")));
                let url = url::Url::parse("http://h").unwrap().join(&path).unwrap();
                prop_assert_eq!(url.path(), &path);
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
