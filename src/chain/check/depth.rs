//! `max_depth`: how many steps a chain may have, those of the chains nested in it counted.

use std::fmt::{self, Display};

use super::super::json::Report;
use super::fields::Object;

/// The bound that holds for a chain, and who says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Depth {
    most: u64,
    given: bool,
}

impl Depth {
    /// The most that `max_depth` can be.
    pub(super) const MOST: u64 = 25;
    /// What it is for an outermost chain that does not say.
    pub(super) const USUAL: u64 = 10;

    /// The bound of a chain, `usual` unless it says. An invalid one is reported; nobody knows what was meant, so only the hard one
    /// counts.
    pub(super) fn of(object: &Object<'_, '_>, usual: u64, report: &mut Report<'_>) -> Self {
        match object.optional("max_depth").map(|field| field.integer(1..=Self::MOST, report)) {
            Some(Some(most)) => Self { most, given: true },
            Some(None) => Self { most: Self::MOST, given: false },
            None => Self { most: usual, given: false },
        }
    }

    /// Whether a chain may have so many steps.
    pub(super) fn allows(self, steps: usize) -> bool {
        (1..=self.most).contains(&(steps as u64))
    }
}

/// As what is allowed.
impl Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { most, given } = *self;
        match most {
            1 => f.write_str("1 step")?,
            _ => write!(f, "1 to {most} steps")?,
        }
        match (most, given) {
            (Self::MOST, _) => f.write_str(": max_depth cannot be more"),
            (_, true) => write!(f, ": max_depth is {most} here, and can be {} at most", Self::MOST),
            (_, false) => write!(f, ": max_depth is {most} unless given, and can be {} at most", Self::MOST),
        }
    }
}
