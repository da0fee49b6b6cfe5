//! The consuming side: one channel and one consumer per work queue, rebuilt from nothing whenever one ends. A consumer stream that
//! ends is an event (the broker cancelled it, the queue is gone, the channel broke), never idleness.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery as Message;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::finding::TopologyError;
use super::letter::{short, text_header};
use super::link::Link;
use super::publisher::Publisher;
use super::receipt::AmqpReceipt;
use super::status::{Break, QueueState};
use super::topology::Topology;
use crate::ports::{BoxFuture, Delivery, Dice, Inbox, Report, SystemDice, Tether};

const BACKOFF: Duration = Duration::from_millis(200);
const LONGEST_BACKOFF: Duration = Duration::from_secs(3);
/// How long the broker may take to cancel a consumer or to close a channel.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the broker may take to open a consumer. A connection that breaks while it is asked may never answer.
const OPENED: Duration = Duration::from_secs(10);
/// How long the whole topology may take.
const PREPARED: Duration = Duration::from_secs(20);
/// How long the topology is tried at the start.
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
}

/// Deliveries of all work queues, in one line.
pub struct Consumer {
    deliveries: mpsc::Receiver<Delivery>,
}

impl Consumer {
    /// Declares (or looks for) the topology and starts to consume; stops at `stop`, when what is in hand still comes out.
    ///
    /// # Errors
    /// [`TopologyError`] when the broker does not have what is needed.
    pub async fn open(
        settings: ConsumerSettings,
        link: &Link,
        publisher: &Publisher,
        stop: &CancellationToken,
    ) -> Result<Self, TopologyError> {
        prepare_first(&settings, link).await?;
        let (line, deliveries) = mpsc::channel(1);
        for queue in &settings.queues {
            let worker = QueueConsumer {
                settings: settings.clone(),
                queue: queue.clone(),
                link: link.clone(),
                publisher: publisher.clone(),
                line: line.clone(),
                stop: stop.clone(),
            };
            link.spawn(worker.run());
        }
        Ok(Self { deliveries })
    }
}

/// Acks sent just before a channel closes may be lost (rabbitmq-server #10327). A question about the queue goes the same way
/// behind them, so its answer says that they have arrived.
async fn last_acks_through(channel: &Channel, queue: &str) {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    if let Err(error) = channel.queue_declare(short(queue), passive, FieldTable::default()).await {
        debug!(queue, "the channel was gone before it was closed: {error}");
        return;
    }
    let _ = channel.close(200, "bye".into()).await;
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

async fn prepare(settings: &ConsumerSettings, connection: &Connection) -> Result<(), TopologyError> {
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

struct QueueConsumer {
    settings: ConsumerSettings,
    queue: QueueSettings,
    link: Link,
    publisher: Publisher,
    line: mpsc::Sender<Delivery>,
    stop: CancellationToken,
}

/// Why one consumer is over.
enum Over {
    /// What is in hand is still to be settled on its channel.
    Stopped,
    Broken(Break),
}

impl QueueConsumer {
    async fn run(self) {
        let mut most = BACKOFF;
        // What was said already since it consumed the last time: a queue may be missing for hours.
        let mut said = BTreeSet::new();
        let mut unfit = None;
        loop {
            let opened = match unfit.take() {
                Some(why) => Some(Err(Break { state: QueueState::Differs, why })),
                None => tokio::select! {
                    () = self.stop.cancelled() => return,
                    opened = self.open() => opened,
                },
            };
            let Break { state, why } = match opened {
                None => return,
                Some(Err(why)) => why,
                Some(Ok((channel, tag, messages))) => {
                    most = BACKOFF;
                    said.clear();
                    self.queue.report.set(QueueState::Consuming);
                    let tether = Tether::default();
                    match self.consume(&channel, tag, messages, &tether).await {
                        Over::Broken(why) => {
                            // Every receipt of this channel is void before its message comes again: nobody takes the new
                            // delivery for a second message.
                            tether.cut();
                            let _ = tokio::time::timeout(ANSWER, channel.close(200, "replaced".into())).await;
                            why
                        }
                        Over::Stopped => {
                            self.queue.report.set(QueueState::Stopped);
                            drop(self.line);
                            // What is in hand is settled on this channel: it closes with the link.
                            self.link.stopped().await;
                            let _ = tokio::time::timeout(ANSWER, last_acks_through(&channel, &self.queue.name)).await;
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

    /// A consumer on a channel of its own, as soon as there is a connection; `None` when the link has stopped.
    async fn open(&self) -> Option<Result<(Channel, ShortString, lapin::Consumer), Break>> {
        let connection = self.link.connection().await?;
        let opened = tokio::time::timeout(OPENED, self.open_on(&connection)).await;
        Some(match opened {
            Ok(opened) => opened.map_err(Break::from),
            Err(_) => {
                let why = format!("no answer within {} s", OPENED.as_secs());
                Err(Break { state: QueueState::ConnectionLost, why })
            }
        })
    }

    async fn open_on(&self, connection: &Connection) -> lapin::Result<(Channel, ShortString, lapin::Consumer)> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(self.queue.prefetch, BasicQosOptions::default()).await?;
        // A fresh tag every time: reused ones strand messages on RabbitMQ 3.10 (rabbitmq-server PR #9158).
        let tag = short(&format!("cxchain-{}", uuid::Uuid::now_v7()));
        let name = short(&self.queue.name);
        let options = BasicConsumeOptions::default();
        let messages = channel.basic_consume(name, tag.clone(), options, FieldTable::default()).await?;
        info!(queue = self.queue.name, prefetch = self.queue.prefetch, "consuming");
        Ok((channel, tag, messages))
    }

    /// After a while, puts back what is missing: a queue that was deleted, say, is made again.
    async fn mend(&self, delay: Duration) -> Result<(), TopologyError> {
        tokio::time::sleep(delay).await;
        let Some(connection) = self.link.connection().await else { return Ok(()) };
        prepare(&self.settings, &connection).await
    }

    /// Consumes until something ends it.
    async fn consume(
        &self,
        channel: &Channel,
        tag: ShortString,
        mut messages: lapin::Consumer,
        tether: &Tether,
    ) -> Over {
        loop {
            let next = tokio::select! {
                () = self.stop.cancelled() => {
                    // A broker that does not answer is not waited for: what it still hands out, it hands out again.
                    let _ = tokio::time::timeout(ANSWER, self.drain(channel, tag, messages, tether)).await;
                    return Over::Stopped;
                },
                next = messages.next() => next,
            };
            match next {
                Some(Ok(message)) => self.pass_on(message, tether).await,
                Some(Err(error)) => return Over::Broken(error.into()),
                None => {
                    let why = "the broker ended the consumer".to_owned();
                    return Over::Broken(Break { state: QueueState::Cancelled, why });
                }
            }
        }
    }

    /// Cancels the consumer and passes on what is in hand already: whoever takes it gives it back.
    async fn drain(&self, channel: &Channel, tag: ShortString, mut messages: lapin::Consumer, tether: &Tether) {
        if let Err(error) = channel.basic_cancel(tag, BasicCancelOptions::default()).await {
            debug!(queue = self.queue.name, "the consumer was gone before it was cancelled: {error}");
            return;
        }
        while let Some(Ok(message)) = messages.next().await {
            self.pass_on(message, tether).await;
        }
    }

    async fn pass_on(&self, message: Message, tether: &Tether) {
        let body = Bytes::from(message.data);
        let properties = message.properties;
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        let delivery = Delivery {
            queue: self.queue.name.as_str().into(),
            body: body.clone(),
            message_id: text(properties.message_id()),
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            traceparent: properties.headers().as_ref().and_then(|headers| text_header(headers, "traceparent")),
            redelivered: message.redelivered,
            receipt: Box::new(AmqpReceipt {
                acker: message.acker,
                queue: self.queue.name.clone(),
                properties,
                body,
                publisher: self.publisher.clone(),
                tether: tether.clone(),
            }),
        };
        // The receiver is gone only when the worker is: the broker hands the message out again.
        let _ = self.line.send(delivery).await;
    }
}
