//! What others have written, made fit for a terminal: no control character and no change of writing direction of theirs gets
//! there. A terminal obeys what it is sent.

use std::fmt::Display;

use serde_json::Value;

/// Controls (C0, DEL, C1), and what turns the direction of writing about (<https://trojansource.codes>).
pub(super) fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` for people: what is unfit is shown as an escape.
pub(super) fn plain(text: impl Display) -> String {
    let escape = |c: char| if is_unfit(c) { c.escape_unicode().to_string() } else { c.to_string() };
    text.to_string().chars().map(escape).collect()
}

/// As [`plain`], for a text of ours on several lines with words of others in it.
pub(super) fn plain_lines(text: impl Display) -> String {
    text.to_string().lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// `text` on lines of so many characters, broken at blanks, and within a word that is longer than a line.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + letters.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(letters.chunks(columns.max(1)).map(String::from_iter)),
        }
    }
    lines
}

/// `value` as JSON on one line.
pub(super) fn json_line(value: &Value) -> String {
    fit_json(&value.to_string())
}

/// JSON with the same meaning: what is unfit can only be in its strings, and is `\u` and four digits there. (None of it is
/// beyond them. Line ends are left: between the tokens of a document on several lines they are no text of others.)
pub(super) fn fit_json(document: &str) -> String {
    let escape = |c: char| match c {
        '\n' => c.to_string(),
        c if is_unfit(c) => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    document.chars().map(escape).collect()
}

/// A JSON document without blanks between its tokens on several lines, its fields in the order that they have.
pub(super) fn indented(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 2);
    let (mut depth, mut in_string, mut escaped, mut previous) = (0_usize, false, false, ' ');
    for c in document.chars() {
        let line_before = match c {
            _ if in_string => false,
            // An empty list stays on its line.
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                !matches!(previous, '{' | '[')
            }
            _ => matches!(previous, '{' | '[' | ','),
        };
        if line_before {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
        out.push(c);
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            // What a string holds is none of the signs above.
            previous = '"';
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' | '[' => depth += 1,
            ':' => out.push(' '),
            _ => {}
        }
        previous = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOSTILE: &str = "a\u{1b}[2Jb\u{7f}c\u{9b}31md\u{202e}e\nf\rg";

    #[test]
    fn nothing_unfit_is_left_in_a_text() {
        assert_eq!(plain(HOSTILE), r"a\u{1b}[2Jb\u{7f}c\u{9b}31md\u{202e}e\u{a}f\u{d}g");
        assert_eq!(plain("käse 🧀"), "käse 🧀");
        assert_eq!(plain_lines("a\u{1b}\nb"), "a\\u{1b}\nb");
    }

    #[test]
    fn a_text_is_broken_at_blanks_and_where_there_is_none() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("a bc def", 3), ["a", "bc", "def"]);
        assert_eq!(wrapped("a-very-long-word b", 6), ["a-very", "-long-", "word b"]);
        assert_eq!(wrapped("", 6), [""; 0]);
    }

    #[test]
    fn json_means_the_same_and_has_nothing_unfit() {
        let value = json!({ HOSTILE: [HOSTILE, 1.5, "käse"] });
        let line = json_line(&value);
        assert!(!line.chars().any(is_unfit), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
        let pretty = fit_json(&indented(&value.to_string()));
        assert!(!pretty.chars().any(|c| c != '\n' && is_unfit(c)), "{pretty}");
        assert_eq!(serde_json::from_str::<Value>(&pretty).unwrap(), value);
    }

    /// The library's own indentation is the witness; the order of fields is what it would lose.
    #[test]
    fn an_indented_document_is_the_same_document() {
        let values = [
            json!({"a": [], "b": {}, "c": [1, {"d": [[]]}], "e": r#"{"x": [1, 2]}, \ "quoted""#, "f": null}),
            json!([]),
            json!("{,"),
            json!({"{": "[\\", "z": ["\"", "\\\""]}),
        ];
        for value in values {
            assert_eq!(indented(&value.to_string()), serde_json::to_string_pretty(&value).unwrap());
        }
        assert_eq!(indented(r#"{"b":1,"a":1e400}"#), "{\n  \"b\": 1,\n  \"a\": 1e400\n}");
    }
}
