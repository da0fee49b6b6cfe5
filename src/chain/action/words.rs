//! What a schema's verdicts say, in words that quote nothing of the payload.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::schema::{Part, Violation};

/// As many of an object's unexpected members are told.
const MOST_KEYS: usize = 20;
/// As much of what the schema allows is shown, in characters.
const MOST_ALLOWED: usize = 200;

/// Why a document is not a schema that can be used.
pub(super) fn of_schema(error: &ValidationError<'_>) -> String {
    let place = match error.instance_path().as_str() {
        "" => "at its root".to_owned(),
        pointer => format!("at {pointer}"),
    };
    match error.kind() {
        Kind::Referencing(error) => format!("refers to something that is not in it, and nothing is fetched: {error}"),
        _ => format!("is no valid JSON Schema {place}: {error}").chars().take(MOST_ALLOWED * 2).collect(),
    }
}

/// What is wrong with a payload. One verdict about several members becomes one violation for each.
pub(super) fn of_payload(error: &ValidationError<'_>) -> Vec<Violation> {
    let at = |what: &str, allowed| Violation::at(error.instance_path(), what.to_owned(), allowed);
    let one = |what: &str| vec![at(what, None)];
    let allowing = |what: &str, allowed: String| vec![at(what, Some(allowed.chars().take(MOST_ALLOWED).collect()))];
    let members = |keys: &[String]| {
        let member = |key: &String| {
            let mut violation = at("is not allowed here", None);
            violation.place.push(Part::Key(key.clone()));
            violation
        };
        keys.iter().take(MOST_KEYS).map(member).collect()
    };
    match error.kind() {
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Violation { missing: Some(name.to_owned()), ..at(&format!("has no {name}"), None) }]
        }
        Kind::Type { kind } => allowing("is of another type", types(kind)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => members(unexpected),
        Kind::FalseSchema => one("is not allowed here"),
        Kind::Enum { options } => allowing("is none of the values that are allowed", listed(options)),
        Kind::Constant { expected_value } => allowing("is not the value that is allowed", expected_value.to_string()),
        Kind::Maximum { limit } => allowing("is too large", format!("at most {limit}")),
        Kind::ExclusiveMaximum { limit } => allowing("is too large", format!("less than {limit}")),
        Kind::Minimum { limit } => allowing("is too small", format!("at least {limit}")),
        Kind::ExclusiveMinimum { limit } => allowing("is too small", format!("more than {limit}")),
        Kind::MultipleOf { multiple_of } => allowing("is not a multiple", format!("multiples of {multiple_of}")),
        Kind::MaxLength { limit } => allowing("is too long", format!("at most {limit} characters")),
        Kind::MinLength { limit } => allowing("is too short", format!("at least {limit} characters")),
        Kind::Pattern { pattern } => allowing("does not match its pattern", pattern.clone()),
        Kind::Format { format } => allowing("is not in its format", format.clone()),
        Kind::MaxItems { limit } => allowing("has too many entries", format!("at most {limit}")),
        Kind::MinItems { limit } => allowing("has too few entries", format!("at least {limit}")),
        Kind::AdditionalItems { limit } => allowing("has too many entries", format!("at most {limit}")),
        Kind::UnevaluatedItems { .. } => one("has entries that are not allowed"),
        Kind::UniqueItems => one("has an entry twice"),
        Kind::Contains => one("lacks an entry that it must have"),
        Kind::MaxProperties { limit } => allowing("has too many members", format!("at most {limit}")),
        Kind::MinProperties { limit } => allowing("has too few members", format!("at least {limit}")),
        Kind::PropertyNames { .. } => one("has a member whose name is not allowed"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => one("fits none of the shapes that are allowed"),
        Kind::OneOfMultipleValid { .. } => one("fits more than one of the shapes that are allowed"),
        Kind::Not { .. } => one("has a shape that is not allowed"),
        Kind::BacktrackLimitExceeded { .. } | Kind::RegexEngineFailure { .. } => {
            one("cannot be matched with its pattern")
        }
        Kind::ContentEncoding { .. }
        | Kind::ContentMediaType { .. }
        | Kind::Custom { .. }
        | Kind::FromUtf8 { .. }
        | Kind::Referencing(_) => one("does not fit"),
    }
}

fn types(kind: &TypeKind) -> String {
    let names: Vec<&str> = match kind {
        TypeKind::Single(one) => vec![one.as_str()],
        TypeKind::Multiple(several) => several.into_iter().map(JsonType::as_str).collect(),
    };
    names.join(", ")
}

fn listed(options: &Value) -> String {
    match options {
        Value::Array(options) => options.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
