//! What integration tests share: a real RabbitMQ each can break, AMQP in a few words, and waiting without sleeping blindly.
//!
//! A test that leaves its broker alone takes [`Broker::shared`]; one that kills, stops or freezes it takes
//! [`Broker::start`]. On a shared broker every name comes from [`unique`], so that tests run side by side.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "every test program compiles this module for itself and uses a part of it"
)]

pub mod amqp;
mod broker;
mod container;
mod health;
mod hiccups;
pub mod load;
mod private;
pub mod proof;
pub mod run_log;
mod script;
mod stage;
mod wait;
pub mod wire;
pub mod worker;

pub use broker::{Broker, Listener};
pub use health::Health;
pub(crate) use hiccups::Hiccups;
pub use stage::{Caught, SOON, Stage};
pub use wait::eventually;
pub use worker::Worker;

/// A name that no other test uses: `orders-019a…`.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::now_v7().simple())
}
