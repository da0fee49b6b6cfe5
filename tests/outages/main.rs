//! What breaks around the worker while it works: the broker, the worker itself, the answers of the platform. All through the
//! shipped binary, a real RabbitMQ and real signals; the simulator's counts are the witness that nothing ran twice.

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod broker_gone;
mod drain_cut_short;
mod refusals;
mod signals;
mod worker_killed;
