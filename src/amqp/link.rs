//! One connection and its owner. The owner keeps it alive from outside: a connection that is lost is replaced by a new one
//! with jittered back-off; whoever uses it waits for the next one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::{Connection, Event};
use secrecy::SecretString;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::connect::{ConnectError, Retry, connect};
use super::status::LinkState;
use crate::ports::Report;
use crate::tls::Files;

/// How often the owner looks at its connection without being asked to.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the broker may take to answer to the goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a connection needs.
#[derive(Clone)]
pub struct LinkSettings {
    /// `broker.url`.
    pub url: SecretString,
    /// `broker.tls`; for `amqps://` only.
    pub tls: Files,
    /// `broker.heartbeat`.
    pub heartbeat: Duration,
    /// Shown in RabbitMQ's management.
    pub name: String,
    /// Where it is told how the connection stands.
    pub report: Report<LinkState>,
}

/// A connection that comes back.
#[derive(Clone)]
pub struct Link {
    current: watch::Receiver<Option<Arc<Connection>>>,
    suspicion: Arc<Notify>,
    stop: CancellationToken,
    users: TaskTracker,
}

impl Link {
    /// Connects, and keeps the connection until `stop`, or until nobody holds the link any more.
    ///
    /// # Errors
    /// [`ConnectError`] when the first connection does not come about within `retry`.
    pub async fn open(settings: LinkSettings, retry: Retry, stop: CancellationToken) -> Result<Self, ConnectError> {
        let first = connect(&settings, retry).await?;
        let first = Arc::new(first);
        let (sender, current) = watch::channel(Some(first.clone()));
        let suspicion = Arc::new(Notify::new());
        let owner = Owner { settings, sender, suspicion: suspicion.clone(), stop: stop.clone() };
        tokio::spawn(owner.run(first));
        Ok(Self { current, suspicion, stop, users: TaskTracker::new() })
    }

    /// The connection as soon as there is one; `None` when the link has stopped.
    pub(super) async fn connection(&self) -> Option<Arc<Connection>> {
        let mut current = self.current.clone();
        tokio::select! {
            () = self.stop.cancelled() => None,
            found = current.wait_for(|connection| connection.as_ref().is_some_and(|c| c.status().connected())) => {
                found.ok()?.clone()
            }
        }
    }

    /// Something failed on the connection: its owner looks at once.
    pub(super) fn suspect(&self) {
        self.suspicion.notify_one();
    }

    /// Whether there is a connection that takes messages.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|c| c.status().connected() && !c.status().blocked())
    }

    /// Whether the broker takes no messages because it is short of memory or disk.
    pub(super) fn is_blocked(&self) -> bool {
        self.current.borrow().as_ref().is_some_and(|connection| connection.status().blocked())
    }

    /// Returns once the link has stopped.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Starts a task that uses the connection and closes its channels once the link has stopped.
    pub(super) fn spawn(&self, user: impl Future<Output = ()> + Send + 'static) {
        self.users.spawn(user);
    }

    /// Closes the connection for good: its channels first, since a broker that has answered to that has taken note of all
    /// that was settled on them, and since lapin breaks off a connection that is closed while one of its channels is.
    pub async fn close(&self) {
        let connection = self.current.borrow().clone();
        self.stop.cancel();
        self.users.close();
        let goodbye = async {
            self.users.wait().await;
            if let Some(connection) = connection {
                let _ = connection.close(200, "bye".into()).await;
            }
        };
        // A frozen broker does not answer, and neither does a blocked connection.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

struct Owner {
    settings: LinkSettings,
    sender: watch::Sender<Option<Arc<Connection>>>,
    suspicion: Arc<Notify>,
    stop: CancellationToken,
}

impl Owner {
    async fn run(self, connection: Arc<Connection>) {
        self.keep(connection).await;
        self.settings.report.set(LinkState::Closed);
    }

    async fn keep(&self, mut connection: Arc<Connection>) {
        let report = &self.settings.report;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                () = self.sender.closed() => return,
                () = self.until_lost(&connection) => {}
            }
            let name = &self.settings.name;
            warn!(connection = name, "connection to RabbitMQ lost; connecting again");
            let _ = self.sender.send(None);
            report.fail(LinkState::Connecting, "the connection was lost");
            let reconnecting = connect(&self.settings, Retry::Forever);
            let fresh = tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.sender.closed() => return,
                fresh = reconnecting => fresh,
            };
            // `Forever` fails only over the URL, which was good enough for the first connection.
            let Ok(fresh) = fresh else { return };
            connection = Arc::new(fresh);
            let _ = self.sender.send(Some(connection.clone()));
        }
    }

    /// Keeps the one listener that lapin wants, and tells when the broker blocks and unblocks.
    async fn until_lost(&self, connection: &Connection) {
        let mut events = std::pin::pin!(connection.events_listener());
        let mut blocked = false;
        let mut reason = String::new();
        while connection.status().connected() {
            tokio::select! {
                event = events.next() => match event {
                    None => return,
                    Some(Event::ConnectionBlocked(why)) => reason = why,
                    Some(_) => {}
                },
                () = self.suspicion.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let now_blocked = connection.status().blocked();
            if now_blocked {
                self.settings.report.set(LinkState::Blocked(reason.clone()));
            } else if connection.status().connected() {
                self.settings.report.set(LinkState::Connected);
            }
            if now_blocked && !blocked {
                warn!(connection = self.settings.name, reason, "RabbitMQ takes no messages");
            } else if blocked && !now_blocked {
                info!(connection = self.settings.name, "RabbitMQ takes messages again");
            }
            blocked = now_blocked;
        }
    }
}
