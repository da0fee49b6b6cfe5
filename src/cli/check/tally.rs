//! What several files come to.

use std::fmt;

use super::super::Exit;
use super::super::figures::count;

/// The files so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    valid: u64,
    invalid: u64,
    problems: u64,
    /// Files that could not be read.
    pub(super) unread: u64,
}

impl Tally {
    /// One more file, with so many problems.
    pub(super) fn add(&mut self, problems: usize) {
        self.problems += problems as u64;
        if problems == 0 {
            self.valid += 1;
        } else {
            self.invalid += 1;
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match (self.unread, self.invalid) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::InvalidChain,
            _ => Exit::Usage,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} valid", count(self.valid + self.invalid + self.unread, "file"), self.valid)?;
        if self.invalid > 0 {
            write!(f, ", {} with {}", self.invalid, count(self.problems, "problem"))?;
        }
        if self.unread > 0 {
            write!(f, ", {} not read", self.unread)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_is_one_line_and_the_worst_is_the_exit() {
        let mut tally = Tally::default();
        tally.add(0);
        assert_eq!((tally.to_string().as_str(), tally.exit()), ("1 file: 1 valid", Exit::Done));
        tally.add(0);
        tally.add(4);
        assert_eq!(
            (tally.to_string().as_str(), tally.exit()),
            ("3 files: 2 valid, 1 with 4 problems", Exit::InvalidChain)
        );
        tally.unread += 1;
        assert_eq!(tally.to_string(), "4 files: 2 valid, 1 with 4 problems, 1 not read");
        assert_eq!(tally.exit(), Exit::Usage);
    }
}
