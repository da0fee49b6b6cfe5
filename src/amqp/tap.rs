//! A consumer on a channel of its own: deliveries come out of it until something ends it. A stream that ends is an event (the
//! broker cancelled it, the queue is gone, the channel broke), never idleness.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use lapin::message::Delivery as Message;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::consumer::QueueSettings;
use super::custody::Held;
use super::letter::{short, text_header};
use super::lock;
use super::publisher::Publisher;
use super::receipt::AmqpReceipt;
use super::status::{Break, QueueState};
use super::vacancy::{self, InHand, Seen, Vacancy};
use crate::chain::stamp::Millis;
use crate::ports::{Clock, Delivery, SystemClock, Tether};

/// How long the broker may take to open a consumer. A connection that breaks while it is asked may never answer.
const OPENED: Duration = Duration::from_secs(10);
/// How long the broker may take to cancel a consumer or to close a channel.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two looks whether a queue that is held is empty.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One consumer.
pub(super) struct Tap {
    queue: String,
    publisher: Publisher,
    channel: Channel,
    tag: ShortString,
    messages: lapin::Consumer,
    /// Of a journal that holds its queues.
    held: Option<Held>,
    tether: Tether,
    in_hand: InHand,
}

/// Why one consumer is over.
pub(super) enum Over {
    /// What is in hand is still to be settled on its channel.
    Stopped,
    Broken(Break),
}

impl Tap {
    pub(super) async fn open(
        connection: &Connection,
        queue: &QueueSettings,
        held: Option<Held>,
        publisher: Publisher,
    ) -> Result<Self, Break> {
        let opening = async {
            let channel = connection.create_channel().await?;
            channel.basic_qos(queue.prefetch, BasicQosOptions::default()).await?;
            // A fresh tag every time: reused ones strand messages on RabbitMQ 3.10 (rabbitmq-server PR #9158).
            let tag = short(&format!("cxchain-{}", uuid::Uuid::now_v7()));
            let options = BasicConsumeOptions::default();
            let messages =
                channel.basic_consume(short(&queue.name), tag.clone(), options, FieldTable::default()).await?;
            Ok((channel, tag, messages))
        };
        let silent = |_| {
            let why = format!("no answer within {} s", OPENED.as_secs());
            Break { state: QueueState::ConnectionLost, why }
        };
        let opened: lapin::Result<_> = tokio::time::timeout(OPENED, opening).await.map_err(silent)?;
        let (channel, tag, messages) = opened?;
        info!(queue = queue.name, prefetch = queue.prefetch, "consuming");
        let queue = queue.name.clone();
        let (tether, in_hand) = (Tether::default(), InHand::default());
        Ok(Self { queue, publisher, channel, tag, messages, held, tether, in_hand })
    }

    /// Consumes until something ends it, and looks from time to time whether a queue that is held is empty.
    pub(super) async fn run(&mut self, line: &mpsc::Sender<Delivery>, stop: &CancellationToken) -> Over {
        let mut vacancy = Vacancy::default();
        let mut look = std::pin::pin!(self.look());
        loop {
            tokio::select! {
                // A delivery that is there comes before a look that would not see it.
                biased;
                () = stop.cancelled() => {
                    // A broker that does not answer is not waited for: what it still hands out, it hands out again.
                    let _ = tokio::time::timeout(ANSWER, self.drain(line)).await;
                    return Over::Stopped;
                }
                next = self.messages.next() => match next {
                    Some(Ok(message)) => {
                        vacancy.disturb();
                        self.pass_on(message, line).await;
                    }
                    Some(Err(error)) => return Over::Broken(error.into()),
                    None => {
                        let why = "the broker ended the consumer".to_owned();
                        return Over::Broken(Break { state: QueueState::Cancelled, why });
                    }
                },
                (at, seen) = &mut look => {
                    let since = match seen {
                        Ok(seen) => vacancy.seen(at, seen, &self.in_hand),
                        Err(why) => return Over::Broken(why),
                    };
                    if let Some((since, held)) = since.zip(self.held.as_mut()) {
                        tokio::select! {
                            // Whoever stops waits for no journal.
                            () = stop.cancelled() => {}
                            told = held.emptied(since) => if let Err(why) = told {
                                return Over::Broken(why);
                            }
                        }
                    }
                    look.set(self.look());
                }
            }
        }
    }

    /// A look at the queue, after a while; when it began. For a queue that is not held there is none: others may have messages of
    /// it in hand.
    fn look(&self) -> impl Future<Output = (Millis, Result<Seen, Break>)> + use<> {
        let held = self.held.is_some();
        let (channel, queue) = (self.channel.clone(), self.queue.clone());
        async move {
            if !held {
                return std::future::pending().await;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let at = Millis::of(SystemClock.now());
            // Once more the lock: it is still this connection's, and a policy with `expires` does not take it for unused.
            let seen = match lock::take_on(&channel, &queue).await {
                Ok(()) => vacancy::look(&channel, &queue).await.map_err(Break::from),
                Err(error) if lock::is_held(&error) => {
                    let why = format!("another connection has taken {}", lock::name(&queue));
                    Err(Break { state: QueueState::Locked, why })
                }
                Err(error) => Err(error.into()),
            };
            (at, seen)
        }
    }

    /// Cancels the consumer and passes on what is in hand already: whoever takes it gives it back.
    async fn drain(&mut self, line: &mpsc::Sender<Delivery>) {
        if let Err(error) = self.channel.basic_cancel(self.tag.clone(), BasicCancelOptions::default()).await {
            debug!(queue = self.queue, "the consumer was gone before it was cancelled: {error}");
            return;
        }
        while let Some(Ok(message)) = self.messages.next().await {
            self.pass_on(message, line).await;
        }
    }

    async fn pass_on(&self, message: Message, line: &mpsc::Sender<Delivery>) {
        let body = Bytes::from(message.data);
        let properties = message.properties;
        let text = |value: &Option<ShortString>| value.as_ref().map(ToString::to_string);
        self.in_hand.take_in();
        let delivery = Delivery {
            queue: self.queue.as_str().into(),
            body: body.clone(),
            message_id: text(properties.message_id()),
            correlation_id: text(properties.correlation_id()),
            reply_to: text(properties.reply_to()),
            traceparent: properties.headers().as_ref().and_then(|headers| text_header(headers, "traceparent")),
            redelivered: message.redelivered,
            history_lost: message.redelivered && self.held.as_ref().is_some_and(Held::is_history_lost),
            receipt: Box::new(AmqpReceipt {
                acker: message.acker,
                queue: self.queue.clone(),
                properties,
                body,
                publisher: self.publisher.clone(),
                tether: self.tether.clone(),
                in_hand: self.in_hand.clone(),
            }),
        };
        // The receiver is gone only when the worker is: the broker hands the message out again.
        let _ = line.send(delivery).await;
    }

    /// Every receipt of this channel is void before its message comes again: nobody takes the new delivery for a second message.
    pub(super) async fn give_up(self) {
        self.tether.cut();
        let _ = tokio::time::timeout(ANSWER, self.channel.close(200, "replaced".into())).await;
    }

    /// Acks sent just before a channel closes may be lost (rabbitmq-server #10327). A question about the queue goes the same way
    /// behind them, so its answer says that they have arrived.
    pub(super) async fn close(self) {
        let closing = async {
            if let Err(error) = vacancy::look(&self.channel, &self.queue).await {
                debug!(queue = self.queue, "the channel was gone before it was closed: {error}");
                return;
            }
            let _ = self.channel.close(200, "bye".into()).await;
        };
        let _ = tokio::time::timeout(ANSWER, closing).await;
    }
}
