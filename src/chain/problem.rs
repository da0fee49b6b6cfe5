//! What is wrong with a message, said to the person who has to mend it.
//!
//! A problem goes into the dead letter's headers, the `run.rejected` event, the log and the terminal. So it names the
//! place and the rule, and never a value of the message; and whatever the message holds, the report stays small: every
//! text is bounded, and so is their number.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// One thing that is wrong with a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Where: an RFC 6901 JSON pointer; `""` is the whole message. Keys in it are cut at 64 characters and the whole at
    /// 512 bytes, both marked by `…`; characters that a terminal would act upon are escaped.
    pub pointer: String,
    /// What is wrong, as a phrase that follows the pointer. What is remarked on that, after a semicolon, is often what was
    /// probably meant.
    #[serde(rename = "problem")]
    pub what: String,
    /// What would be right, where that can be said shortly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// The line in the body, from 1.
    pub line: usize,
    /// The column in that line, in characters, from 1.
    pub column: usize,
    /// The bytes of the body that it is about, for whoever shows the source.
    #[serde(skip)]
    pub span: Range<usize>,
}

impl Problem {
    /// A problem of the message as a whole.
    #[must_use]
    pub fn of_message(what: String, allowed: Option<String>) -> Self {
        Self { pointer: String::new(), what, allowed, line: 1, column: 1, span: 0..0 }
    }

    /// Whether it is one of the message as a whole, and of no part of it.
    #[must_use]
    pub fn is_of_message(&self) -> bool {
        self.pointer.is_empty() && self.span == (0..0)
    }

    /// What is wrong, and what is remarked on that.
    #[must_use]
    pub fn parts(&self) -> (&str, Option<&str>) {
        match self.what.split_once("; ") {
            Some((what, remark)) => (what, Some(remark)),
            None => (&self.what, None),
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { list: vec![problem], more: 0 }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ", self.line, self.column)?;
        f.write_str(if self.pointer.is_empty() { "the message" } else { &self.pointer })?;
        write!(f, " {}", self.what)?;
        match &self.allowed {
            Some(allowed) => write!(f, " (allowed: {allowed})"),
            None => Ok(()),
        }
    }
}

/// The problems of one message, in the order of the body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Problems {
    #[serde(rename = "problems")]
    list: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// How many problems are kept in full; further ones are counted.
    pub const KEPT: usize = 100;
    /// How many entries [`brief`](Self::brief) has at most.
    pub const BRIEF_ENTRIES: usize = 20;
    /// How many bytes [`brief`](Self::brief) takes as JSON at most.
    pub const BRIEF_BYTES: usize = 8 * 1024;

    /// The problems that were kept, at most [`KEPT`](Self::KEPT).
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.list
    }

    /// How many were found beyond those kept.
    #[must_use]
    pub fn more(&self) -> usize {
        self.more
    }

    /// How many were found.
    #[must_use]
    pub fn total(&self) -> usize {
        self.list.len() + self.more
    }

    /// Whether none was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Keeps what `problem` makes, or only counts it: a message of 100,000 faults costs 100 texts.
    pub(super) fn push(&mut self, problem: impl FnOnce() -> Problem) {
        if self.list.len() < Self::KEPT {
            self.list.push(problem());
        } else {
            self.more += 1;
        }
    }

    /// Brings the problems into the order of the body.
    pub(super) fn sort(&mut self) {
        self.list.sort_by_key(|problem| problem.span.start);
    }

    /// As many problems, from the first, as fit into a message header or an event: at most 20 entries and 8 KiB of JSON.
    /// Where some are left out, the last entry counts them.
    #[must_use]
    pub fn brief(&self) -> Vec<Problem> {
        let mut size = "[]".len();
        let fitting = self
            .list
            .iter()
            .take_while(|problem| {
                size += json_len(problem) + ",".len();
                size <= Self::BRIEF_BYTES
            })
            .take(Self::BRIEF_ENTRIES)
            .count();
        if fitting == self.total() {
            return self.list.clone();
        }
        // The entry that counts the rest needs room too, within both bounds.
        let mut entries = self.list[..fitting.min(Self::BRIEF_ENTRIES - 1)].to_vec();
        loop {
            let rest = rest(self.total() - entries.len());
            let bytes: usize = entries.iter().chain([&rest]).map(|entry| json_len(entry) + ",".len()).sum();
            if bytes + "[]".len() <= Self::BRIEF_BYTES || entries.pop().is_none() {
                entries.push(rest);
                return entries;
            }
        }
    }

    /// [`brief`](Self::brief) as a JSON array: the value of the header `x-cxchain-problems`.
    #[must_use]
    pub fn to_header(&self) -> String {
        json(&self.brief())
    }
}

fn rest(count: usize) -> Problem {
    Problem {
        pointer: String::new(),
        what: format!("has {count} more {}", if count == 1 { "problem" } else { "problems" }),
        allowed: None,
        line: 1,
        column: 1,
        span: 0..0,
    }
}

fn json_len(problem: &Problem) -> usize {
    json(problem).len()
}

fn json(value: &impl Serialize) -> String {
    // Only strings and integers are in there: there is nothing that could fail.
    serde_json::to_string(value).unwrap_or_default()
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.list.iter().enumerate() {
            let end_of_last = if i == 0 { "" } else { "\n" };
            write!(f, "{end_of_last}{problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(count: usize, pointer: &str) -> Problems {
        let mut problems = Problems::default();
        for line in 1..=count {
            problems.push(|| Problem {
                pointer: pointer.into(),
                what: "is wrong".into(),
                allowed: Some("what is right".into()),
                line,
                column: 3,
                span: line..line,
            });
        }
        problems
    }

    #[test]
    fn a_problem_reads_as_a_sentence() {
        insta::assert_snapshot!(problems(2, "/steps/0/id"), @r"
        1:3 /steps/0/id is wrong (allowed: what is right)
        2:3 /steps/0/id is wrong (allowed: what is right)
        ");
        insta::assert_snapshot!(problems(1, ""), @"1:3 the message is wrong (allowed: what is right)");
    }

    #[test]
    fn a_hundred_are_kept_and_the_others_counted() {
        let many = problems(100_000, "/a");
        assert_eq!((many.list().len(), many.more(), many.total()), (100, 99_900, 100_000));
        assert!(many.to_string().ends_with("\nand 99900 more"));
    }

    #[test]
    fn the_header_is_json_with_the_fields_of_the_contract() {
        insta::assert_snapshot!(
            problems(1, "/a").to_header(),
            @r#"[{"pointer":"/a","problem":"is wrong","allowed":"what is right","line":1,"column":3}]"#
        );
        assert_eq!(Problems::default().to_header(), "[]");
    }

    #[test]
    fn the_header_has_at_most_20_entries_and_says_how_many_are_missing() {
        assert_eq!(problems(20, "/a").brief(), problems(20, "/a").list());
        let brief = problems(21, "/a").brief();
        assert_eq!(brief.len(), 20);
        assert_eq!(brief[19].what, "has 2 more problems");
    }

    #[test]
    fn the_header_takes_at_most_8_kib_however_long_the_pointers() {
        for length in (0..512).step_by(7) {
            for count in [1, 2, 19, 20, 21, 100, 1_000] {
                let problems = problems(count, &"\"".repeat(length));
                let header = problems.to_header();
                assert!(header.len() <= Problems::BRIEF_BYTES, "{length} {count}: {}", header.len());
                let entries: Vec<serde_json::Value> = serde_json::from_str(&header).unwrap();
                assert!((1..=20).contains(&entries.len()));
            }
        }
    }
}
