//! RabbitMQ: the only room that knows lapin.
//!
//! Two connections, one that consumes and one that publishes, since the broker blocks whole connections that publish when it
//! is short of memory or disk. Each has one owner (`link`) that rebuilds it from nothing when it is lost; lapin's own
//! recovery stays off. What the broker sends passes a `sieve` first, since lapin does not survive every message that RabbitMQ
//! passes on. Nothing of lapin crosses this room's border.

mod adoption;
mod claim;
mod client;
mod connect;
mod consumer;
mod custody;
mod finding;
mod letter;
mod link;
mod lock;
mod publisher;
mod receipt;
mod rights;
mod sieve;
mod status;
mod subscription;
mod tap;
mod topology;
mod vacancy;
mod wire;

pub use claim::{Claim, Found};
pub use client::{Client, ClientError, Feed, Followed};
pub use connect::{ConnectError, Retry};
pub use consumer::{ConsumeError, Consumer, ConsumerSettings, QueueSettings};
pub use finding::{Mismatch, TopologyError};
pub use link::{Link, LinkSettings};
pub use lock::Locked;
pub use publisher::{Names, Publisher};
pub use rights::may_work;
pub use status::{LinkState, PublisherStatus, QueueState};
pub use topology::{Declared, StreamBounds, Topology};
