//! What of an action's payloads and answers must not be shown. Later steps and the journal have the real values; results,
//! traces, logs and error messages have what is left of them here.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A number or a text of fewer characters says too little to be looked for in a message, and would be found everywhere.
const SHORTEST: usize = 2;
/// As many values are looked for in a message.
const MOST_TEXTS: usize = 1_000;
/// As long as a pointer may be, in bytes.
const LONGEST: usize = 256;

/// The places whose values are masked. None: nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Redaction {
    pointers: Vec<Vec<String>>,
}

impl Redaction {
    /// What stands in the place of a value.
    pub const MASK: &'static str = "***";

    /// The rule for a pointer in words, to be read after "each".
    pub const ALLOWED: &'static str = "a JSON pointer of at most 256 bytes such as `/customer/phone` or `/items/*/token`; `*` \
                                       stands for one whole key or index, never for a part of one or for several (`**`)";

    /// Whether `pointer` is one: RFC 6901, with `*` for any key or index. The empty one is the value as a whole. A `*` that is not alone is
    /// none: taken for a key of that name, it would mask nothing without a word.
    #[must_use]
    pub fn is_pointer(pointer: &str) -> bool {
        let wildcards = |text: &str| text.split('/').all(|token| token == "*" || !token.contains('*'));
        let escapes = |text: &str| text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
        pointer.len() <= LONGEST
            && (pointer.is_empty() || pointer.starts_with('/'))
            && escapes(pointer)
            && wildcards(pointer)
    }

    /// What masks the values at `pointers`.
    ///
    /// # Errors
    /// The first that is no pointer.
    pub fn new<'p>(pointers: impl IntoIterator<Item = &'p str>) -> Result<Self, &'p str> {
        let parse = |pointer: &'p str| {
            let tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
            if Self::is_pointer(pointer) { Ok(tokens.collect()) } else { Err(pointer) }
        };
        Ok(Self { pointers: pointers.into_iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// What masks the values that one of the two does.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let more = other.pointers.iter().filter(|pointer| !self.pointers.contains(pointer));
        Self { pointers: self.pointers.iter().chain(more).cloned().collect() }
    }

    /// Whether nothing is masked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }

    /// The value with `"***"` at every place that is not to be shown.
    #[must_use]
    pub fn mask(&self, value: &Value) -> Value {
        let mut masked = value.clone();
        for pointer in &self.pointers {
            each(&mut masked, pointer, &mut |found| *found = Value::from(Self::MASK));
        }
        masked
    }

    /// The texts and numbers at the places that are not to be shown: what must not be in a message about `value`. Where they are
    /// too many to be looked for, one that is empty stands for any.
    #[must_use]
    pub fn texts(&self, value: &Value) -> Vec<String> {
        let mut found = BTreeSet::new();
        // A copy, for the walk may change what it finds; there are pointers in few actions only.
        let mut copy = if self.is_empty() { Value::Null } else { value.clone() };
        for pointer in &self.pointers {
            each(&mut copy, pointer, &mut |at| leaves(at, &mut found));
        }
        if found.len() > MOST_TEXTS { vec![String::new()] } else { found.into_iter().collect() }
    }

    /// `message` with `***` in the place of each of `texts`, the longest first: one may be a part of another. Of a message that
    /// any text may be in, nothing is left.
    #[must_use]
    pub fn scrub<'t>(message: &str, texts: impl IntoIterator<Item = &'t String>) -> String {
        let texts: Vec<&String> = texts.into_iter().collect();
        if texts.iter().any(|text| text.is_empty()) {
            return Self::MASK.to_owned();
        }
        let mut texts: Vec<&String> = texts.into_iter().filter(|text| message.contains(text.as_str())).collect();
        texts.sort_by_key(|text| Reverse(text.len()));
        texts.into_iter().fold(message.to_owned(), |message, text| message.replace(text.as_str(), Self::MASK))
    }

    /// What may be shown of `extracted`, which was taken out of a value: whatever would have been another if it had been taken
    /// out of the masked one (`again`; `None` where nothing could be taken out of it) was made of something that is masked.
    #[must_use]
    pub fn mask_extracted(
        extracted: &serde_json::Map<String, Value>,
        again: Option<&serde_json::Map<String, Value>>,
    ) -> serde_json::Map<String, Value> {
        let shown = |(name, value): (&String, &Value)| {
            let same = again.and_then(|again| again.get(name)) == Some(value);
            (name.clone(), if same { value.clone() } else { Value::from(Self::MASK) })
        };
        extracted.iter().map(shown).collect()
    }
}

impl TryFrom<Vec<String>> for Redaction {
    type Error = &'static str;

    fn try_from(pointers: Vec<String>) -> Result<Self, Self::Error> {
        Self::new(pointers.iter().map(String::as_str)).map_err(|_| "not a JSON pointer")
    }
}

impl From<Redaction> for Vec<String> {
    fn from(redaction: Redaction) -> Self {
        let escaped = |token: &String| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
        redaction.pointers.iter().map(|tokens| tokens.iter().map(escaped).collect()).collect()
    }
}

/// Visits every value at `pointer`.
fn each(value: &mut Value, pointer: &[String], visit: &mut impl FnMut(&mut Value)) {
    let Some((token, rest)) = pointer.split_first() else { return visit(value) };
    match value {
        Value::Object(members) if token == "*" => members.values_mut().for_each(|member| each(member, rest, visit)),
        Value::Array(items) if token == "*" => items.iter_mut().for_each(|item| each(item, rest, visit)),
        Value::Object(members) => members.get_mut(token).into_iter().for_each(|member| each(member, rest, visit)),
        Value::Array(items) => {
            let item = token.parse().ok().and_then(|index: usize| items.get_mut(index));
            item.into_iter().for_each(|item| each(item, rest, visit));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `text` as it stands in JSON, without the quotes.
fn escaped(text: &str, ascii: bool) -> String {
    let quoted = Value::from(text).to_string();
    let inner = quoted[1..quoted.len() - 1].chars();
    let mut units = [0; 2];
    inner.fold(String::new(), |mut out, c| {
        if c.is_ascii() || !ascii {
            out.push(c);
        } else {
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
        out
    })
}

fn leaves(value: &Value, found: &mut BTreeSet<String>) {
    let text = match value {
        Value::Array(items) => return items.iter().for_each(|item| leaves(item, found)),
        Value::Object(members) => return members.values().for_each(|member| leaves(member, found)),
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) => return,
    };
    if text.chars().count() >= SHORTEST && found.len() <= MOST_TEXTS {
        // A message may have it as JSON does: with escapes, and by many in ASCII alone.
        found.extend([escaped(&text, false), escaped(&text, true)]);
        found.insert(text);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn masked(pointers: &[&str], value: &Value) -> Value {
        Redaction::new(pointers.iter().copied()).unwrap().mask(value)
    }

    #[test]
    fn the_values_at_its_pointers_are_masked_and_no_others() {
        let value = json!({"phone": "1", "a/b": {"~c": [1]}, "items": [{"t": 1, "u": 2}, {"t": {"x": 1}}, 3], "*": 4, "n": null});
        for (pointers, expected) in [
            (
                &["/phone"][..],
                json!({"phone": "***", "a/b": {"~c": [1]}, "items": [{"t": 1, "u": 2}, {"t": {"x": 1}}, 3], "*": 4, "n": null}),
            ),
            (
                &["/a~1b/~0c/0", "/none", "/phone/x"],
                json!({"phone": "1", "a/b": {"~c": ["***"]}, "items": [{"t": 1, "u": 2}, {"t": {"x": 1}}, 3], "*": 4, "n": null}),
            ),
            (
                &["/items/*/t", "/n"],
                json!({"phone": "1", "a/b": {"~c": [1]}, "items": [{"t": "***", "u": 2}, {"t": "***"}, 3], "*": 4, "n": "***"}),
            ),
            (
                &["/items/1", "/*/~0c"],
                json!({"phone": "1", "a/b": {"~c": "***"}, "items": [{"t": 1, "u": 2}, "***", 3], "*": 4, "n": null}),
            ),
            (&["/items/x", "/items/9", "/items/-1"], value.clone()),
            (&[""], json!("***")),
            (&[], value.clone()),
        ] {
            assert_eq!(masked(pointers, &value), expected, "{pointers:?}");
        }
    }

    #[test]
    fn only_pointers_are_pointers() {
        for good in ["", "/", "/a", "/*/0", "/~0~1", "/ä b"] {
            assert!(Redaction::is_pointer(good), "{good:?}");
        }
        for bad in [
            "a",
            "*",
            "/~",
            "/~2",
            "/a~",
            "/**",
            "/**/secret",
            "/a*",
            "/a/*b/c",
            "/*/**",
            &format!("/{}", "a".repeat(256)),
        ] {
            assert_eq!(Redaction::new([bad]), Err(bad));
        }
    }

    #[test]
    fn what_is_masked_is_found_in_a_message_too() {
        let redaction = Redaction::new(["/phone", "/card/*", "/flag"]).unwrap();
        let texts = redaction
            .texts(&json!({"phone": "+49 1", "card": [4711, {"cvc": "47"}, "x"], "flag": true, "open": "yes"}));
        assert_eq!(texts, ["+49 1", "47", "4711"]);
        assert_eq!(Redaction::scrub("no +49 1, 4711, 47, yes", &texts), "no ***, ***, ***, yes");
        assert!(Redaction::default().texts(&json!({"a": "b"})).is_empty());
    }

    #[test]
    fn where_more_is_masked_than_can_be_looked_for_nothing_of_a_message_is_shown() {
        let redaction = Redaction::new(["/all/*"]).unwrap();
        let masked = |values: usize| {
            let all: Vec<String> = (0..values).map(|n| format!("secret-{n}-")).collect();
            let last = all.last().unwrap().clone();
            Redaction::scrub(&format!("no {last}!"), &redaction.texts(&json!({"all": all})))
        };
        assert_eq!((masked(1_000), masked(1_001), masked(3_000)), ("no ***!".into(), "***".into(), "***".into()));
    }

    #[test]
    fn what_was_taken_out_of_something_masked_is_masked() {
        let map = |value: Value| value.as_object().unwrap().clone();
        let real = map(json!({"phone": "123", "name": "x", "digits": 3}));
        let again = map(json!({"phone": "***", "name": "x"}));
        assert_eq!(
            Redaction::mask_extracted(&real, Some(&again)),
            map(json!({"phone": "***", "name": "x", "digits": "***"}))
        );
        assert_eq!(
            Redaction::mask_extracted(&real, None),
            map(json!({"phone": "***", "name": "***", "digits": "***"}))
        );
    }

    #[test]
    fn a_text_is_found_as_json_writes_it_too() {
        let redaction = Redaction::new(["/s"]).unwrap();
        for (value, message, shown) in [
            ("a\"b", r#"bad a"b, in {"s":"a\"b"}"#, r#"bad ***, in {"s":"***"}"#),
            ("Zoë-1", r#"no Zoë-1, no Zo\u00eb-1"#, "no ***, no ***"),
            ("😀😀", r#"\ud83d\ude00\ud83d\ude00!"#, "***!"),
        ] {
            let texts = redaction.texts(&json!({"s": value}));
            assert_eq!(Redaction::scrub(message, &texts), shown);
        }
    }
}
