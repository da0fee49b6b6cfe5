//! What an evaluation may still spend. An expression of 100 bytes can ask for more than any machine has (each `| [@, @][]` doubles its
//! value), so everything that costs is paid for before it is done.

use super::bounds::{MAX_RENDERED, MAX_WORK};

/// Why an expression has no value. Quotes no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("takes more work than is allowed")]
    TooMuchWork,
    #[error("comes to more than {MAX_RENDERED} bytes")]
    TooLarge,
    #[error("lies in more than {max} arrays and objects", max = super::super::json::MAX_DEPTH)]
    TooDeep,
    #[error("gives {function} {got}, and it takes {wanted}")]
    Kind { function: &'static str, wanted: &'static str, got: &'static str },
    #[error("gives {function} an expression whose values are not all numbers or all strings")]
    Mixed { function: &'static str },
    #[error("comes to a number beyond the range of a 64-bit float")]
    Range,
}

/// Work and room for what belongs together: one payload, one condition, one `extract`.
#[derive(Debug)]
pub(super) struct Meter {
    work: usize,
    room: usize,
}

impl Meter {
    pub(super) fn new() -> Self {
        Self { work: MAX_WORK, room: MAX_RENDERED }
    }

    /// Pays for `units` of work.
    pub(super) fn work(&mut self, units: usize) -> Result<(), Trouble> {
        self.work = self.work.checked_sub(units).ok_or(Trouble::TooMuchWork)?;
        Ok(())
    }

    /// Pays for reading or writing `bytes` of text.
    pub(super) fn text(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.work(1 + bytes / 16)
    }

    /// Takes `bytes` of the room for what is rendered.
    pub(super) fn room(&mut self, bytes: usize) -> Result<(), Trouble> {
        self.room = self.room.checked_sub(bytes).ok_or(Trouble::TooLarge)?;
        Ok(())
    }
}
