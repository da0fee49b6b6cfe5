//! The run core: a run is a fold over its log. [`RunState::apply`] folds, [`decide`](fn@decide) says what comes next, [`after`](fn@after) says
//! what one exchange means for its step. No clock, no randomness, no I/O: time and chance come in as values, so that
//! every state that a crash can leave is a value in a test.

mod after;
mod apply;
mod decide;
mod ending;
mod finished;
mod open;
mod ready;
mod resumes;
mod state;
#[cfg(test)]
mod tests;

pub use after::{After, Room, after, directive, may_be_sent_again, operation, undone};
pub use apply::Illegal;
pub use decide::{Command, Inputs, decide};
pub use ending::{Conclusion, conclude};
pub use finished::{Child, FinishedStep};
pub use open::{First, Job, OpenStep};
pub use ready::{Readiness, readiness, render};
pub use state::{Frame, RunState};
