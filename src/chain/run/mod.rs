//! The run core: a run is a fold over its log. [`RunState::apply`] folds, [`decide()`] says what comes next, [`after()`] says
//! what one exchange means for its step. No clock, no randomness, no I/O: time and chance come in as values, so that
//! every state that a crash can leave is a value in a test.

mod after;
mod decide;
mod state;
#[cfg(test)]
mod tests;

pub use after::{After, Room, after, directive, undone};
pub use decide::{Command, Inputs, applied, decide};
pub use state::{FinishedStep, Illegal, OpenStep, RunState};
