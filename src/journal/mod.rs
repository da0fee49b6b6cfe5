//! The journals: where run logs live. One contract (`ports::Journal`), one suite of tests over every kind.

mod memory;
pub mod sqlite;
mod watched;

pub use memory::{MemoryJournal, MemorySettings};
pub use sqlite::{SqliteJournal, SqliteSettings};
pub use watched::{JournalState, Watched};
