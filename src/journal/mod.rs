//! The journals: where run logs live. One contract (`ports::Journal`), one suite of tests over every kind.

mod memory;

pub use memory::{MemoryJournal, MemorySettings};
