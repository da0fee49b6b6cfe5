//! `[worker]`: this process.

use std::time::Duration;

use super::key::{Fallback, Key, Part};
use super::problem::Origin;
use super::reader::Section;
use super::shapes::{Integer, Span, Switch, Text};
use crate::chain::check::LARGEST_MESSAGE;

/// This worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its name in events and results: 1–128 of `[A-Za-z0-9._:-]`.
    pub id: String,
    /// How long a draining worker waits for the exchange in flight: 1–899 s.
    pub drain_timeout: Duration,
    /// The largest message body taken from a work queue, in bytes: 1 KiB – 16 MiB.
    pub max_message_bytes: usize,
    /// How much of a response is read, in bytes after decompression: 1 KiB – 64 MiB.
    pub max_response_bytes: usize,
    /// The largest result published, in bytes: 64 KiB – 16 MiB.
    pub max_result_bytes: usize,
    /// Whether a message without `run_id` and `message_id` is rejected.
    pub require_run_id: bool,
}

const ID: Key<Text> = Key::new(
    "id",
    Text { rule: "of 1 to 128 characters of A-Z a-z 0-9 . _ : -", valid: is_id },
    Fallback::Else("the host's name and the process id: `host-4711`"),
    "The worker's name in events and results. Must differ between workers.",
);
/// A run lasts 900 s at most, and RabbitMQ waits 1800 s for an ack: what is left bounds the drain.
const DRAIN_TIMEOUT: Key<Span> = Key::new(
    "drain_timeout",
    Span::between(Duration::from_secs(1), Duration::from_secs(899)),
    Fallback::Value("\"130s\""),
    "How long a stopping worker goes on with the runs in hand before it gives their messages back. With the longest run \
     (900s) it must stay under RabbitMQ's consumer timeout of 30 minutes.",
);
/// `worker.max_message_bytes` where nothing is configured.
pub const DEFAULT_MAX_MESSAGE_BYTES: usize = 1_048_576;
const MAX_MESSAGE_BYTES: Key<Integer> = Key::new(
    "max_message_bytes",
    Integer { min: 1 << 10, max: LARGEST_MESSAGE as u64 },
    Fallback::Value("1048576"),
    "The largest message taken from a work queue, in bytes; a larger one goes to the dead queue as `too_large`.",
);
const MAX_RESPONSE_BYTES: Key<Integer> = Key::new(
    "max_response_bytes",
    Integer { min: 1 << 10, max: 64 << 20 },
    Fallback::Value("4194304"),
    "How much of a response is read, in bytes after decompression.",
);
const MAX_RESULT_BYTES: Key<Integer> = Key::new(
    "max_result_bytes",
    Integer { min: 64 << 10, max: 16 << 20 },
    Fallback::Value("8388608"),
    "The largest result, in bytes; the largest response data are left out of a larger one.",
);
const REQUIRE_RUN_ID: Key<Switch> = Key::new(
    "require_run_id",
    Switch,
    Fallback::Value("false"),
    "Whether a message with neither `run_id` nor AMQP `message_id` is rejected.",
);

pub(super) const PART: Part = Part {
    pattern: "worker",
    about: "The worker process.",
    keys: &[&ID, &DRAIN_TIMEOUT, &MAX_MESSAGE_BYTES, &MAX_RESPONSE_BYTES, &MAX_RESULT_BYTES, &REQUIRE_RUN_ID],
};

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

/// `host` is the machine's name, for the default id.
pub(super) fn read(mut section: Section<'_>, host: &str) -> Worker {
    let worker = Worker {
        id: section.get(&ID).unwrap_or_else(|| {
            let id = default_id(host);
            section.show(ID.name, id.as_str().into(), Origin::Default);
            id
        }),
        drain_timeout: section.value(&DRAIN_TIMEOUT),
        max_message_bytes: bytes(section.value(&MAX_MESSAGE_BYTES)),
        max_response_bytes: bytes(section.value(&MAX_RESPONSE_BYTES)),
        max_result_bytes: bytes(section.value(&MAX_RESULT_BYTES)),
        require_run_id: section.value(&REQUIRE_RUN_ID),
    };
    section.finish();
    worker
}

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn default_id(host: &str) -> String {
    let host: String =
        host.chars().take(100).map(|c| if is_id(c.encode_utf8(&mut [0; 4])) { c } else { '-' }).collect();
    let host = if host.is_empty() { "worker" } else { &host };
    format!("{host}-{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_id_is_one_whatever_the_host_is_called() {
        for host in ["", "node-1.example", "höst name\n", &"x".repeat(500)] {
            assert!(is_id(&default_id(host)), "{host:?}");
        }
    }

    #[test]
    fn the_default_that_others_are_told_is_the_one_that_holds() {
        let Fallback::Value(default) = MAX_MESSAGE_BYTES.fallback else { panic!("a value") };
        assert_eq!(default, DEFAULT_MAX_MESSAGE_BYTES.to_string());
    }
}
