//! The journal in a SQLite file: one process writes it, everybody may read it.

mod encoding;
mod error;
mod fault;
mod log;
mod prune;
mod reader;
mod schema;

pub use error::FileError;
pub use prune::{Pruned, prune};
pub use reader::{Filter, ReadError, Reader, RunPhase, RunSummary, Stats};
