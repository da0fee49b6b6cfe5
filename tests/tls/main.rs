//! TLS, with certificates that each test makes for itself: to a real RabbitMQ that wants a client certificate, and to the
//! simulator behind a server of TLS. All through the shipped binary.

#[path = "../support/mod.rs"]
mod support;

mod authority;
mod broker;
mod front;
mod handshakes;
mod outage;
mod system;
mod tenant;
