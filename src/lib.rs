//! cxchain: a queue-driven worker that runs chains of NICE CXone actions.

pub mod amqp;
pub mod chain;
pub mod failpoint;
pub mod journal;
pub mod ports;
pub mod runner;
