//! Why a worker did not start, and why it could not go on.

use std::io;
use std::net::SocketAddr;

use crate::amqp::{ConnectError, ConsumeError, Locked, TopologyError};
use crate::cxone::CxoneError;
use crate::gate::LimitError;
use crate::journal::sqlite::FileError;

/// Why a worker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No broker, or it does not let the worker in.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The broker does not have what the worker stands on.
    #[error("{0}")]
    Topology(TopologyError),
    /// The broker went away, again and again, while exchanges and queues were declared.
    #[error("{0}")]
    Gone(TopologyError),
    /// A work queue is another worker's.
    #[error("{0}")]
    Locked(Locked),
    /// The HTTP clients cannot be made.
    #[error("{0}")]
    Cxone(#[from] CxoneError),
    /// A limit that no gate can hold.
    #[error("tenants.{of}.limits: {problem}")]
    Limit {
        /// The tenant, or its action.
        of: String,
        /// What is wrong.
        problem: LimitError,
    },
    /// The journal's file cannot be used.
    #[error("{0}")]
    Journal(#[from] FileError),
    /// Health cannot be served where it is to be.
    #[error(
        "ops.listen: {address} cannot be listened at: {why}. Workers on one machine need an address each: \
         CXCHAIN__OPS__LISTEN=127.0.0.1:0 takes a free port, an empty value serves no health"
    )]
    Listen {
        /// `ops.listen`.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
}

impl From<TopologyError> for StartError {
    fn from(error: TopologyError) -> Self {
        match error {
            TopologyError::Mismatch(_) | TopologyError::Forbidden(_) => Self::Topology(error),
            TopologyError::Connection(_) => Self::Gone(error),
        }
    }
}

impl From<ConsumeError> for StartError {
    fn from(error: ConsumeError) -> Self {
        match error {
            ConsumeError::Topology(error) => error.into(),
            ConsumeError::Locked(locked) => Self::Locked(locked),
        }
    }
}

/// Why a worker ended without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// Another worker took a queue over while the connection was lost.
    #[error("{0}")]
    Locked(Locked),
    /// The journal cannot be written any more: nothing of what was in hand is settled, and the broker hands it out again.
    #[error("{0}")]
    Journal(FileError),
}
