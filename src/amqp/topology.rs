//! The exchanges and queues that the worker stands on, as data: declared, looked at, or printed.

use std::collections::BTreeSet;
use std::fmt;

use lapin::Connection;
use serde::Serialize;

use self::object::{Argument, Binding, Exchange, Kind, Queue, number, text};
use super::claim::claim_queue;
use super::finding::{Mismatch, TopologyError};
use super::letter::Names;
use super::lock;

mod object;

/// Deliveries of one message before the broker dead-letters it: the last net under a message that kills every worker.
const DELIVERY_LIMIT: i64 = 100;
/// Streams drop whole segments only, so a segment is to be small against the bound.
const SEGMENT_BYTES: i64 = 50_000_000;

/// How much the log streams keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamBounds {
    /// `logs.audit`.
    pub audit: Option<String>,
    /// `logs.results`.
    pub results: Option<String>,
    /// `logs.max_age`, in RabbitMQ's form: `7D`.
    pub max_age: String,
    /// `logs.max_bytes`.
    pub max_bytes: u64,
}

/// Everything that is declared, in an order in which it can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Topology {
    exchanges: Vec<Exchange>,
    queues: Vec<Queue>,
    bindings: Vec<Binding>,
    /// Exclusive queues: neither declared nor looked for here, for each is its worker's own.
    locks: Vec<String>,
}

/// What is there of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Declared {
    /// As wanted.
    AsWanted,
    /// It is there; this user may not see whether it is as wanted.
    There,
    /// It is not there.
    Missing,
    /// It is there and differs.
    Differs(Mismatch),
}

impl Topology {
    /// What a worker with these names needs. `work_queues` are the names of its work queues; `claimed`: its journal holds them, so
    /// each has a queue for its claim, and a lock that the worker makes itself.
    #[must_use]
    pub fn new(names: &Names, control: &str, work_queues: &[String], claimed: bool, streams: &StreamBounds) -> Self {
        let exchange = |name: &str, kind| Exchange { name: name.into(), kind };
        let mut topology = Self {
            exchanges: vec![
                exchange(&names.results, Kind::Topic),
                exchange(&names.audit, Kind::Topic),
                exchange(&names.dead, Kind::Topic),
                exchange(control, Kind::Fanout),
            ],
            queues: vec![Queue { name: names.dead.clone(), arguments: vec![text("x-queue-type", "quorum")] }],
            bindings: vec![Binding::all(&names.dead, &names.dead)],
            locks: Vec::new(),
        };
        for name in work_queues {
            topology.queues.push(Queue { name: name.clone(), arguments: work_queue(&names.dead) });
            if claimed {
                topology.queues.push(Queue { name: claim_queue(name), arguments: one_message() });
                topology.locks.push(lock::name(name));
            }
        }
        for (stream, exchange) in [(&streams.audit, &names.audit), (&streams.results, &names.results)] {
            if let Some(name) = stream {
                topology.queues.push(Queue { name: name.clone(), arguments: stream_arguments(streams) });
                topology.bindings.push(Binding::all(name, exchange));
            }
        }
        topology
    }

    /// Declares everything: makes what is missing, and finds what differs.
    ///
    /// # Errors
    /// [`TopologyError`] with all that differs.
    pub async fn apply(&self, connection: &Connection) -> Result<(), TopologyError> {
        let mut mismatches = Vec::new();
        for exchange in &self.exchanges {
            mismatches.extend(exchange.declare(connection, false).await?);
        }
        for queue in &self.queues {
            mismatches.extend(queue.declare(connection, false).await?);
        }
        // What is not as wanted may be somebody else's: nothing is bound to it. All else is put right.
        let differs = mismatches.iter().map(|mismatch| mismatch.object.clone()).collect::<BTreeSet<_>>();
        for binding in self.bindings.iter().filter(|binding| binding.ends().iter().all(|end| !differs.contains(end))) {
            mismatches.extend(binding.declare(connection).await?);
        }
        if mismatches.is_empty() { Ok(()) } else { Err(TopologyError::Mismatch(mismatches)) }
    }

    /// Looks without declaring: for a user that may not (`broker.declare = false`). It finds what is missing; AMQP tells
    /// nobody the arguments of what is there.
    ///
    /// # Errors
    /// [`TopologyError`] with all that is missing.
    pub async fn look(&self, connection: &Connection) -> Result<(), TopologyError> {
        let mut missing = Vec::new();
        for exchange in &self.exchanges {
            missing.extend(exchange.declare(connection, true).await?);
        }
        for queue in &self.queues {
            missing.extend(queue.declare(connection, true).await?);
        }
        if missing.is_empty() { Ok(()) } else { Err(TopologyError::Mismatch(missing)) }
    }

    /// What is there of each object, making nothing: an object that is there is declared again, which the broker answers by
    /// comparing.
    ///
    /// # Errors
    /// [`TopologyError::Connection`].
    pub async fn check(&self, connection: &Connection) -> Result<Vec<(String, Declared)>, TopologyError> {
        let mut found = Vec::new();
        for exchange in &self.exchanges {
            let missing = exchange.declare(connection, true).await?;
            let state = match missing {
                Some(_) => Declared::Missing,
                None => compared(exchange.declare(connection, false).await?),
            };
            found.push((exchange.object(), state));
        }
        for queue in &self.queues {
            let missing = queue.declare(connection, true).await?;
            let state = match missing {
                Some(_) => Declared::Missing,
                None => compared(queue.declare(connection, false).await?),
            };
            found.push((queue.object(), state));
        }
        Ok(found)
    }
}

impl Topology {
    /// The queues' names, streams among them.
    pub fn queue_names(&self) -> impl Iterator<Item = &str> {
        self.queues.iter().map(|queue| queue.name.as_str())
    }

    /// The exchanges' names.
    pub fn exchange_names(&self) -> impl Iterator<Item = &str> {
        self.exchanges.iter().map(|exchange| exchange.name.as_str())
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for exchange in &self.exchanges {
            writeln!(f, "exchange {:<24} {}", exchange.name, exchange.kind.name())?;
        }
        for queue in &self.queues {
            let arguments: Vec<String> = queue.arguments.iter().map(|(k, v)| format!("{k}={v}")).collect();
            writeln!(f, "queue    {:<24} {}", queue.name, arguments.join(" "))?;
        }
        for binding in &self.bindings {
            writeln!(f, "binding  {:<24} from {} with {}", binding.queue, binding.exchange, binding.routing_key)?;
        }
        for lock in &self.locks {
            writeln!(f, "lock     {lock:<24} exclusive, made by the worker that works on the queue")?;
        }
        Ok(())
    }
}

/// At-least-once dead-lettering is silently at-most-once unless the overflow is reject-publish
/// (<https://www.rabbitmq.com/docs/quorum-queues#dead-lettering>).
fn work_queue(dead: &str) -> Vec<(String, Argument)> {
    vec![
        text("x-queue-type", "quorum"),
        text("x-dead-letter-exchange", dead),
        text("x-dead-letter-strategy", "at-least-once"),
        text("x-overflow", "reject-publish"),
        number("x-delivery-limit", DELIVERY_LIMIT),
    ]
}

/// The newest message stays: publishing it drops the one before in the same step.
fn one_message() -> Vec<(String, Argument)> {
    vec![text("x-queue-type", "classic"), number("x-max-length", 1)]
}

fn stream_arguments(bounds: &StreamBounds) -> Vec<(String, Argument)> {
    let most = i64::try_from(bounds.max_bytes).unwrap_or(i64::MAX);
    vec![
        text("x-queue-type", "stream"),
        text("x-max-age", &bounds.max_age),
        number("x-max-length-bytes", most),
        number("x-stream-max-segment-size-bytes", SEGMENT_BYTES),
    ]
}

fn compared(mismatch: Option<Mismatch>) -> Declared {
    match mismatch {
        None => Declared::AsWanted,
        Some(mismatch) if mismatch.is_forbidden() => Declared::There,
        Some(mismatch) => Declared::Differs(mismatch),
    }
}
