//! cxchain: a queue-driven worker that runs chains of NICE CXone actions.

pub mod chain;
pub mod cxone;
pub mod ports;
