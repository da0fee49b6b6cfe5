//! From a place in a string's value to the bytes of the text that it was written with.

use std::ops::Range;

use super::Span;

/// The bytes of `text` that make the bytes `at` of the value of the string that stands at `string`, quotes included. An escape is one
/// piece. Reads the string up to there.
pub(super) fn inside(text: &[u8], string: Span, at: &Range<usize>) -> Span {
    let end = string.end.saturating_sub(1).max(string.start);
    let mut written = (string.start + 1).min(end);
    let mut value = 0;
    let mut start = None;
    while written < end {
        if value >= at.start && start.is_none() {
            start = Some(written);
        }
        if value >= at.end && start.is_some() {
            break;
        }
        let (taken, made) = piece(&text[written..end]);
        written += taken;
        value += made;
        // A place within a piece is the whole piece.
        if value > at.start && start.is_none() {
            start = Some(written - taken);
        }
    }
    Span { start: start.unwrap_or(end), end: written.min(end) }
}

/// How many bytes the first piece of `text` has, and how many bytes of the value it makes.
fn piece(text: &[u8]) -> (usize, usize) {
    match text {
        [b'\\', b'u', rest @ ..] => match hex(rest) {
            // Two halves make one character of four bytes.
            Some(0xD800..0xE000) => (12, 4),
            Some(0..0x80) => (6, 1),
            Some(0x80..0x800) => (6, 2),
            _ => (6, 3),
        },
        [b'\\', ..] => (2, 1),
        _ => (1, 1),
    }
}

fn hex(text: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(text.get(..4)?).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str, at: Range<usize>) -> &str {
        let span = inside(text.as_bytes(), Span { start: 0, end: text.len() }, &at);
        &text[span.start..span.end]
    }

    #[test]
    fn every_byte_of_the_value_is_found_where_it_was_written() {
        assert_eq!(found(r#""abc""#, 1..2), "b");
        assert_eq!(found(r#""a\nb""#, 1..2), r"\n");
        assert_eq!(found(r#""a\nb""#, 2..3), "b");
        assert_eq!(found(r#""\u0041\u00e4\u20ac\ud83d\ude00x""#, 0..1), r"\u0041");
        assert_eq!(found(r#""\u0041\u00e4\u20ac\ud83d\ude00x""#, 1..3), r"\u00e4");
        assert_eq!(found(r#""\u0041\u00e4\u20ac\ud83d\ude00x""#, 3..10), r"\u20ac\ud83d\ude00");
        assert_eq!(found(r#""\u0041\u00e4\u20ac\ud83d\ude00x""#, 10..11), "x");
        assert_eq!(found("\"ä😀x\"", 6..7), "x");
        assert_eq!(found(r#""abc""#, 3..3), "");
        assert_eq!(found(r#""abc""#, 9..12), "");
    }

    proptest! {
        #[test]
        fn agrees_with_the_reader(before in any::<String>(), sought in "[a-z]{1,5}", after in any::<String>()) {
            let text = serde_json::to_string(&format!("{before}{sought}{after}")).unwrap();
            prop_assert_eq!(found(&text, before.len()..before.len() + sought.len()), sought);
        }
    }
}
