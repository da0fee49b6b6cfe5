//! What comes in over the broker, and how it is settled: by value, once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::time::Instant;

use super::BoxFuture;
use super::outbox::Stopped;

/// One message from a work queue, not settled yet.
pub struct Delivery {
    /// The work queue.
    pub queue: Arc<str>,
    /// The body as received. Everything in it is hostile.
    pub body: Bytes,
    /// The message's `message_id`.
    pub message_id: Option<String>,
    /// The message's `correlation_id`.
    pub correlation_id: Option<String>,
    /// The message's `reply_to`.
    pub reply_to: Option<String>,
    /// The header `traceparent`.
    pub traceparent: Option<String>,
    /// Whether the broker handed it out before.
    pub redelivered: bool,
    /// It was handed out before, and what was done for it then may be known to a journal that this worker's does not know of:
    /// without a log it is no message that nobody has begun.
    pub history_lost: bool,
    /// How it is settled.
    pub receipt: Box<dyn Receipt>,
}

/// Why a message goes to the dead exchange (`x-cxchain-reason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadReason {
    /// No valid chain definition.
    Invalid,
    /// Its run id belongs to a run of another definition.
    Conflict,
    /// Over `worker.max_message_bytes`.
    TooLarge,
    /// It was handed out before, to a worker with another journal, and nobody knows what was done for it.
    HistoryLost,
    /// Its run ended for its crashes: the copy is for whoever looks into them.
    CrashLoop,
}

impl DeadReason {
    /// As in the header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::HistoryLost => "history_lost",
            Self::CrashLoop => "crash_loop",
        }
    }
}

/// The channel that brought a delivery, for as long as somebody wants to know whether it broke.
#[derive(Debug, Clone, Default)]
pub struct Tether(Arc<OnceLock<Instant>>);

impl Tether {
    /// The channel is lost, and with it whatever was said on it that did not arrive.
    pub fn cut(&self) {
        // The first loss counts.
        let _ = self.0.set(Instant::now());
    }

    /// When it was found to be lost.
    #[must_use]
    pub fn cut_at(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}

/// The right to settle one delivery.
pub trait Receipt: Send + Sync {
    /// Whether the channel that brought the delivery still stands. A receipt of a lost one settles nothing: the broker
    /// delivers the message again.
    fn is_usable(&self) -> bool;

    /// What tells later whether an acknowledgement may have been lost on its way.
    fn tether(&self) -> Tether {
        Tether::default()
    }

    /// Acknowledges. False: not acknowledged, the message comes again. True: it was said; nobody answers to an
    /// acknowledgement, so one that was said right before the channel was lost may not have arrived.
    fn ack(self: Box<Self>) -> BoxFuture<'static, bool>;

    /// Gives the message back to its queue. Never as a back-off.
    fn requeue(self: Box<Self>) -> BoxFuture<'static, ()>;

    /// Publishes a copy on the dead exchange and waits for its confirm: the same body and properties, with the reason and
    /// the problems (JSON) as headers.
    ///
    /// # Errors
    /// [`Stopped`] when the worker stops.
    fn bury<'a>(&'a self, reason: DeadReason, problems: String) -> BoxFuture<'a, Result<(), Stopped>>;
}

/// Where deliveries come from.
pub trait Inbox: Send {
    /// The next delivery; `None` once consuming has stopped and nothing is left in hand.
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>>;
}
