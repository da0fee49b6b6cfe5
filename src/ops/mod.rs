//! What operators see of a worker: its logs, and whether it is well.

mod health;
mod logs;
mod open_files;
mod server;

pub use health::{Check, Checks, Connection, Gate, Health, Journal, LastError, Publishing, Queue, Status, Token, Work};
pub use logs::{Format, Level, init};
pub use open_files::raise_open_files;
pub use server::{Probe, Server};
