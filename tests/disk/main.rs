//! The disk below a worker's journal: full, failing, read-only, damaged, taken away. All through the shipped binary against a real
//! RabbitMQ; the simulator's counts are the witness that nothing is sent that could not be recorded.

#[path = "../support/mod.rs"]
mod support;

mod damaged;
mod disk;
mod refused;
mod trouble;
