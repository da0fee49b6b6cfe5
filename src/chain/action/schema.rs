//! A JSON Schema for the payloads of an action. Nothing is ever fetched: a `$ref` leads to a place in the same document.

use std::fmt;
use std::sync::Arc;

use jsonschema::paths::LocationSegment;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::words;

/// A payload is not looked at any further after so many violations.
const MOST: usize = 100;

/// A compiled schema. Its patterns are matched in linear time: no payload can make one run away.
#[derive(Clone)]
pub struct PayloadSchema {
    source: Arc<Value>,
    validator: Arc<Validator>,
}

/// One way in which a payload does not fit. Quotes no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The place in the payload.
    pub place: Vec<Part>,
    /// What is wrong, as a phrase that follows the place.
    pub what: String,
    /// What would be right, where the schema says it shortly.
    pub allowed: Option<String>,
    /// The name of the member that the object at the place does not have, where that is what is wrong.
    pub missing: Option<String>,
}

/// One part of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The member of an object.
    Key(String),
    /// The entry of an array.
    Index(usize),
}

impl PayloadSchema {
    /// Compiles a schema, of draft 4 or later; without `$schema` it is draft 2020-12. `format` is checked, too.
    ///
    /// # Errors
    /// What is wrong with it, its place included.
    pub fn compile(source: Value) -> Result<Self, String> {
        if !source.is_object() && !source.is_boolean() {
            return Err("is neither a JSON object nor true or false".into());
        }
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(true)
            .build(&source)
            .map_err(|error| words::of_schema(&error))?;
        Ok(Self { source: Arc::new(source), validator: Arc::new(validator) })
    }

    /// All ways in which `payload` does not fit; of more than 100, the first.
    #[must_use]
    pub fn violations(&self, payload: &Value) -> Vec<Violation> {
        self.validator.iter_errors(payload).flat_map(|error| words::of_payload(&error)).take(MOST).collect()
    }
}

impl Violation {
    pub(super) fn at(place: &jsonschema::paths::Location, what: String, allowed: Option<String>) -> Self {
        let place = place.segments().map(|segment| match segment {
            LocationSegment::Property(key) => Part::Key(key.into_owned()),
            LocationSegment::Index(index) => Part::Index(index),
        });
        Self { place: place.collect(), what, allowed, missing: None }
    }
}

impl PartialEq for PayloadSchema {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for PayloadSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadSchema").finish_non_exhaustive()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.place {
            match part {
                Part::Key(key) => {
                    write!(f, "/{}", key.chars().take(64).flat_map(char::escape_debug).collect::<String>())?;
                }
                Part::Index(index) => write!(f, "/{index}")?,
            }
        }
        let gap = if self.place.is_empty() { "it " } else { " " };
        write!(f, "{gap}{}", self.what)?;
        match &self.allowed {
            Some(allowed) => write!(f, " (allowed: {allowed})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(schema: Value, payload: &Value) -> Vec<String> {
        let schema = PayloadSchema::compile(schema).unwrap();
        schema.violations(payload).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_violation_is_told_at_its_place_and_no_value_is_quoted() {
        let schema = json!({
            "type": "object",
            "required": ["contactId", "disposition"],
            "additionalProperties": false,
            "properties": {
                "contactId": {"type": "integer", "minimum": 1},
                "disposition": {"enum": ["sold", "lost"]},
                "notes": {"type": "string", "maxLength": 5, "pattern": "^[a-z]*$"},
                "tags": {"type": "array", "maxItems": 1, "uniqueItems": true, "items": {"type": ["string", "null"]}},
                "when": {"format": "date-time"},
                "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                "one": {"oneOf": [{"type": "integer"}, {"type": "number"}]},
                "never": false,
                "fixed": {"const": 7},
                "nested": {"type": "object", "propertyNames": {"maxLength": 3}, "minProperties": 2}
            }
        });
        let payload = json!({
            "contactId": 0, "notes": "CANARY-7", "tags": ["CANARY", 4711], "when": "CANARY", "either": [], "one": 3, "never": 1,
            "fixed": 4711, "nested": {"CANARY": 1}, "extra": "CANARY", "disposition": "CANARY"
        });
        let said = said(schema, &payload).join("\n");
        assert!(!said.replace("/nested/CANARY", "").contains("CANARY") && !said.contains("4711"), "{said}");
        insta::assert_snapshot!(said, @r##"
        /contactId is too small (allowed: at least 1)
        /disposition is none of the values that are allowed (allowed: "sold", "lost")
        /either fits none of the shapes that are allowed
        /fixed is not the value that is allowed (allowed: 7)
        /nested has too few members (allowed: at least 2)
        /nested has a member whose name is not allowed
        /never is not allowed here
        /notes is too long (allowed: at most 5 characters)
        /notes does not match its pattern (allowed: ^[a-z]*$)
        /one fits more than one of the shapes that are allowed
        /tags has too many entries (allowed: at most 1)
        /tags/1 is of another type (allowed: null, string)
        /when is not in its format (allowed: date-time)
        /extra is not allowed here
        "##);
    }

    #[test]
    fn what_is_missing_is_named() {
        let schema = json!({"required": ["a"], "properties": {"b": {"required": ["c"]}}});
        insta::assert_snapshot!(said(schema, &json!({"b": {}})).join("\n"), @r##"
        it has no a
        /b has no c
        "##);
    }

    #[test]
    fn a_payload_that_fits_is_not_talked_about() {
        assert!(said(json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}), &json!({"a": ""})).is_empty());
        assert!(said(json!({}), &json!({"a": [1]})).is_empty());
        assert!(said(json!(true), &json!({"a": [1]})).is_empty());
    }

    #[test]
    fn a_schema_may_be_false_and_then_nothing_fits() {
        assert_eq!(said(json!(false), &json!({})), ["it is not allowed here"]);
    }

    #[test]
    fn a_schema_that_is_none_says_where_and_nothing_is_fetched() {
        let why = |schema| PayloadSchema::compile(schema).unwrap_err();
        insta::assert_snapshot!([
            why(json!([])),
            why(json!("true")),
            why(json!({"type": "strin"})),
            why(json!({"properties": {"a": {"minLength": -1}}})),
            why(json!({"properties": {"a": {"pattern": "("}}})),
            why(json!({"properties": {"a": {"pattern": "(?=x)"}}})),
            why(json!({"$ref": "https://example.com/s.json"})),
            why(json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}})),
            why(json!({"properties": {"a": {"$ref": "other.json"}}})),
            why(json!({"$ref": "#/$defs/none"})),
            why(json!({"$schema": "https://example.com/meta"})),
        ].join("\n"), @r##"
        is neither a JSON object nor true or false
        is neither a JSON object nor true or false
        is no valid JSON Schema at /type: "strin" is not valid under any of the schemas listed in the 'anyOf' keyword
        is no valid JSON Schema at /properties/a/minLength: -1 is less than the minimum of 0
        is no valid JSON Schema at /properties/a/pattern: "(" is not a "regex"
        is no valid JSON Schema at /properties/a/pattern: "(?=x)" is not a "regex"
        refers to something that is not in it, and nothing is fetched: Resource 'https://example.com/s.json' is not present in a registry and retrieving it failed: Retrieval is disabled, cannot fetch https://example.com/s.json
        refers to something that is not in it, and nothing is fetched: Resource 'file:///etc/passwd' is not present in a registry and retrieving it failed: Retrieval is disabled, cannot fetch file:///etc/passwd
        refers to something that is not in it, and nothing is fetched: Resource 'other.json' is not present in a registry and retrieving it failed: No base URI is available
        refers to something that is not in it, and nothing is fetched: Pointer '/$defs/none' does not exist
        refers to something that is not in it, and nothing is fetched: Unknown meta-schema: 'https://example.com/meta'. Custom meta-schemas must be registered in the registry before use
        "##);
    }

    #[test]
    fn the_violations_of_one_payload_are_bounded() {
        let schema = json!({"additionalProperties": {"type": "string"}});
        let payload: serde_json::Map<String, Value> = (0..100_000).map(|n| (n.to_string(), json!(n))).collect();
        assert_eq!(said(schema, &payload.into()).len(), 100);
        let payload: serde_json::Map<String, Value> = (0..100_000).map(|n| (n.to_string(), json!(n))).collect();
        assert_eq!(said(json!({"additionalProperties": false, "properties": {"a": {}}}), &payload.into()).len(), 20);
    }

    #[test]
    fn a_pattern_does_not_run_away() {
        let schema = json!({"properties": {"a": {"pattern": "^(a+)+$"}}});
        let started = crate::chain::json::tests::cpu_time();
        assert_eq!(said(schema, &json!({"a": format!("{}!", "a".repeat(50_000))})).len(), 1);
        let took = crate::chain::json::tests::cpu_time() - started;
        assert!(took < std::time::Duration::from_secs(5), "{took:?}");
    }
}
