//! What operators see of a worker.

mod logs;

pub use logs::{Format, Level, init};
