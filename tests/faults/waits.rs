//! What the worker says that it waits for. Where it says so is this file's business alone.

use std::time::Duration;

use crate::support::load::{logs_again, times};
use crate::support::{SOON, Worker};

/// What holds a worker up.
pub(crate) enum WaitsFor<'a> {
    /// The broker takes no messages.
    Room,
    /// A work queue is missing, and is not the worker's to declare.
    Queue(&'a str),
    /// The `consume` or `publish` connection is lost.
    Connection(&'a str),
}

impl WaitsFor<'_> {
    /// Waits until the worker says so for the first time.
    pub(crate) async fn said(&self, worker: &Worker) {
        self.said_within(worker, SOON).await;
    }

    pub(crate) async fn said_within(&self, worker: &Worker, within: Duration) {
        match self {
            Self::Connection(_) => {
                let what = "the worker says which connection is lost";
                crate::support::eventually(what, within, async || (self.times(worker) > 0).then_some(())).await;
            }
            _ => logs_again(worker, &self.words(), 0, within).await,
        }
    }

    /// How often the worker has said so.
    pub(crate) fn times(&self, worker: &Worker) -> usize {
        match self {
            Self::Connection(name) => {
                let log = worker.log();
                log.lines().filter(|line| line.contains(&self.words()) && line.contains(name)).count()
            }
            _ => times(worker, &self.words()),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Room => "RabbitMQ takes no messages: it is short of memory or disk".to_owned(),
            Self::Queue(name) => format!("queue {name}: found nothing"),
            Self::Connection(_) => "connection to RabbitMQ lost".to_owned(),
        }
    }
}
