//! A response's body: read within bounds of size and time, then taken for what it is.

use bytes::Bytes;
use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

/// How the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the body's end.
    Whole,
    /// At the limit, with more to come.
    Oversized,
    /// At the deadline.
    TimedOut,
    /// With the connection, or at a compressed stream that is corrupt.
    Cut,
}

/// What was read; no more than the limit.
pub(super) struct Reading {
    pub(super) bytes: Bytes,
    pub(super) end: End,
    /// What of the last piece went over the limit.
    pub(super) beyond: Bytes,
}

/// Whether the head already says that there is more than `limit` bytes to come.
pub(super) fn announces_more(response: &Response, limit: usize) -> bool {
    response.content_length().is_some_and(|length| usize::try_from(length).map_or(true, |length| length > limit))
}

/// Reads until the end, `limit` bytes (counted after decompression) or the deadline. Whatever is
/// not read then is given up with the connection.
pub(super) async fn read(response: &mut Response, limit: usize, deadline: Instant) -> Reading {
    let (mut bytes, mut beyond) = (Vec::new(), Bytes::new());
    let end = loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) => break End::TimedOut,
            // An error during the body is of the kind "decode" whatever it was: ask for the timeout first.
            Ok(Err(error)) if error.is_timeout() => break End::TimedOut,
            Ok(Err(_)) => break End::Cut,
            Ok(Ok(None)) => break End::Whole,
            Ok(Ok(Some(chunk))) => {
                let room = limit - bytes.len();
                bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    beyond = chunk.slice(room..);
                    break End::Oversized;
                }
            }
        }
    };
    Reading { bytes: bytes.into(), end, beyond }
}

/// What a whole body is.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    /// Nothing, or nothing but blanks.
    Empty,
    /// JSON, claimed or not.
    Json(Value),
    /// Not JSON, nor claimed to be.
    Text(String),
    /// Claimed to be JSON, and is not.
    NotAsClaimed,
}

/// Takes a body for what it is. `content_type` is the header's value.
///
/// JSON is UTF-8 (RFC 8259 section 8.1), whatever the charset parameter says; a byte order mark is passed over. JSON nested
/// deeper than [`MOST_LEVELS`] counts as none.
pub(super) fn content(content_type: Option<&str>, body: &[u8]) -> Content {
    within(MOST_LEVELS, content_type, body)
}

/// As [`content`], where what is kept lies one level deeper.
pub(super) fn enveloped(content_type: Option<&str>, body: &[u8]) -> Content {
    within(MOST_LEVELS + 1, content_type, body)
}

fn within(most_levels: usize, content_type: Option<&str>, body: &[u8]) -> Content {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Content::Empty;
    }
    match serde_json::from_slice(body) {
        Ok(json) if levels(&json) <= most_levels => Content::Json(json),
        Ok(_) if content_type.is_some_and(claims_json) => Content::NotAsClaimed,
        Err(_) if content_type.is_some_and(claims_json) => Content::NotAsClaimed,
        Ok(_) | Err(_) => Content::Text(String::from_utf8_lossy(body).into_owned()),
    }
}

/// Levels of a response that is kept: as many as a definition may have. In a result it lies a few levels deeper, and whoever
/// reads results reads so deep; many readers end at 128.
const MOST_LEVELS: usize = 64;

/// How deep `json` is nested: 0 for what holds nothing. serde_json has bounded it before.
fn levels(json: &serde_json::Value) -> usize {
    match json {
        serde_json::Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        serde_json::Value::Object(map) => 1 + map.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

/// `application/json`, `text/json`, or a type with the suffix `+json` (RFC 6839 section 3.1).
fn claims_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(media_type.as_str(), "application/json" | "text/json") || media_type.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_taken_for_what_it_is() {
        let json = Some("application/json");
        let text = |text: &str| Content::Text(text.into());
        for (content_type, body, expected) in [
            (json, &b"{\"a\":1}"[..], Content::Json(json!({"a": 1}))),
            (None, b"{\"a\":1}", Content::Json(json!({"a": 1}))),
            (Some("text/plain"), b"\"7\"", Content::Json(json!("7"))),
            (json, b"null", Content::Json(Value::Null)),
            (json, b"\xef\xbb\xbf{}", Content::Json(json!({}))),
            (json, b"", Content::Empty),
            (json, b" \r\n", Content::Empty),
            (None, b"\xef\xbb\xbf", Content::Empty),
            (json, b"{\"a\":1} x", Content::NotAsClaimed),
            (json, b"{\"a\":\"\xe9\"}", Content::NotAsClaimed),
            (json, b"<html>", Content::NotAsClaimed),
            (Some("Application/JSON ; charset=utf-8"), b"x", Content::NotAsClaimed),
            (Some("application/problem+json;charset=utf-8"), b"x", Content::NotAsClaimed),
            (Some("text/json"), b"x", Content::NotAsClaimed),
            (Some("application/jsonp"), b"x", text("x")),
            (Some("text/html; x=application/json"), b"<html>", text("<html>")),
            (None, b"caf\xe9", text("caf\u{fffd}")),
        ] {
            assert_eq!(content(content_type, body), expected, "{content_type:?} {:?}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn json_that_is_nested_too_deeply_is_none() {
        for levels in [65, 128, 100_000] {
            let deep = "[".repeat(levels) + &"]".repeat(levels);
            assert_eq!(content(Some("application/json"), deep.as_bytes()), Content::NotAsClaimed);
            assert_eq!(content(None, deep.as_bytes()), Content::Text(deep));
        }
        let deep_enough = "[".repeat(64) + &"]".repeat(64);
        assert!(matches!(content(None, deep_enough.as_bytes()), Content::Json(_)));
        let kept = format!("{{\"output\":{deep_enough}}}");
        assert!(matches!(enveloped(None, kept.as_bytes()), Content::Json(_)));
    }
}
