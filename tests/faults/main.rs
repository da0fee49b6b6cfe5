//! Faults between the worker and its broker that leave both alive: silence, blocked and flapping connections, channels that are
//! closed, queues and exchanges that are deleted. All through the shipped binary under load, against a real RabbitMQ; the
//! simulator's counts are the witness that nothing ran twice, and the audit log that nothing is missing.

#[path = "../support/mod.rs"]
mod support;

mod blocked;
mod cable;
mod connections;
mod half_open;
mod lost_words;
mod queue_gone;
mod soak;
mod topology_gone;
mod waits;
