//! cxchain is a queue-driven background worker. Upstream systems put *chain definitions*, ordered lists of NICE CXone calls, into
//! a RabbitMQ queue; cxchain makes the calls of each one after the other, inside the tenant's rate limit and under a timeout
//! for each step, and publishes an audit event for every call that mattered and one result for every chain.
//!
//! What it promises: processing at least once; no acknowledgement before the result and all events of the run are confirmed by
//! the broker; a step whose outcome is known is not sent again while the journal lives; one whose outcome is unknown is not
//! sent again unless its author says that this is safe; every accepted run ends in a result; ids that stay the same, so
//! that a consumer can drop duplicates.
//!
//! The map, in the direction of the imports (`tests/architecture` holds it; docs/ARCHITECTURE.md tells the story):
//!
//! | room | what it is for |
//! |---|---|
//! | [`chain`] | pure: definitions and their check, the run log, what a run does next, the result |
//! | [`ports`] | what a run needs of the world, one trait each |
//! | [`runner`] | drives one run through the ports, in an order that never changes |
//! | [`worker`] | deliveries in, live runs, rejections, drain |
//! | [`amqp`], [`cxone`], [`gate`], [`journal`] | the adapters: RabbitMQ, the platform, the quota, the run logs |
//! | [`tls`] | what both of them need of TLS: whom to trust, who we are, what went wrong |
//! | [`config`], [`ops`] | what operators set, and what they see |
//! | [`app`] | the composition root |
//! | [`cli`] | the commands |
//! | [`simulator`] | a CXone to try things on, and the tests' witness |

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
pub mod tls;
pub mod worker;
