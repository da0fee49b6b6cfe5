//! TOML text → a tree of layered values in which every value knows its file and line, or its environment variable.
//! Messages never show the text itself: it may hold a secret.

use std::collections::HashMap;

use ::config::{Value, ValueKind};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Origin;

type Table = HashMap<String, Value>;

/// A syntax error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// From 1; 0 when unknown.
    pub line: usize,
    /// Line-free and without a word of the text.
    pub message: String,
}

/// Reads a whole document. `path` is what the origins show.
pub(super) fn document(path: &str, text: &str) -> Result<Table, Vec<SyntaxError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::of(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| lines.locate(error)).collect());
    }
    let place = |start| Origin::File { path: path.to_owned(), line: lines.line(start) }.encode();
    Ok(table(document.into_inner(), &place))
}

/// Reads one value as it stands after an equals sign: `[{limit = 10, per = "1s"}]`.
pub(super) fn value(text: &str, origin: &Origin) -> Result<Value, SyntaxError> {
    let parsed = DeValue::parse(text).map_err(|error| Lines::of(text).locate(&error))?;
    let place = |_| origin.encode();
    Ok(convert(parsed, &place))
}

fn table(from: DeTable<'_>, place: &dyn Fn(usize) -> Option<String>) -> Table {
    from.into_iter().map(|(key, value)| (key.into_inner().into_owned(), convert(value, place))).collect()
}

fn convert(from: Spanned<DeValue<'_>>, place: &dyn Fn(usize) -> Option<String>) -> Value {
    let origin = place(from.span().start);
    let kind: ValueKind = match from.into_inner() {
        DeValue::String(text) => text.into_owned().into(),
        DeValue::Boolean(value) => value.into(),
        DeValue::Datetime(moment) => moment.to_string().into(),
        // An integer beyond i128 stays out of every bound as the largest one.
        DeValue::Integer(digits) => {
            ValueKind::I128(i128::from_str_radix(digits.as_str(), digits.radix()).unwrap_or(i128::MAX))
        }
        DeValue::Float(digits) => digits.as_str().parse().unwrap_or(f64::NAN).into(),
        DeValue::Array(items) => {
            ValueKind::Array(items.into_iter().map(|item| convert(item, place)).collect::<Vec<_>>())
        }
        DeValue::Table(inner) => table(inner, place).into(),
    };
    Value::new(origin.as_ref(), kind)
}

struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n').map(|(at, _)| at).collect())
    }

    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|&end| end < offset) + 1
    }

    fn locate(&self, error: &toml::de::Error) -> SyntaxError {
        let line = error.span().map_or(0, |span| self.line(span.start));
        SyntaxError { line, message: error.message().replace('\n', ", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line() {
        let table = document("a.toml", "x = 1\n\n[b]\ny = [\n  2,\n]\n").unwrap();
        assert_eq!(Origin::of(&table["x"]), Some(Origin::File { path: "a.toml".into(), line: 1 }));
        let ValueKind::Table(b) = &table["b"].kind else { panic!("b is a table") };
        assert_eq!(Origin::of(&b["y"]), Some(Origin::File { path: "a.toml".into(), line: 4 }));
    }

    #[test]
    fn all_syntax_errors_are_found_and_none_shows_the_text() {
        let errors = document("a.toml", "a = \"CANARY\nb = 1\nb = CANARY\n").unwrap_err();
        assert!(errors.len() >= 2, "{errors:?}");
        assert_eq!(errors[0].line, 1);
        assert!(!format!("{errors:?}").contains("CANARY"), "{errors:?}");
        let error = value("[{a = CANARY}]", &Origin::Env("X".into())).unwrap_err();
        assert!(!error.message.contains("CANARY"), "{error:?}");
    }
}
