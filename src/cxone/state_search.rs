//! The state in a job's answer whose rest is not kept: too large, or nothing that could be put into a result.

use std::fmt;
use std::io::{self, Read};

use bytes::Bytes;
use reqwest::Response;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// No more than so many times what is kept is read in search of a state: a small body can unpack to one without end.
const FURTHEST: usize = 16;
/// Pieces on their way to the search.
const PIECES: usize = 4;

/// The keys that lead to the state.
type Path = &'static [&'static str];

/// In a whole document. `None` also where it is none.
pub(super) fn in_document(path: Path, body: &[u8]) -> Option<String> {
    let mut found = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    Search { path, found: &mut found, to_its_end: true }.deserialize(&mut json).and_then(|()| json.end()).ok()?;
    found
}

/// In an answer of which `read` was read: goes on reading, and keeps nothing of it.
pub(super) async fn in_stream(
    path: Path,
    read: [Bytes; 2],
    response: &mut Response,
    limit: usize,
    deadline: Instant,
) -> Option<String> {
    let (pieces, waiting) = mpsc::channel(PIECES);
    let search = tokio::task::spawn_blocking(move || {
        let mut found = None;
        let mut json = serde_json::Deserializer::from_reader(Pieces { waiting, piece: Bytes::new() });
        // It ends in an error: at what was looked for, or where the text does.
        let _ = Search { path, found: &mut found, to_its_end: false }.deserialize(&mut json);
        found
    });
    let mut left = limit.saturating_mul(FURTHEST);
    let feed = async {
        for piece in read {
            pieces.send(piece).await.ok()?;
        }
        while let Ok(Ok(Some(piece))) = timeout_at(deadline, response.chunk()).await {
            left = left.checked_sub(piece.len())?;
            pieces.send(piece).await.ok()?;
        }
        Some(())
    };
    let _ = feed.await;
    drop(pieces);
    search.await.ok()?
}

/// The pieces as one text, in a thread that may wait.
struct Pieces {
    waiting: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.waiting.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let length = into.len().min(self.piece.len());
        into[..length].copy_from_slice(&self.piece.split_to(length));
        Ok(length)
    }
}

struct Search<'s> {
    path: Path,
    found: &'s mut Option<String>,
    to_its_end: bool,
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((first, rest)) = self.path.split_first() else { return Err(A::Error::custom("no path")) };
        while let Some(key) = map.next_key::<String>()? {
            if key != *first {
                map.next_value::<IgnoredAny>()?;
            } else if rest.is_empty() {
                *self.found = Some(map.next_value()?);
                if !self.to_its_end {
                    return Err(A::Error::custom("found"));
                }
            } else {
                map.next_value_seed(Search { path: rest, found: self.found, to_its_end: self.to_its_end })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_found_beside_what_cannot_be_kept() {
        let deep = format!(r#"{{"output": {}{}, "status": "COMPLETED"}}"#, "[".repeat(5_000), "]".repeat(5_000));
        for (body, status) in [
            (deep.as_str(), Some("COMPLETED")),
            (r#"{"output": 1e400, "status": "COMPLETED"}"#, Some("COMPLETED")),
            (r#"{"status": "FAILED", "output": "\ud800"}"#, Some("FAILED")),
            (r#"{"output": {"status": "COMPLETED"}}"#, None),
            (r#"{"status": "COMPLETED", "output": ["#, None),
            (r#"{"status": "COMPLETED"} x"#, None),
            (r#"["status"]"#, None),
            ("<html>", None),
        ] {
            assert_eq!(in_document(&["status"], body.as_bytes()).as_deref(), status, "{body:.60}");
        }
    }

    #[test]
    fn a_state_may_lie_deeper() {
        for (body, status) in [
            (r#"{"status": "A", "jobStatus": {"result": [1], "status": "B"}, "x": 1e400}"#, Some("B")),
            (r#"{"jobStatus": {"jobStatus": {"status": "A"}}}"#, None),
            (r#"{"jobStatus": "status"}"#, None),
            (r#"{"status": "A"}"#, None),
        ] {
            assert_eq!(in_document(&["jobStatus", "status"], body.as_bytes()).as_deref(), status, "{body}");
        }
    }

    #[tokio::test]
    async fn a_text_in_pieces_is_one_text() {
        let (pieces, waiting) = mpsc::channel(PIECES);
        for piece in ["", "on", "e ", "text"] {
            pieces.send(Bytes::from(piece)).await.unwrap();
        }
        drop(pieces);
        let text = tokio::task::spawn_blocking(|| io::read_to_string(Pieces { waiting, piece: Bytes::new() }));
        assert_eq!(text.await.unwrap().unwrap(), "one text");
    }
}
