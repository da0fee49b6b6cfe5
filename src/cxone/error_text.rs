//! The words in which a peer says what went wrong, where the platforms that we know put them.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// The longest text that goes into a result.
const MOST_CHARACTERS: usize = 300;
/// In this order. Seen at: data actions `message`; ACD API `errorDescription`, `error`; OAuth `error_description` (RFC 6749
/// section 5.2); reporting `Message`; digital `errors[].message`.
const PLACES: [&str; 6] =
    ["/message", "/errorDescription", "/error_description", "/error", "/Message", "/errors/0/message"];
/// The ACD API's, at times the only place with a text.
const HEADER: &str = "icStatusDescription";
/// Genesys Cloud's.
const CORRELATION: &str = "ININ-Correlation-Id";

/// The text as the peer wrote it: the first of the known places that has one, else the header, else the body itself.
pub(super) fn find(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let said = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
    let json: Option<Value> = serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).ok();
    json.iter()
        .flat_map(|json| PLACES.iter().filter_map(|place| json.pointer(place)?.as_str()))
        .find_map(said)
        .or_else(|| said(&String::from_utf8_lossy(headers.get(HEADER)?.as_bytes())))
        .or_else(|| said(&String::from_utf8_lossy(body)))
}

/// One line of at most 300 characters, with nothing in it that a terminal or a log would act upon.
pub(super) fn line(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    let mut gap = false;
    for character in text.chars().filter(|&character| !is_invisible(character)) {
        if character.is_control() || character.is_whitespace() {
            gap = length > 0;
            continue;
        }
        for character in gap.then_some(' ').into_iter().chain([character]) {
            if length == MOST_CHARACTERS {
                return line;
            }
            line.push(character);
            length += 1;
        }
        gap = false;
    }
    line
}

/// `line` with the name that the platform has for the exchange behind it, where it gave one: its support asks for that.
pub(super) fn with_correlation(headers: &HeaderMap, line: String) -> String {
    let plain = |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let Some(id) = headers.get(CORRELATION).and_then(|id| id.to_str().ok()).filter(plain) else { return line };
    let name = format!(" ({CORRELATION} {id})");
    let kept: String = line.chars().take(MOST_CHARACTERS - name.len()).collect();
    kept + &name
}

/// Marks of text direction, and the byte order mark.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str, header: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("icstatusdescription", header.parse().unwrap());
        }
        find(&headers, body.as_bytes())
    }

    #[test]
    fn the_first_known_place_with_a_text_wins() {
        for (body, header, text) in [
            (r#"{"error": "e", "message": "m"}"#, Some("h"), Some("m")),
            (r#"{"error": "e", "errorDescription": "d"}"#, None, Some("d")),
            (r#"{"error": "invalid_client", "error_description": "d"}"#, None, Some("d")),
            (r#"{"error": "e"}"#, None, Some("e")),
            (r#"{"Message": "M"}"#, None, Some("M")),
            (r#"{"errors": [{"field": "f", "message": "first"}, {"message": "second"}]}"#, None, Some("first")),
            (r#"{"message": " ", "error": {"code": 1}, "Message": "M"}"#, None, Some("M")),
            ("\u{feff}{\"message\": \"m\"}", None, Some("m")),
            (r#"{"code": 7}"#, Some("h"), Some("h")),
            (r#"{"code": 7}"#, None, Some(r#"{"code": 7}"#)),
            ("<html>", Some(" "), Some("<html>")),
            ("", Some("h"), Some("h")),
            (" \n", None, None),
        ] {
            assert_eq!(found(body, header).as_deref(), text, "{body} {header:?}");
        }
        assert_eq!(find(&HeaderMap::new(), b"caf\xe9").as_deref(), Some("caf\u{fffd}"));
    }

    #[test]
    fn a_line_names_the_exchange_as_the_platform_does() {
        let named = |id: &str, line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("inin-correlation-id", id.parse().unwrap());
            with_correlation(&headers, line.to_owned())
        };
        assert_eq!(named("4a-b", "no such row"), "no such row (ININ-Correlation-Id 4a-b)");
        assert_eq!(named(&"a".repeat(64), &"ä".repeat(300)).chars().count(), 300);
        for odd in ["", "a b", "a<b", &"a".repeat(65)] {
            assert_eq!(named(odd, "no such row"), "no such row", "{odd}");
        }
        assert_eq!(with_correlation(&HeaderMap::new(), "x".into()), "x");
    }

    #[test]
    fn a_line_is_short_and_harmless() {
        assert_eq!(line("\u{1b}[31m a\r\n\tb\0\u{85}c\u{202e}d "), "[31m a b cd");
        assert_eq!(line(""), "");
        assert_eq!(line(&"ä".repeat(1000)).chars().count(), 300);
        assert_eq!(line(&"a ".repeat(1000)).chars().count(), 300);
    }
}
