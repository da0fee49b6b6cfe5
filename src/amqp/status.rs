//! How connections, work queues and the publishing side stand, for whoever asks.

use std::sync::{Arc, Mutex, PoisonError};

use lapin::ErrorKind;

use super::rights::{Doing, explain};

/// How a connection stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LinkState {
    /// There is none; the owner tries to make one.
    #[default]
    Connecting,
    /// It stands.
    Connected,
    /// It stands, and the broker takes no messages on it: its reason.
    Blocked(String),
    /// It is closed for good.
    Closed,
}

/// How consuming from a work queue stands. All but the last are tried to be mended until the worker stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueState {
    /// It has not begun.
    #[default]
    Connecting,
    /// The broker hands messages out.
    Consuming,
    /// The broker ended the consumer: the queue was deleted, or lost its leader.
    Cancelled,
    /// There is no such queue.
    Gone,
    /// The queue is not what a worker needs: it was made anew by somebody, with other arguments.
    Differs,
    /// The broker closed the channel over an error.
    ChannelClosed,
    /// The connection broke, or does not answer.
    ConnectionLost,
    /// Another connection holds the queue's lock.
    Locked,
    /// The journal does not take the queue's runs over.
    NoJournal,
    /// The worker takes nothing new.
    Stopped,
}

/// Why a consumer is over.
#[derive(Debug)]
pub(super) struct Break {
    pub(super) state: QueueState,
    pub(super) why: String,
}

impl From<lapin::Error> for Break {
    fn from(error: lapin::Error) -> Self {
        const NOT_FOUND: u16 = 404;
        let state = match error.kind() {
            ErrorKind::ProtocolError(said) if said.get_id() == NOT_FOUND => QueueState::Gone,
            ErrorKind::ProtocolError(_) if error.is_amqp_soft_error() => QueueState::ChannelClosed,
            _ => QueueState::ConnectionLost,
        };
        Self { state, why: explain(&error, Doing::Consuming) }
    }
}

/// How the publishing side stands, besides its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherStatus {
    /// Channels, each with one message in flight.
    pub lanes: usize,
    /// Messages that wait for a lane.
    pub waiting: usize,
    /// Messages that the broker did not take at first: each is tried again until it does.
    pub retrying: usize,
    /// Why the last of them was not taken.
    pub last_setback: Option<String>,
}

/// The messages that are tried again.
#[derive(Debug, Clone, Default)]
pub(super) struct Retrying(Arc<Retried>);

#[derive(Debug, Default)]
struct Retried {
    last: Mutex<Option<String>>,
    /// One clone for every message: whatever becomes of its task, none is counted for ever.
    each: Arc<()>,
}

/// One message that is tried again, for as long as this lives.
#[derive(Debug)]
pub(super) struct Again(#[expect(dead_code, reason = "held, never read: its clones are counted")] Arc<()>);

impl Retrying {
    pub(super) fn one(&self, setback: &impl ToString) -> Again {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(setback.to_string());
        Again(Arc::clone(&self.0.each))
    }

    pub(super) fn count(&self) -> usize {
        Arc::strong_count(&self.0.each) - 1
    }

    pub(super) fn last(&self) -> Option<String> {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use lapin::protocol::{AMQPError, AMQPErrorKind, AMQPHardError, AMQPSoftError};

    use super::*;

    #[test]
    fn what_ended_a_consumer_is_told_apart() {
        let ended = |kind: AMQPErrorKind, said: &str| {
            let told = Break::from(lapin::Error::from(ErrorKind::ProtocolError(AMQPError::new(kind, said.into()))));
            assert!(told.why.contains(said), "{told:?}");
            told.state
        };
        let gone = ended(AMQPSoftError::NOTFOUND.into(), "NOT_FOUND - no queue 'q' in vhost '/'");
        assert_eq!(gone, QueueState::Gone);
        let late =
            ended(AMQPSoftError::PRECONDITIONFAILED.into(), "PRECONDITION_FAILED - delivery acknowledgement timed out");
        assert_eq!(late, QueueState::ChannelClosed);
        let forced =
            ended(AMQPHardError::CONNECTIONFORCED.into(), "CONNECTION_FORCED - broker forced connection closure");
        assert_eq!(forced, QueueState::ConnectionLost);
    }

    #[test]
    fn a_message_is_tried_again_for_as_long_as_somebody_does() {
        let retrying = Retrying::default();
        assert_eq!((retrying.count(), retrying.last()), (0, None));
        let (first, second) = (retrying.one(&"full"), retrying.one(&"unroutable"));
        assert_eq!((retrying.count(), retrying.last().as_deref()), (2, Some("unroutable")));
        drop((first, second));
        assert_eq!((retrying.clone().count(), retrying.last().as_deref()), (0, Some("unroutable")));
    }
}
