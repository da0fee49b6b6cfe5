//! What happened, in order, with the time at which it did: the one witness of every test.

use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::ports::{Clock, Dice};

#[derive(Clone)]
pub(crate) struct Tape {
    start: Instant,
    lines: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Tape {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), lines: Arc::default() }
    }

    pub(crate) fn say(&self, what: impl Into<String>) {
        self.lines.lock().unwrap().push((self.start.elapsed(), what.into()));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    /// Those that begin with one of `words`.
    pub(crate) fn only(&self, words: &[&str]) -> Vec<String> {
        self.lines().into_iter().filter(|line| words.iter().any(|word| line.starts_with(word))).collect()
    }

    /// Those that begin with one of `words`, with their milliseconds.
    pub(crate) fn timed(&self, words: &[&str]) -> String {
        let lines = self.lines.lock().unwrap();
        let wanted = lines.iter().filter(|(_, line)| words.iter().any(|word| line.starts_with(word)));
        wanted.fold(String::new(), |mut out, (at, line)| {
            writeln!(out, "{:>6} {line}", at.as_millis()).unwrap();
            out
        })
    }

    pub(crate) fn all(&self) -> String {
        self.timed(&[""])
    }

    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.only(&[beginning]).len()
    }
}

/// The time of day, tied to tokio's clock.
pub(crate) struct TapeClock(pub(crate) Instant);

impl TapeClock {
    /// 2026-01-01T00:00:00Z.
    pub(crate) const START: i64 = 1_767_225_600_000;

    pub(crate) fn at(span: Duration) -> Timestamp {
        Timestamp::from_millisecond(Self::START).unwrap() + span
    }
}

impl Clock for TapeClock {
    fn now(&self) -> Timestamp {
        Self::at(self.0.elapsed())
    }
}

/// Always the most.
pub(crate) struct FixedDice;

impl Dice for FixedDice {
    fn up_to(&self, most: Duration) -> Duration {
        most
    }
}
