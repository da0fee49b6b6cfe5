//! The run core: a run is a fold over its log. [`RunState::apply`] folds, [`decide`](fn@decide) says what comes next, [`after`](fn@after) says
//! what one exchange means for its step. No clock, no randomness, no I/O: time and chance come in as values, so that
//! every state that a crash can leave is a value in a test.

mod after;
mod decide;
mod resumes;
mod state;
mod step;
#[cfg(test)]
mod tests;

pub use after::{After, Room, after, directive, undone};
pub use decide::{Command, Inputs, applied, decide};
pub use state::{Illegal, RunState};
pub use step::{FinishedStep, Job, OpenStep};
