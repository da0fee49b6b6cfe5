//! The consuming side: topology and locks first, then one subscription per work queue.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::try_join_all;
use lapin::Connection;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::custody::{Custody, Refusal};
use super::finding::TopologyError;
use super::link::Link;
use super::lock::Locked;
use super::publisher::Publisher;
use super::status::{Break, QueueState};
use super::subscription::Subscription;
use super::topology::Topology;
use crate::ports::{BoxFuture, Delivery, Inbox, Journal, Report};

/// Before something that did not work is tried again, at least.
pub(super) const BACKOFF: Duration = Duration::from_millis(200);
/// How long the whole topology may take.
const PREPARED: Duration = Duration::from_secs(20);
/// How long the topology, and then the locks, are tried at the start where the broker does not answer.
const FIRST_PREPARE: Duration = Duration::from_secs(60);

/// One work queue.
#[derive(Debug, Clone)]
pub struct QueueSettings {
    /// Its name.
    pub name: String,
    /// How many unsettled messages the broker hands out at most.
    pub prefetch: u16,
    /// Where it is told how consuming from it stands.
    pub report: Report<QueueState>,
}

/// What the consuming side needs.
#[derive(Clone)]
pub struct ConsumerSettings {
    /// The work queues.
    pub queues: Vec<QueueSettings>,
    /// What is declared, or looked for.
    pub topology: Arc<Topology>,
    /// `broker.declare`.
    pub declare: bool,
    /// Holds the queues: see `custody`.
    pub journal: Arc<dyn Journal>,
    /// `worker.id`, for whoever reads a claim.
    pub worker: String,
    /// `broker.heartbeat`.
    pub heartbeat: Duration,
}

/// Why consuming did not begin.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The broker does not have what is needed, or does not let the user do it.
    #[error("{0}")]
    Topology(#[from] TopologyError),
    /// A queue is another worker's.
    #[error("{0}")]
    Locked(Locked),
}

/// Deliveries of all work queues, in one line.
pub struct Consumer {
    deliveries: mpsc::Receiver<Delivery>,
    locked: Arc<OnceLock<Locked>>,
}

impl Consumer {
    /// Declares (or looks for) the topology, takes the queues' locks and starts to consume; stops at `stop`, when what is in
    /// hand still comes out. When another worker has taken a lock over while a connection was lost, it cancels `stop` itself:
    /// see [`Consumer::locked`].
    ///
    /// # Errors
    /// [`ConsumeError`] when the broker does not have what is needed, or a queue is another worker's.
    pub async fn open(
        settings: ConsumerSettings,
        link: &Link,
        publisher: &Publisher,
        stop: &CancellationToken,
    ) -> Result<Self, ConsumeError> {
        prepare_first(&settings, link).await?;
        let custody = Custody::new(settings.journal.clone(), &settings.worker, settings.heartbeat);
        try_join_all(settings.queues.iter().map(|queue| lock_first(&custody, queue, link))).await?;
        let (line, deliveries) = mpsc::channel(1);
        let locked = Arc::new(OnceLock::new());
        for queue in &settings.queues {
            let subscription = Subscription {
                settings: settings.clone(),
                queue: queue.clone(),
                link: link.clone(),
                publisher: publisher.clone(),
                custody: custody.clone(),
                locked: locked.clone(),
                line: line.clone(),
                stop: stop.clone(),
            };
            link.spawn(subscription.run());
        }
        Ok(Self { deliveries, locked })
    }

    /// The queue that another worker has taken over, if that is why consuming has stopped.
    #[must_use]
    pub fn locked(&self) -> Option<&Locked> {
        self.locked.get()
    }
}

impl Inbox for Consumer {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        Box::pin(self.deliveries.recv())
    }
}

/// The first time: what is missing or differs ends the start; a broker that cannot say so yet does not.
async fn prepare_first(settings: &ConsumerSettings, link: &Link) -> Result<(), TopologyError> {
    let give_up = Instant::now() + FIRST_PREPARE;
    let mut said_so = false;
    while let Some(connection) = link.connection().await {
        match prepare(settings, &connection).await {
            Err(why @ TopologyError::Connection(_)) if Instant::now() < give_up => {
                if !said_so {
                    warn!("{why}; trying again");
                    said_so = true;
                }
            }
            done => return done,
        }
        link.suspect();
        tokio::time::sleep(BACKOFF).await;
    }
    Ok(())
}

/// The first time: a lock that another worker keeps ends the start; a broker that does not answer is asked again for a while.
async fn lock_first(custody: &Custody, queue: &QueueSettings, link: &Link) -> Result<(), ConsumeError> {
    let give_up = Instant::now() + FIRST_PREPARE;
    while let Some(connection) = link.connection().await {
        match custody.lock(&connection, &queue.name, &queue.report).await {
            Ok(()) => return Ok(()),
            Err(Refusal::Held(locked)) => return Err(ConsumeError::Locked(locked)),
            Err(Refusal::Forbidden(missing)) => return Err(TopologyError::Forbidden(vec![missing]).into()),
            Err(Refusal::Broken(Break { why, .. })) if Instant::now() >= give_up => {
                return Err(TopologyError::Connection(why).into());
            }
            Err(Refusal::Broken(_)) => {}
        }
        link.suspect();
        tokio::time::sleep(BACKOFF).await;
    }
    Ok(())
}

/// Declares what is missing, or looks for it.
pub(super) async fn prepare(settings: &ConsumerSettings, connection: &Connection) -> Result<(), TopologyError> {
    let preparing = async {
        if settings.declare {
            settings.topology.apply(connection).await
        } else {
            settings.topology.look(connection).await
        }
    };
    let silent = |_| TopologyError::Connection("no answer in time".into());
    tokio::time::timeout(PREPARED, preparing).await.map_err(silent)?
}
