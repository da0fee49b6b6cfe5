//! What the worker says that it waits for: a line in its log, and `/readyz` for as long as it does.

use crate::support::load::times;
use crate::support::{SOON, Worker, eventually};

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
    /// Waits until the worker says so for the first time. A lost connection may be back before anybody asks for the health.
    pub(crate) async fn said(&self, worker: &Worker) {
        eventually("the worker logs what it waits for", SOON, async || (self.times(worker) > 0).then_some(())).await;
        if !matches!(self, Self::Connection(_)) {
            self.holds(worker).await;
        }
    }

    /// Waits until `/readyz` says so.
    pub(crate) async fn holds(&self, worker: &Worker) {
        let words = match self {
            Self::Room => "RabbitMQ takes no messages (connection.blocked".to_owned(),
            Self::Queue(name) => format!("queue {name}: "),
            Self::Connection(_) => "RabbitMQ: connecting".to_owned(),
        };
        let check = match self {
            Self::Room => "publishing",
            Self::Queue(_) => "consuming",
            Self::Connection(name) if *name == "consume" => "consuming",
            Self::Connection(_) => "publishing",
        };
        let what = format!("/readyz says {words:?}");
        let health = worker.health().await;
        let health = health.until(&what, |health| {
            let waits = health["checks"][check]["waits_for"].as_array();
            waits.is_some_and(|waits| {
                waits.iter().any(|wait| wait.as_str().is_some_and(|wait| wait.starts_with(&words)))
            })
        });
        assert_eq!(health.await["ready"], false, "the worker is not ready while it waits for that");
    }

    /// How often the worker has logged so.
    pub(crate) fn times(&self, worker: &Worker) -> usize {
        match self {
            Self::Room => times(worker, "RabbitMQ takes no messages"),
            Self::Queue(name) => times(worker, &format!("queue {name}: found nothing")),
            Self::Connection(name) => {
                let log = worker.log();
                log.lines().filter(|line| line.contains("connection to RabbitMQ lost") && line.contains(name)).count()
            }
        }
    }
}

/// Waits until `/readyz` says that the worker waits for nothing.
pub(crate) async fn ready(worker: &Worker) {
    worker.health().await.until("the worker is ready again", |health| health["status"] == "ready").await;
}
