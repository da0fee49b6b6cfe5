//! What operators see of a worker.

mod logs;
mod open_files;

pub use logs::{Format, Level, init};
pub use open_files::raise_open_files;
