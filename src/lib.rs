//! cxchain: a queue-driven worker that runs chains of NICE CXone actions.

pub mod chain;
pub mod cli;
pub mod ports;
pub mod simulator;
