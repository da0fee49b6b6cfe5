//! What leaves the worker over the broker.

use bytes::Bytes;

use super::BoxFuture;
use crate::chain::stamp::Millis;

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// The results exchange.
    Results {
        /// `{tenant}.{final_status}`.
        routing_key: String,
    },
    /// The audit exchange.
    Audit {
        /// `{tenant}.{event}`, and more for some.
        routing_key: String,
    },
    /// The queue that the input named in `reply_to`.
    Reply {
        /// Its name.
        queue: String,
    },
}

/// One message to be published: persistent, mandatory, `application/json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where it goes.
    pub to: Destination,
    /// Stable, so that a consumer can drop duplicates.
    pub message_id: String,
    /// The message's `type`: the body's schema.
    pub schema: String,
    /// The body.
    pub body: Bytes,
    /// The input's, else the run id.
    pub correlation_id: Option<String>,
    /// The input's W3C trace context.
    pub traceparent: Option<String>,
    /// When what it tells of happened.
    pub timestamp: Millis,
}

/// The worker stops; nobody publishes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("publishing has stopped")]
pub struct Stopped;

/// Publishes.
pub trait Outbox: Send + Sync {
    /// Publishes until the broker has confirmed that a queue holds the message: through lost connections, lost confirms,
    /// refusals and messages that come back, for as long as it takes. The same message may then be there twice, with the same id.
    ///
    /// # Errors
    /// [`Stopped`] when the worker stops.
    fn publish(&self, message: Outgoing) -> BoxFuture<'_, Result<(), Stopped>>;

    /// Publishes once and looks at what came of it only to log it.
    fn try_publish(&self, message: Outgoing) -> BoxFuture<'_, ()>;

    /// Waits until the broker takes messages: connected and not blocked. New runs start only then.
    fn ready(&self) -> BoxFuture<'_, ()>;
}
