//! cxchain: a queue-driven worker that runs chains of NICE CXone actions.

pub mod amqp;
pub mod app;
pub mod chain;
pub mod cli;
pub mod config;
pub mod cxone;
pub mod failpoint;
pub mod gate;
pub mod journal;
pub mod ops;
pub mod ports;
pub mod runner;
pub mod simulator;
pub mod worker;
