//! The lock of a work queue: `cxchain.lock.<queue>`, an exclusive queue of the connection that consumes.
//!
//! RabbitMQ gives an exclusive queue to one connection and deletes it when that connection is over, however it ends. So there is
//! no lock to be left behind, and whatever else comes over the connection comes from the holder of the lock. An exclusive
//! *consumer* would not do: RabbitMQ lets a second one in on a quorum queue.

use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ErrorKind};

use super::letter::short;

/// RESOURCE_LOCKED.
const LOCKED: u16 = 405;

/// The queue that is the lock of `queue`.
pub(super) fn name(queue: &str) -> String {
    format!("cxchain.lock.{queue}")
}

/// Takes the lock of `queue`, or finds that this connection has it.
pub(super) async fn take(connection: &Connection, queue: &str) -> lapin::Result<()> {
    let channel = connection.create_channel().await?;
    take_on(&channel, queue).await?;
    channel.close(200, "done".into()).await
}

/// As [`take`]. A refusal closes the channel.
pub(super) async fn take_on(channel: &Channel, queue: &str) -> lapin::Result<()> {
    // Not durable, and gone with the connection anyway: with auto-delete it goes, too, when somebody has consumed from it.
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(short(&name(queue)), options, FieldTable::default()).await.map(|_| ())
}

/// Whether the broker says that another connection has it.
pub(super) fn is_held(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(said) if said.get_id() == LOCKED)
}

/// Another worker works on the queue, and did not let go of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "queue {queue} is another worker's: it holds the lock {lock}, an exclusive queue of its connection to RabbitMQ \
     (`rabbitmqctl list_queues name owner_pid` and `list_connections pid name` tell which), and did not let go of it within {} s. \
     A journal on a disk is one worker's own, and so is the queue that it keeps the runs of: stop the other worker, or give each a \
     queue of its own. Several workers on one queue need journal.kind = \"redis\", which this release does not have yet",
    waited.as_secs()
)]
pub struct Locked {
    /// The work queue.
    pub queue: String,
    /// The lock's name on the broker.
    pub lock: String,
    /// For how long it was tried.
    pub waited: Duration,
}

#[cfg(test)]
mod tests {
    use lapin::protocol::{AMQPError, AMQPErrorKind, AMQPSoftError};

    use super::*;

    #[test]
    fn a_lock_that_another_connection_has_is_told_from_all_else() {
        let said = |kind: AMQPErrorKind| lapin::Error::from(ErrorKind::ProtocolError(AMQPError::new(kind, "x".into())));
        assert!(is_held(&said(AMQPSoftError::RESOURCELOCKED.into())));
        assert!(!is_held(&said(AMQPSoftError::ACCESSREFUSED.into())));
        assert!(!is_held(&ErrorKind::InvalidChannel(1).into()));
    }

    #[test]
    fn the_longest_name_of_a_work_queue_leaves_room_for_its_lock() {
        let longest = "q".repeat(200);
        assert_eq!(short(&name(&longest)).as_str(), name(&longest));
    }
}
