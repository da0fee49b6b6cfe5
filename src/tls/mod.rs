//! TLS as a client: whom we trust, who we are, and what it means when a handshake fails.
//!
//! `config` checks the files with it, `amqp` and `cxone` connect with it. rustls with ring; verification is always on: there
//! is no way to switch it off.

mod fault;
mod files;
mod pem;

pub use fault::{Fault, Refused, SpeaksTls};
pub use files::{FileProblem, Files, Identity, Which};
pub use pem::authorities;
