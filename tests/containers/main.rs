//! The container stack of deploy/: the image is built, the stack started by its own script, and its workers killed, stopped and
//! looked at from outside. `deploy/with-docker -- cargo test --test containers`, which needs no image from any registry: what
//! the image stands on is made of Debian packages, and the program is this build's.
//!
//! CI runs it. It is no part of `make test`, since Docker is not on every machine; where it is missing, these tests fail.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod docker;
mod image;
mod kill;
mod leftovers;
mod rights;
mod samples;
mod secrecy;
mod stack;
mod stop;
#[path = "../support/mod.rs"]
mod support;
mod traffic;
