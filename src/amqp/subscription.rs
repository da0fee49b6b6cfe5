//! One work queue and the consumer on it, which is rebuilt from nothing whenever it ends: lock, claim, channel, consumer.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::Connection;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::consumer::{BACKOFF, ConsumerSettings, QueueSettings, prepare};
use super::custody::{Custody, Refusal};
use super::finding::TopologyError;
use super::link::Link;
use super::lock::{self, Locked};
use super::publisher::Publisher;
use super::status::{Break, QueueState};
use super::tap::{Over, Tap};
use crate::ports::{Delivery, Dice, SystemDice};

const LONGEST_BACKOFF: Duration = Duration::from_secs(3);

/// One work queue, consumed from until the worker stops.
pub(super) struct Subscription {
    pub(super) settings: ConsumerSettings,
    pub(super) queue: QueueSettings,
    pub(super) link: Link,
    pub(super) publisher: Publisher,
    pub(super) custody: Custody,
    pub(super) locked: Arc<OnceLock<Locked>>,
    pub(super) line: mpsc::Sender<Delivery>,
    pub(super) stop: CancellationToken,
}

impl Subscription {
    pub(super) async fn run(self) {
        let mut most = BACKOFF;
        // What was said already since it consumed the last time: a queue may be missing for hours.
        let mut said = BTreeSet::new();
        let mut unfit = None;
        loop {
            let opened = match unfit.take() {
                Some(why) => Some(Err(Refusal::Broken(Break { state: QueueState::Differs, why }))),
                None => tokio::select! {
                    () = self.stop.cancelled() => return,
                    opened = self.open() => opened,
                },
            };
            let Break { state, why } = match opened {
                None => return,
                Some(Err(Refusal::Broken(why))) => why,
                Some(Err(Refusal::Forbidden(missing))) => {
                    let (lock, state) = (lock::name(&self.queue.name), QueueState::ChannelClosed);
                    Break { state, why: format!("RabbitMQ does not let this user take {lock}: missing: {missing}") }
                }
                Some(Err(Refusal::Held(locked))) => {
                    self.queue.report.fail(QueueState::Locked, locked.to_string());
                    let _ = self.locked.set(locked);
                    self.stop.cancel();
                    return;
                }
                Some(Ok(mut tap)) => {
                    most = BACKOFF;
                    said.clear();
                    self.queue.report.set(QueueState::Consuming);
                    match tap.run(&self.line, &self.stop).await {
                        Over::Broken(why) => {
                            tap.give_up().await;
                            why
                        }
                        Over::Stopped => {
                            self.queue.report.set(QueueState::Stopped);
                            drop(self.line);
                            // What is in hand is settled on this channel: it closes with the link.
                            self.link.stopped().await;
                            tap.close().await;
                            return;
                        }
                    }
                }
            };
            self.queue.report.fail(state, why.as_str());
            self.link.suspect();
            if said.insert(why.clone()) {
                warn!(queue = self.queue.name, "not consuming: {why}; starting again");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                mended = self.mend(BACKOFF + SystemDice.up_to(most)) => if let Err(error) = mended {
                    // Without its dead-lettering and its delivery limit it would not keep what it is given.
                    unfit = error.differs(&self.queue.name).map(ToString::to_string);
                    let why = error.to_string();
                    if said.insert(why.clone()) {
                        warn!(queue = self.queue.name, "{why}");
                    }
                }
            }
            most = (most * 2).min(LONGEST_BACKOFF);
        }
    }

    /// A consumer on a channel of its own, as soon as there is a connection and the queue is held; `None` when the link has
    /// stopped.
    async fn open(&self) -> Option<Result<Tap, Refusal>> {
        let connection = self.link.connection().await?;
        Some(self.open_on(&connection).await)
    }

    async fn open_on(&self, connection: &Arc<Connection>) -> Result<Tap, Refusal> {
        self.custody.lock(connection, &self.queue.name, &self.queue.report).await?;
        let held = self.custody.hold(connection, &self.queue.name, &self.publisher).await;
        let held = held.map_err(Refusal::Broken)?;
        Tap::open(connection, &self.queue, held, self.publisher.clone()).await.map_err(Refusal::Broken)
    }

    /// After a while, puts back what is missing: a queue that was deleted, say, is made again.
    async fn mend(&self, delay: Duration) -> Result<(), TopologyError> {
        tokio::time::sleep(delay).await;
        let Some(connection) = self.link.connection().await else { return Ok(()) };
        prepare(&self.settings, &connection).await
    }
}
